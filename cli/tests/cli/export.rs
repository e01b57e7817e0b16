//! `bookend export`.

use crate::{Run, root, run};

/// What is written of Bookinfo's policy for a system.
fn bookinfo(system: &str, more: &[&str]) -> Run {
    run(&root(), &[&["export", "--to", system, "-f", "examples/bookinfo"], more].concat())
}

#[test]
fn every_system_is_told_what_it_can_say() {
    for (system, kind) in
        [("kubernetes", "NetworkPolicy"), ("istio", "AuthorizationPolicy"), ("calico", "Tier")]
    {
        let run = bookinfo(system, &[]);
        assert!(run.out.contains(&format!("kind: {kind}\n")), "{}", run.transcript());
        assert!(run.out.contains("app.kubernetes.io/managed-by: bookend"), "{}", run.transcript());
        assert!(run.err.contains("told above"), "{}", run.transcript());
        // Whoever lets pass what is denied says so, and ends otherwise.
        assert_eq!(run.code == Some(3), run.err.contains("open: "), "{}", run.transcript());
    }
}

#[test]
fn without_cluster_policies_nothing_is_denied_first() {
    let run = bookinfo("kubernetes", &["--without-cluster-policies"]);
    assert_eq!(run.code, Some(3), "{}", run.transcript());
    assert!(!run.out.contains("ClusterNetworkPolicy"), "{}", run.out);
    assert!(
        run.err.contains("open: default/bookinfo/nobody-touches-metadata (examples/bookinfo/policy.yaml:"),
        "{}",
        run.err
    );
}

#[test]
fn network_policies_are_written_again() {
    let run = run(&root(), &["export", "--to", "kubernetes", "-f", "cli/tests/exported/recipes.yaml"]);
    assert_eq!(run.code, Some(0), "{}", run.transcript());
    assert!(run.out.contains("name: web-allow-all-ns-monitoring\n"), "{}", run.transcript());
}

#[test]
fn programs_read_documents_and_differences() {
    let run = bookinfo("kubernetes", &["-o", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(answer["documents"][0]["kind"], "NetworkPolicy");
    let gap = &answer["gaps"][0];
    assert_eq!(gap["place"]["file"], "examples/bookinfo/policy.yaml", "{gap}");
    assert!(["open", "looser", "stricter", "same"].contains(&gap["effect"].as_str().unwrap()), "{gap}");
}

#[test]
fn each_document_may_have_a_file_of_its_own() {
    let directory = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("exported");
    let path = format!("{}/", directory.display());
    let run = bookinfo("kubernetes", &["--out", &path]);
    assert_eq!(run.out, "", "{}", run.transcript());
    let mut names: Vec<String> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.contains(&"networkpolicy-default-bookinfo.yaml".to_owned()), "{names:?}");
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_mesh_does_not_get_the_policies_of_a_network() {
    let run = run(&root(), &["export", "--to", "istio", "-f", "cli/tests/exported/recipes.yaml"]);
    assert_eq!(run.code, Some(2), "{}", run.transcript());
    assert!(run.err.contains("the policies of the plane `network` cannot be written"), "{}", run.err);
}

#[test]
fn planes_that_decide_apart_are_not_written_as_one() {
    let files = ["-f", "cli/tests/exported/recipes.yaml", "examples/bookinfo"];
    let both = run(&root(), &[&["export", "--to", "calico"][..], &files].concat());
    assert_eq!(both.code, Some(2), "{}", both.transcript());
    assert!(both.err.contains("choose one by `--plane`"), "{}", both.err);
    let one = run(&root(), &[&["export", "--to", "kubernetes", "--plane", "network"][..], &files].concat());
    assert_eq!(one.code, Some(0), "{}", one.transcript());
    assert!(one.err.contains("same: default/bookinfo/isolate[0]"), "{}", one.err);
}
