//! `bookend deploy` and `bookend uninstall`, as a user runs them, and as the API server sees them.

mod neighbours;
mod rights;
mod stage;

use bookend_testenv::apiserver::{Fate, Fault, Pods, User, When};
use serde_json::{Value, json};

use stage::{POLICY, Stage};

#[test]
fn a_cluster_gets_everything_and_running_it_again_changes_nothing() {
    let stage = Stage::begin();
    let told = stage.fine(&stage.install(&["-f", "policy.yaml"]));
    assert!(told.contains("policies are enforced on every node"), "{told}");
    assert!(stage.get("daemonsets.apps", "bookend-system", "bookend-enforcer").is_some());
    assert!(stage.get("deployments.apps", "bookend-system", "bookend-controller").is_some());
    let policy = stage.get("policies.bookend.dev", "shop", "web").unwrap();
    assert_eq!(policy["metadata"]["labels"]["bookend.dev/install"], "bookend");
    let before = stage.revisions();
    let told = stage.fine(&stage.install(&["-f", "policy.yaml"]));
    assert!(
        told.starts_with("deployed: ") && !told.contains("created") && !told.contains("changed,"),
        "{told}"
    );
    assert_eq!(stage.revisions(), before, "only the ledger is written");
}

#[test]
fn a_trial_run_changes_nothing_and_says_what_would() {
    let stage = Stage::begin();
    let before = stage.server.revision();
    let told = stage.fine(&stage.install(&["-f", "policy.yaml", "--dry-run"]));
    assert!(told.contains("DaemonSet bookend-system/bookend-enforcer created"), "{told}");
    assert!(told.contains("Policy shop/web created"), "{told}");
    assert_eq!(stage.server.revision(), before);
    stage.fine(&stage.install(&["-f", "policy.yaml"]));
    assert!(stage.fine(&stage.install(&["-f", "policy.yaml", "--diff"])).is_empty());
    let before = stage.revisions();
    stage.write("policy.yaml", &POLICY.replace("8080", "9090"));
    let shown = stage.run(&stage.install(&["-f", "policy.yaml", "--diff"]));
    assert_eq!(shown.code, 3, "{shown:?}");
    assert!(shown.out.contains("-      - 8080") || shown.out.contains("-    - 8080"), "{}", shown.out);
    assert!(shown.out.contains("--- Policy shop/web") && !shown.out.contains("DaemonSet"), "{}", shown.out);
    assert_eq!(stage.revisions(), before);
}

#[test]
fn only_what_was_deployed_and_is_no_longer_wanted_is_deleted_and_only_if_that_is_said() {
    let stage = Stage::begin();
    let second = POLICY.replace("name: web", "name: old");
    stage.write("policy.yaml", &format!("{POLICY}---\n{second}"));
    stage.fine(&stage.install(&["-f", "policy.yaml"]));
    let theirs = json!({
        "apiVersion": "bookend.dev/v1alpha1", "kind": "Policy", "metadata": { "name": "theirs", "namespace": "shop" },
        "spec": { "isolate": [{ "workloads": {} }] },
    });
    stage.server.apply("kubectl", theirs).unwrap();
    stage.write("policy.yaml", POLICY);
    let told = stage.run(&["deploy", "--only", "policies", "-f", "policy.yaml"]);
    assert!(
        told.code == 0 && told.error.contains("Policy shop/old is no longer wanted, and stays"),
        "{told:?}"
    );
    let shown = stage.fine(&["deploy", "--only", "policies", "-f", "policy.yaml", "--prune", "--dry-run"]);
    assert!(shown.contains("Policy shop/old deleted") && !shown.contains("theirs"), "{shown}");
    stage.fine(&["deploy", "--only", "policies", "-f", "policy.yaml", "--prune"]);
    assert!(stage.get("policies.bookend.dev", "shop", "old").is_none());
    assert!(stage.get("policies.bookend.dev", "shop", "theirs").is_some());
    assert!(stage.get("daemonsets.apps", "bookend-system", "bookend-enforcer").is_some());
}

