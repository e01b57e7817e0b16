//! `bookend import`

use std::fs;
use std::path::PathBuf;

use crate::{root, run, run_with_input};

const FILES: [&str; 6] = [
    "import",
    "-f",
    "examples/migration",
    "-i",
    "examples/bookinfo/bookinfo.yaml",
    "examples/bookinfo/inventory.yaml",
];

#[test]
fn policies_of_two_systems_become_one_of_each_plane() {
    insta::assert_snapshot!(run(&root(), &FILES).transcript());
}

#[test]
fn programs_get_the_documents_and_what_was_proven() {
    let run = run(&root(), &[&FILES[..], &["-o", "json"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.err);
    let answer: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let names: Vec<_> =
        answer["documents"].as_array().unwrap().iter().map(|d| d["name"].as_str().unwrap()).collect();
    assert!(!names.is_empty());
    assert_eq!(answer["policies"]["networkpolicy"], 5);
    assert!(answer["proof"]["classes"].as_u64().unwrap() > 4);
    assert_eq!(answer["warnings"].as_array().unwrap().len(), 0);
}

#[test]
fn every_document_goes_into_a_file_of_its_own() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("imported");
    let _absent = fs::remove_dir_all(&directory);
    let out = format!("{}/", directory.display());
    let first = run(&root(), &[&FILES[..], &["--out", &out]].concat());
    assert_eq!((first.code, first.out.as_str()), (Some(0), ""), "{}", first.err);
    let written: Vec<_> = fs::read_dir(&directory).unwrap().collect();
    assert!(!written.is_empty());
    // What was written is native, and says the same once more.
    let again = run(
        &root(),
        &["import", "-f", &out, "-i", "examples/bookinfo/bookinfo.yaml", "examples/bookinfo/inventory.yaml"],
    );
    assert_eq!(again.code, Some(0), "{}", again.transcript());
    assert!(again.err.contains("0 policies of other systems"), "{}", again.err);
}

#[test]
fn where_there_is_no_policy_nothing_is_written() {
    for command in [&["import"][..], &["export", "--to", "istio"]] {
        let run = run(&root(), &[command, &["-f", "examples/bookinfo/bookinfo.yaml"]].concat());
        assert_eq!((run.code, run.out.as_str()), (Some(1), ""), "{}", run.transcript());
        assert!(run.err.contains("there is no policy in these files"), "{}", run.err);
    }
}

#[test]
fn files_and_an_answer_for_programs_are_not_both_written() {
    let both = ["--out", "nowhere.yaml", "-o", "json"];
    for command in [&["import"][..], &["export", "--to", "calico"]] {
        // Said before anything is read.
        let run = run(&root(), &[command, &["-f", "no-such-file.yaml"], &both].concat());
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{}", run.transcript());
        assert!(run.err.contains("`--out` is for YAML"), "{}", run.err);
    }
}

#[test]
fn warnings_are_counted_and_labels_of_accounts_are_of_today() {
    let text = "apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: { name: db, namespace: shop }
spec:
  selector: all()
  ingress:
  - { action: Allow, source: { serviceAccounts: { selector: role == 'api' } } }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: api, namespace: shop, labels: { role: api } }
---
apiVersion: v1
kind: Pod
metadata: { name: db, namespace: shop }
spec: { serviceAccountName: db }
status: { podIP: 10.0.0.7 }
";
    let imported = run_with_input(&root(), &["import", "-f", "-"], text);
    assert_eq!(imported.code, Some(0), "{}", imported.transcript());
    let warnings = "; `bookend check` shows what is meant\n";
    assert!(imported.err.contains(warnings), "{}", imported.err);
    assert!(
        imported.err.contains("read: 1 policy of another system (1 caliconetworkpolicy)"),
        "{}",
        imported.err
    );
    assert!(imported.err.contains("with the labels of service accounts of today"), "{}", imported.err);
    assert!(!imported.err.contains("whatever workloads"), "{}", imported.err);
}

#[test]
fn policies_that_are_refused_are_not_written() {
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: a }\nspec: { podSelectr: {} }\n";
    let run = run_with_input(&root(), &["import", "-f", "-"], policy);
    assert_eq!((run.code, run.out.as_str()), (Some(4), ""), "{}", run.err);
}
