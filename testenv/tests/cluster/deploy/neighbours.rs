//! Several installations of one cluster, and clusters that lack what an installation can go without.

use bookend_testenv::apiserver::{Fault, When};
use serde_json::{Value, json};

use super::stage::Stage;

/// What istiod reads, as the controller of an installation writes it.
fn filter(install: &str, name: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter",
        "metadata": { "name": name, "namespace": "shop", "labels": {
            "app.kubernetes.io/name": "bookend", "app.kubernetes.io/component": "filter",
            "app.kubernetes.io/managed-by": "bookend", "bookend.dev/install": install,
        } },
        "spec": { "configPatches": [] },
    })
}

#[test]
fn installations_do_not_touch_each_other() {
    let stage = Stage::begin();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let schema = root.join("testenv/schemas/istio/envoyfilters.yaml");
    stage.server.install_crds(&std::fs::read_to_string(schema).unwrap()).unwrap();
    stage.fine(&stage.install(&["-f", "policy.yaml"]));
    stage.server.put(filter("bookend", "bookend-streams")).unwrap();

    // Nobody could say what belongs to which.
    let same = stage.run(&stage.install(&["--namespace", "elsewhere"]));
    assert!(same.code == 1 && same.error.contains("it has the same name"), "{same:?}");
    let same = stage.run(&stage.install(&["--name", "other"]));
    assert!(same.code == 1 && same.error.contains("it lies in the same namespace"), "{same:?}");

    let before = stage.everything();
    let other = ["--name", "other", "--namespace", "elsewhere"];
    // The same policy is the first one's already.
    let taken = stage.run(&stage.install(&[&other[..], &["-f", "policy.yaml"]].concat()));
    assert!(taken.code == 1 && taken.error.contains("it belongs to the installation `bookend`"), "{taken:?}");
    stage.fine(&stage.install(&other));
    stage.server.put(filter("other", "other-streams")).unwrap();
    for role in ["bookend-enforcer.bookend-system", "bookend-enforcer.elsewhere"] {
        assert!(stage.get("clusterroles.rbac.authorization.k8s.io", "", role).is_some(), "{role}");
    }

    let told = stage.run(&["uninstall", "--name", "other", "--namespace", "elsewhere", "--timeout", "30s"]);
    assert!(told.code == 0 && told.error.contains("the definitions stay"), "{told:?}");
    assert_eq!(stage.everything(), before);
    let filters = "envoyfilters.networking.istio.io";
    assert!(stage.get(filters, "shop", "bookend-streams").is_some());
    assert!(stage.get(filters, "shop", "other-streams").is_none());

    // The last one takes everything with it, whoever brought the definitions last.
    stage.fine(&["uninstall", "--timeout", "30s"]);
    assert!(stage.get(filters, "shop", "bookend-streams").is_none());
    let definitions = stage.server.list("customresourcedefinitions.apiextensions.k8s.io");
    assert!(
        definitions.iter().all(|definition| definition["spec"]["group"] != "bookend.dev"),
        "{definitions:?}"
    );
}

#[test]
fn a_cluster_without_admission_policies_is_told_what_that_means() {
    let stage = Stage::begin();
    let missing = Fault::Refuse(
        404,
        "NotFound".to_owned(),
        "the server could not find the requested resource".to_owned(),
    );
    let path = "/apis/admissionregistration.k8s.io/v1";
    stage.server.fault(When::always().verb("discover").resource(path), missing, None);
    let told = stage.run(&stage.install(&["-f", "policy.yaml"]));
    assert_eq!(told.code, 0, "{told:?}");
    assert!(
        told.error.contains("does not serve validatingadmissionpolicies.admissionregistration.k8s.io"),
        "{told:?}"
    );
    let policies = "validatingadmissionpolicies.admissionregistration.k8s.io";
    assert!(stage.server.list(policies).is_empty());
    // Once it does, the next deployment makes up for it.
    stage.server.heal();
    stage.fine(&stage.install(&["-f", "policy.yaml"]));
    assert_eq!(stage.server.list(policies).len(), 1);
}
