//! What the machine must offer, checked before anything is touched.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The oldest kernel with tcx.
const KERNEL: (u32, u32) = (6, 6);

/// Namespaces and raw sockets need root.
pub fn root() -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    Err(Error::new("network namespaces need root").cure("run this again as root, for example with sudo"))
}

/// The host enforcer attaches with tcx, which came with Linux 6.6.
pub fn kernel() -> Result<()> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    if parse_release(&release).is_some_and(|version| version >= KERNEL) {
        return Ok(());
    }
    let (major, minor) = KERNEL;
    Err(Error::new(format!("the host enforcer needs Linux {major}.{minor}, this is `{}`", release.trim()))
        .cure(format!("boot a kernel of version {major}.{minor} or later")))
}

/// The host enforcer pins its links in the BPF file system.
pub fn bpffs() -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounted = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        fields.next() == Some("/sys/fs/bpf") && fields.next() == Some("bpf")
    };
    if mounts.lines().any(mounted) {
        return Ok(());
    }
    Err(Error::new("no BPF file system at /sys/fs/bpf").cure("run `mount -t bpf bpf /sys/fs/bpf`"))
}

/// Finds Envoy: the variable `BOOKEND_ENVOY`, else the one `scripts/setup` put into the checkout that holds
/// the executable or the current directory.
pub fn envoy() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("BOOKEND_ENVOY").map(PathBuf::from) {
        if path.is_file() {
            return Ok(path);
        }
        return Err(Error::new(format!("`BOOKEND_ENVOY` names `{}`, which is no file", path.display()))
            .cure("correct or unset it"));
    }
    let executable = std::env::current_exe().unwrap_or_default();
    let current = std::env::current_dir().unwrap_or_default();
    let crate_directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    [executable.as_path(), &current, crate_directory]
        .into_iter()
        .flat_map(Path::ancestors)
        .find_map(envoy_below)
        .ok_or_else(|| Error::new("Envoy is not installed").cure("run scripts/setup, or set `BOOKEND_ENVOY`"))
}

/// Finds what `scripts/build` made: in `BOOKEND_DIST`, else beside the running executable.
pub fn artifact(name: &str) -> Result<PathBuf> {
    let beside =
        || std::env::current_exe().unwrap_or_default().parent().map(PathBuf::from).unwrap_or_default();
    let directory = std::env::var_os("BOOKEND_DIST").map_or_else(beside, PathBuf::from);
    let path = directory.join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::new(format!("`{name}` is not in `{}`", directory.display()))
        .cure("run scripts/build, and set `BOOKEND_DIST` to the directory it fills"))
}

fn envoy_below(checkout: &Path) -> Option<PathBuf> {
    let library = fs::read_dir(checkout.join(".cache/venv/lib")).ok()?;
    let candidates = library.flatten().map(|python| python.path().join("site-packages/envoy/_bin/envoy"));
    candidates.into_iter().find(|path| path.is_file())
}

fn parse_release(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_releases_are_read_as_numbers() {
        assert_eq!(parse_release("6.18.44-fc-v657\n"), Some((6, 18)));
        assert_eq!(parse_release("6.6.0"), Some((6, 6)));
        assert!(parse_release("6.18").unwrap() > KERNEL);
        assert_eq!(parse_release("unknown"), None);
    }
}
