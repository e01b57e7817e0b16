//! `bookend fmt`

use std::fs;
use std::path::PathBuf;

use crate::{data, root, run, run_with_input};

const UNTIDY: &str = "\
kind: Policy
apiVersion: bookend.dev/v1alpha1
metadata: {name: closed}
spec:
    isolate:   # whatever no rule allows
        - workloads: {}
";

/// A directory with one untidy file.
fn directory(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("fmt-{name}"));
    let _absent = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("policy.yaml"), UNTIDY).unwrap();
    directory
}

#[test]
fn standard_input_is_formatted_to_standard_output() {
    insta::assert_snapshot!(run_with_input(&root(), &["fmt", "-"], UNTIDY).transcript());
}

#[test]
fn a_file_is_formatted_once_and_for_all() {
    let directory = directory("once");
    let first = run(&directory, &["fmt", "policy.yaml"]);
    assert_eq!((first.code, first.out.as_str(), first.err.as_str()), (Some(0), "", ""));
    let formatted = fs::read_to_string(directory.join("policy.yaml")).unwrap();
    assert_ne!(formatted, UNTIDY);
    assert!(formatted.contains("# whatever no rule allows"), "{formatted}");
    assert_eq!(run(&directory, &["fmt", "--check", "policy.yaml"]).code, Some(0));
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn a_check_changes_nothing_and_tells_what_would() {
    let directory = directory("check");
    insta::assert_snapshot!(run(&directory, &["fmt", "--check", "--diff", "policy.yaml"]).transcript());
    assert_eq!(run(&directory, &["fmt", "--check", "policy.yaml"]).out, "policy.yaml\n");
    assert_eq!(fs::read_to_string(directory.join("policy.yaml")).unwrap(), UNTIDY);
}

#[test]
fn what_is_no_document_is_refused_and_left_alone() {
    let run = run(&data("bad"), &["fmt", "--check", "not-yaml.yaml"]);
    assert_eq!(run.code, Some(4), "{}", run.transcript());
    assert!(run.err.contains("error[B1001]"), "{}", run.err);
}
