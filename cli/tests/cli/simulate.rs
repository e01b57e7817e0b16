//! `bookend simulate`, as far as it goes without the module; `testenv` runs it with the real one.

use crate::{command, root, run};

fn simulate(arguments: &[&str]) -> String {
    let common = ["simulate", "-f", "examples/bookinfo", "--path", "/ratings/7", "--port", "9080"];
    run(&root(), &[&common, arguments].concat()).transcript()
}

#[test]
fn a_destination_without_a_proxy_has_no_filter() {
    let module = ["--module", "Cargo.toml"];
    let transcript = simulate(&[&["--from", "reviews", "--to", "intruder"], &module[..]].concat());
    assert!(transcript.starts_with("exit code: 1"), "{transcript}");
    assert!(transcript.contains("`default/intruder` has no proxy"), "{transcript}");
}

#[test]
fn a_file_that_is_no_module_is_named() {
    let transcript = simulate(&["--from", "reviews-v2", "--to", "ratings", "--module", "Cargo.toml"]);
    assert!(transcript.contains("cannot load the filter's module `Cargo.toml`"), "{transcript}");
}

#[test]
fn a_module_that_is_not_there_is_asked_for() {
    let empty = env!("CARGO_TARGET_TMPDIR");
    let arguments =
        ["simulate", "-f", "examples/bookinfo", "--from", "reviews-v2", "--to", "ratings", "--path", "/"];
    let output = command(&root()).env("BOOKEND_DIST", empty).args(arguments).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("there is no filter module at"), "{error}");
    assert!(error.contains("build it with `scripts/build`, or name it with `--module`"), "{error}");
}

#[test]
fn a_header_without_a_name_is_wrong_usage() {
    let transcript = simulate(&["--from", "reviews-v2", "--to", "ratings", "-H", ": value"]);
    assert!(transcript.starts_with("exit code: 2"), "{transcript}");
}
