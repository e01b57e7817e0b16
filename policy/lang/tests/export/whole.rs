//! Whole policies, as they are read by people.

use super::*;

/// What these files say, for a target.
fn read(target: Target, plane: Plane, files: &[&str]) -> String {
    let sources: Vec<Source> = files
        .iter()
        .map(|name| {
            let path = format!("{}/../../{name}", env!("CARGO_MANIFEST_DIR"));
            Source::new(*name, std::fs::read(path).unwrap())
        })
        .collect();
    let export = export(&compile(&sources).unwrap(), Wish { target, plane, cluster_policies: true });
    let mut texts: Vec<String> =
        export.documents.iter().map(|document| serde_saphyr::to_string(document).unwrap()).collect();
    texts.push(gaps(&export).join("\n"));
    texts.join("---\n")
}

const BOOKINFO: [&str; 3] =
    ["examples/bookinfo/policy.yaml", "examples/bookinfo/bookinfo.yaml", "examples/bookinfo/inventory.yaml"];

#[test]
fn kubernetes_is_told_who_may_talk_to_whom_and_not_how() {
    insta::assert_snapshot!(read(Target::Kubernetes, Plane::Bookend, &BOOKINFO));
}

#[test]
fn istio_is_told_what_destinations_ask() {
    insta::assert_snapshot!(read(Target::Istio, Plane::Bookend, &BOOKINFO));
}

#[test]
fn calico_gets_tiers_of_its_own() {
    insta::assert_snapshot!(read(Target::Calico, Plane::Bookend, &BOOKINFO));
}

#[test]
fn network_policies_are_written_again() {
    insta::assert_snapshot!(read(Target::Kubernetes, Plane::Network, &["cli/tests/exported/recipes.yaml"]));
}
