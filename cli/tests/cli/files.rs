//! Which files are read, and how.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Stdio;

use crate::{command, data, root, run, run_with_input};

/// A directory of its own for one test.
fn directory(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _absent = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

const POLICY: &str = "\
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: closed }
spec: { isolate: [{ workloads: {} }] }
";

#[test]
fn a_missing_file_is_one_sentence_and_exit_code_1() {
    let run = run(&root(), &["check", "-f", "nowhere.yaml"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(
        run.err,
        "error: there is no file `nowhere.yaml`; check the path, or use `-` for standard input\n"
    );
}

#[test]
fn standard_input_is_a_file() {
    let run = run_with_input(&root(), &["check", "-f", "-"], POLICY);
    assert_eq!(run.out, "ok: 1 policy (default/closed), 0 rules, 0 workloads\n");
}

#[test]
fn a_file_named_twice_is_read_once() {
    let run = run(&root(), &["check", "-f", "examples/bookinfo", "-i", "examples/bookinfo/inventory.yaml"]);
    assert_eq!(run.code, Some(0), "{}", run.transcript());
}

#[test]
fn a_directory_means_its_documents_and_nothing_else() {
    let directory = directory("documents");
    fs::write(directory.join("a.yaml"), POLICY).unwrap();
    fs::write(directory.join("notes.txt"), "not a document: [").unwrap();
    fs::create_dir(directory.join("b.yaml")).unwrap();
    let run = run(&directory, &["check", "-f", "."]);
    assert_eq!(run.code, Some(0), "{}", run.transcript());
}

#[test]
fn subdirectories_are_read_in_order_of_their_paths() {
    let directory = directory("nested");
    fs::create_dir_all(directory.join("b/c")).unwrap();
    let named = |name: &str| POLICY.replace("closed", name).replace("spec", "spek");
    fs::write(directory.join("b/c/2.yml"), named("second")).unwrap();
    fs::write(directory.join("b/1.json"), named("first")).unwrap();
    fs::write(directory.join("c.yaml"), named("third")).unwrap();
    let run = run(&directory, &["check", "-f", ".", "-o", "json"]);
    assert_eq!(run.code, Some(4), "{}", run.transcript());
    let found = ["b/1.json", "b/c/2.yml", "c.yaml"].map(|file| run.out.find(file));
    assert!(found.is_sorted() && found[0].is_some(), "{}", run.out);
}

#[test]
fn what_is_hidden_is_left_out_and_nothing_is_read_twice() {
    let directory = directory("mounted");
    // As Kubernetes mounts a ConfigMap.
    fs::create_dir(directory.join("..2026_01_01")).unwrap();
    fs::write(directory.join("..2026_01_01/policy.yaml"), POLICY).unwrap();
    symlink("..2026_01_01", directory.join("..data")).unwrap();
    symlink("..data/policy.yaml", directory.join("policy.yaml")).unwrap();
    fs::write(directory.join(".draft.yaml"), "not a document: [").unwrap();
    // And what leads back to where it comes from.
    fs::create_dir(directory.join("more")).unwrap();
    symlink("..", directory.join("more/back")).unwrap();
    let run = run(&directory, &["check", "-f", "."]);
    assert_eq!(run.out, "ok: 1 policy (default/closed), 0 rules, 0 workloads\n", "{}", run.transcript());
}

#[test]
fn a_link_that_leads_nowhere_is_an_error_and_no_file_fewer() {
    let directory = directory("dangling");
    fs::write(directory.join("a.yaml"), POLICY).unwrap();
    symlink("gone.yaml", directory.join("b.yaml")).unwrap();
    let run = run(&directory, &["check", "-f", "."]);
    assert_eq!(run.code, Some(1), "{}", run.transcript());
    assert!(run.err.contains("there is no file `./b.yaml`"), "{}", run.err);
}

#[test]
fn a_directory_without_documents_is_an_error() {
    let directory = directory("nothing");
    let run = run(&directory, &["check", "-f", "."]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("hold no `*.yaml`"), "{}", run.err);
}

#[test]
fn a_huge_file_is_refused_without_reading_all_of_it() {
    let directory = directory("huge");
    let file = fs::File::create(directory.join("huge.yaml")).unwrap();
    file.set_len(50 << 20).unwrap();
    let run = run(&directory, &["check", "-f", "huge.yaml"]);
    assert_eq!(run.code, Some(4));
    insta::assert_snapshot!(run.transcript());
}

#[test]
fn an_endless_input_is_refused_too() {
    let run = run(&root(), &["check", "-f", "/dev/zero"]);
    assert_eq!(run.code, Some(4));
    assert!(run.out.contains("error[B1002]"), "{}", run.out);
}

#[test]
fn nobody_reading_the_answer_is_no_error() {
    let mut child = command(&data("bad"))
        .args(["check", "-f", "several.yaml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(4), Vec::new()));
}

#[test]
fn every_command_refuses_bad_documents_with_the_same_code() {
    for rest in [
        &["explain", "--from", "a", "--to", "b"][..],
        &["simulate", "--from", "a", "--to", "b", "--path", "/"],
        &["render", "--target", "kernel"],
    ] {
        let arguments = [rest, &["-f", "unknown-field.yaml"]].concat();
        let run = run(&data("bad"), &arguments);
        assert_eq!(run.code, Some(4), "{}", run.transcript());
        assert!(run.err.contains("error[B1105]"), "{}", run.err);
        assert_eq!(run.out, "");

        let json = ["-f", "unknown-field.yaml", "-o", "json"];
        let run = crate::run(&data("bad"), &[rest, &json].concat());
        let check = crate::run(&data("bad"), &[&["check"], &json[..]].concat());
        assert_eq!((run.code, run.err.as_str()), (Some(4), ""), "{}", run.out);
        assert_eq!(run.out, check.out, "the answer is the same as `check`'s");
    }
}
