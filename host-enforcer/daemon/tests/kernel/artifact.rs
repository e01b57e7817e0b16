//! What is to be tested.

use std::io::Write;
use std::path::PathBuf;

/// The object to test, or `None` after saying loudly that nothing was tested: on a machine without root or without
/// the cross target. Where `BOOKEND_DIST` or `CI` is set the tests are wanted, and what is missing is an error.
pub(crate) fn object() -> Option<PathBuf> {
    let wanted = std::env::var_os("BOOKEND_DIST");
    let root = rustix::process::geteuid().is_root();
    let object = wanted.as_ref().map(|dist| PathBuf::from(dist).join("bookend_ebpf.o"));
    match object {
        Some(object) if root && object.exists() => return Some(object),
        Some(object) => {
            panic!("these tests need root and `{}`; run `scripts/test` as root", object.display())
        }
        None => assert!(
            std::env::var_os("CI").is_none(),
            "in CI `BOOKEND_DIST` must name the directory of the artifacts; run `scripts/test` as root"
        ),
    }
    // Past the capture of the test harness.
    let _ = std::io::stderr().write_all(
        b"\n*** NOT TESTED: the kernel programs. These tests need root and BOOKEND_DIST; run `scripts/test`. ***\n",
    );
    None
}
