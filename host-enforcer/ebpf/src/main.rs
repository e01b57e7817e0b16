//! The BPF programs: `bookend_abi` over the kernel's maps and socket buffers, and nothing else.
//!
//! Built for `bpfel-unknown-none` with the `bpf` profile. For every other target this is an empty program, so that
//! tools which look at the whole workspace pass over it.
//!
//! This crate must not know: anything `bookend_abi` could know instead.

#![cfg_attr(target_arch = "bpf", no_std, no_main, feature(core_intrinsics))]
#![cfg_attr(
    target_arch = "bpf",
    expect(
        internal_features,
        reason = "the compiler is pinned, and only intrinsics give atomic instructions of BPF"
    )
)]

#[cfg(target_arch = "bpf")]
mod kernel;

#[cfg(not(target_arch = "bpf"))]
fn main() {}