#[test]
fn what_somebody_else_manages_is_theirs_until_it_is_taken() {
    let stage = Stage::begin();
    stage.fine(&stage.install(&[]));
    let mut deployment = stage.get("deployments.apps", "bookend-system", "bookend-controller").unwrap();
    deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": deployment["metadata"].clone(), "spec": { "replicas": 5 },
    });
    deployment["metadata"] = json!({ "name": "bookend-controller", "namespace": "bookend-system" });
    stage.server.apply("autoscaler", deployment).unwrap();
    let told = stage.run(&stage.install(&[]));
    assert_eq!(told.code, 1);
    assert!(told.error.contains("`autoscaler` manages `.spec.replicas`"), "{told:?}");
    assert!(told.error.contains("--force"), "{told:?}");
    stage.fine(&stage.install(&["--force"]));
    assert_eq!(
        stage.get("deployments.apps", "bookend-system", "bookend-controller").unwrap()["spec"]["replicas"],
        2
    );
}

#[test]
fn a_version_that_does_not_start_is_taken_back() {
    let stage = Stage::begin();
    stage.fine(&stage.install(&["-f", "policy.yaml"]));
    let image = |stage: &Stage| {
        let set = stage.get("daemonsets.apps", "bookend-system", "bookend-enforcer").unwrap();
        set.pointer("/spec/template/spec/containers/0/image").unwrap().clone()
    };
    let before = image(&stage);
    stage.server.fate(Pods::all().image("broken"), Fate::CrashLoop);
    stage.write("policy.yaml", &POLICY.replace("8080", "9090"));
    let broken = format!("registry.example/broken@sha256:{}", "b".repeat(64));
    let told = stage.run(&["deploy", "--enforcer-image", &broken, "-f", "policy.yaml", "--timeout", "8s"]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.error.contains("DaemonSet bookend-system/bookend-enforcer set back"), "{told:?}");
    assert!(told.error.contains("while deploying programs"), "{told:?}");
    assert_eq!(image(&stage), before);
    let policy = stage.get("policies.bookend.dev", "shop", "web").unwrap();
    assert_eq!(policy.pointer("/spec/allow/0/ports/0").unwrap(), 8080, "policies come last");
}

#[test]
fn an_image_that_may_be_another_one_tomorrow_is_refused() {
    let stage = Stage::begin();
    let told = stage.run(&["deploy", "--enforcer-image", "registry.example/enforcer:1"]);
    assert!(
        told.code == 1 && told.error.contains("has no digest") && told.error.contains("--allow-tags"),
        "{told:?}"
    );
    assert_eq!(stage.server.load().count("patch", "daemonsets"), 0);
}

#[test]
fn whoever_may_not_is_told_all_that_is_missing_and_nothing_is_touched() {
    let stage = Stage::begin();
    let token = stage.server.token_for(&User::person("jane", &["system:authenticated"]));
    std::fs::write(stage.path("jane"), stage.server.kubeconfig_with(&token)).unwrap();
    let before = stage.server.revision();
    let mut arguments = stage.install(&["-f", "policy.yaml"]);
    let kubeconfig = stage.path("jane").display().to_string();
    arguments.extend(["--kubeconfig", &kubeconfig]);
    let told = stage.run(&arguments);
    assert_eq!(told.code, 1);
    for missing in
        ["patch daemonsets.apps in `bookend-system`", "create clusterroles.rbac.authorization.k8s.io"]
    {
        assert!(told.error.contains(missing), "{told:?}");
    }
    assert_eq!(stage.server.revision(), before);
}

#[test]
fn policies_without_their_definitions_are_told_how_to_get_them() {
    let stage = Stage::begin();
    let told = stage.run(&["deploy", "--only", "policies", "-f", "policy.yaml"]);
    assert_eq!(told.code, 1);
    assert!(told.error.contains("bookend deploy --only crds"), "{told:?}");
    stage.fine(&["deploy", "--only", "crds"]);
    assert!(
        stage.get("customresourcedefinitions.apiextensions.k8s.io", "", "policies.bookend.dev").is_some()
    );
}

