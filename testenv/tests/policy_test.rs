//! `bookend test` with all who judge: the engine, the shipped module, and the shipped programs in the kernel.

#![expect(clippy::expect_used, reason = "functions shared by tests fail as tests do")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Runs the built command in the checkout.
fn bookend(arguments: &[&str]) -> Output {
    let dist = PathBuf::from(
        std::env::var_os("BOOKEND_DIST")
            .expect("`BOOKEND_DIST` must name the directory of the binaries; run scripts/test"),
    );
    Command::new(dist.join("bookend")).args(arguments).current_dir(root()).output().expect("bookend runs")
}

#[track_caller]
fn all_judge(arguments: &[&str]) -> String {
    let output = bookend(arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert!(out.contains("by the kernel's programs"), "{out}{err}");
    out.into_owned()
}

#[test]
fn everybody_agrees_on_bookinfo() {
    let out = all_judge(&["test", "-f", "examples/bookinfo", "--packets", "kernel"]);
    assert!(out.contains("requests by the filter's module"), "{out}");
}

#[test]
fn everybody_agrees_on_the_whole_model() {
    let tests = "cli/tests/tested/passing.yaml";
    let requests = "cli/tests/tested/requests.yaml";
    let out = all_judge(&["test", "-f", "cli/tests/model", tests, requests, "--packets", "kernel"]);
    assert!(out.contains("requests by the filter's module"), "{out}");
}