#[test]
fn what_was_begun_and_not_finished_is_completed() {
    let stage = Stage::begin();
    let lost = Fault::Refuse(500, "InternalError".to_owned(), "etcdserver: leader changed".to_owned());
    // Pods do not become ready, and then the server fails, too: what was applied cannot be set back.
    stage.server.fault(When::always().verb("delete"), lost.clone(), None);
    stage.server.fate(Pods::all(), Fate::Unready);
    let told = stage.run(&stage.install(&["-f", "policy.yaml", "--timeout", "3s"]));
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.error.contains("could not be set back"), "{told:?}");
    stage.server.heal();
    stage.server.fate(Pods::all(), Fate::Ready);
    let told = stage.run(&stage.install(&["-f", "policy.yaml"]));
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.error.contains("what it began is completed now"), "{told:?}");
    assert!(stage.get("policies.bookend.dev", "shop", "web").is_some());
}

#[test]
fn in_audit_mode_nothing_is_enforced_and_enforcing_is_one_command_away() {
    let stage = Stage::begin();
    let told = stage.fine(&stage.install(&["-f", "policy.yaml", "--audit"]));
    assert!(told.contains("nothing is enforced"), "{told}");
    let arguments = |stage: &Stage| {
        let set = stage.get("daemonsets.apps", "bookend-system", "bookend-enforcer").unwrap();
        set.pointer("/spec/template/spec/containers/0/args").unwrap().to_string()
    };
    assert!(arguments(&stage).contains("--dry-run"));
    assert_eq!(stage.get("policies.bookend.dev", "shop", "web").unwrap()["spec"]["mode"], "audit");
    stage.fine(&stage.install(&["-f", "policy.yaml"]));
    assert!(!arguments(&stage).contains("--dry-run"));
    assert_eq!(stage.get("policies.bookend.dev", "shop", "web").unwrap()["spec"].get("mode"), None);
}

#[test]
fn a_policy_that_no_compiler_takes_reaches_no_cluster() {
    let stage = Stage::begin();
    stage.write("policy.yaml", &POLICY.replace("ports:", "port:"));
    let before = stage.server.revision();
    let told = stage.run(&stage.install(&["-f", "policy.yaml"]));
    assert!(told.code == 4 && told.error.contains("B1105"), "{told:?}");
    assert_eq!(stage.server.revision(), before);
}

#[test]
fn nodes_that_are_not_ready_are_not_waited_for() {
    let stage = Stage::begin();
    stage.server.node("gone", "192.0.2.9").unwrap();
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "gone" },
        "status": { "conditions": [{ "type": "Ready", "status": "Unknown" }] } });
    stage.server.patch(node).unwrap();
    stage.server.fate(Pods::all().of("bookend-enforcer").on("gone"), Fate::Unready);
    stage.fine(&stage.install(&["--timeout", "20s"]));
}

#[test]
fn an_old_kernel_is_named_before_anything_is_applied() {
    let stage = Stage::begin();
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node-a" },
        "status": { "nodeInfo": { "kernelVersion": "5.15.0-91-generic" } } });
    stage.server.patch(node).unwrap();
    let told = stage.run(&stage.install(&[]));
    assert!(told.code == 1 && told.error.contains("`node-a` (5.15.0-91-generic)"), "{told:?}");
}

#[test]
fn an_installation_leaves_nothing() {
    let stage = Stage::begin();
    let before = stage.everything();
    stage.fine(&stage.install(&["-f", "policy.yaml"]));
    let told = stage.fine(&["uninstall", "--timeout", "30s"]);
    assert!(told.starts_with("uninstalled: "), "{told}");
    assert_eq!(stage.everything(), before);
}

#[test]
fn policies_of_others_do_not_go_with_their_definitions_unless_that_is_said() {
    let stage = Stage::begin();
    stage.fine(&stage.install(&["-f", "policy.yaml"]));
    let theirs = json!({
        "apiVersion": "bookend.dev/v1alpha1", "kind": "Policy", "metadata": { "name": "theirs", "namespace": "shop" },
        "spec": { "isolate": [{ "workloads": {} }] },
    });
    stage.server.apply("kubectl", theirs).unwrap();
    let told = stage.run(&["uninstall"]);
    assert!(
        told.code == 1 && told.error.contains("Policy shop/theirs") && told.error.contains("--keep-crds"),
        "{told:?}"
    );
    assert!(stage.get("daemonsets.apps", "bookend-system", "bookend-enforcer").is_some());
    stage.fine(&["uninstall", "--keep-crds", "--timeout", "30s"]);
    assert!(stage.get("policies.bookend.dev", "shop", "theirs").is_some());
    assert!(stage.get("policies.bookend.dev", "shop", "web").is_none());
}

#[test]
fn a_node_that_cannot_be_cleaned_is_named_and_what_cleans_stays() {
    let stage = Stage::begin();
    stage.fine(&stage.install(&[]));
    stage.server.fate(Pods::all().on("node-b"), Fate::Unready);
    let told = stage.run(&["uninstall", "--timeout", "4s"]);
    assert!(
        told.code == 1 && told.error.contains("DaemonSet bookend-system/bookend-enforcer: 1 of 2"),
        "{told:?}"
    );
    let set = stage.get("daemonsets.apps", "bookend-system", "bookend-enforcer").unwrap();
    assert_eq!(set.pointer("/spec/template/spec/containers/0/args/0").unwrap(), "leave");
    stage.server.fate(Pods::all().on("node-b"), Fate::Ready);
    stage.fine(&["uninstall", "--timeout", "30s"]);
}

#[test]
fn what_is_rendered_is_what_is_deployed() {
    let stage = Stage::begin();
    let mut arguments = stage.install(&["-f", "policy.yaml"]);
    arguments[0] = "render";
    arguments.extend(["--target", "kubernetes", "--out", "rendered"]);
    stage.fine(&arguments);
    for file in ["00-crds.yaml", "10-bookend.yaml", "20-policies.yaml"] {
        let text = std::fs::read_to_string(stage.path("rendered").join(file)).unwrap();
        for object in serde_saphyr::from_multiple::<Value>(&text).unwrap() {
            stage.server.apply("bookend-deploy", object).unwrap();
        }
    }
    let before = stage.revisions();
    stage.fine(&stage.install(&["-f", "policy.yaml"]));
    assert_eq!(stage.revisions(), before);
}

/// Commands of the guide that need a registry, or are told of elsewhere.
const ELSEWHERE: [&str; 5] = ["enforcer=", "filter=", "bookend package", "bookend status", "bookend observe"];

#[test]
fn every_command_of_the_guide_does_what_it_says() {
    let stage = Stage::begin();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for kind in ["wasmplugins", "trafficextensions", "envoyfilters"] {
        let schema = root.join(format!("testenv/schemas/istio/{kind}.yaml"));
        stage.server.install_crds(&std::fs::read_to_string(schema).unwrap()).unwrap();
    }
    for directory in ["policies", "old", "manifests"] {
        std::fs::create_dir(stage.path(directory)).unwrap();
    }
    stage.write("policies/web.yaml", POLICY);
    stage.write("old/web.yaml", POLICY);
    let manifest = "apiVersion: v1\nkind: Pod\nmetadata: { name: web, namespace: shop, labels: { app: web } }\nspec: { containers: [{ name: web }] }\n";
    stage.write("manifests/web.yaml", manifest);
    let before = stage.everything();
    let guide = std::fs::read_to_string(root.join("docs/install.md")).unwrap();
    let blocks = guide.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let mut commands = 0;
    for line in
        blocks.flat_map(str::lines).filter(|line| !ELSEWHERE.iter().any(|start| line.starts_with(start)))
    {
        let ended = stage.shell(line);
        let differs = line.contains("--diff") && ended.code == 3;
        assert!(ended.code == 0 || differs, "{line}\n{}\n{}", ended.out, ended.error);
        commands += 1;
    }
    assert!(commands > 12, "{commands}");
    assert_eq!(stage.everything(), before, "nothing is left");
}
