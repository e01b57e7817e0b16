//! What deploying and uninstalling take, and no more.

use bookend_testenv::apiserver::User;
use serde_json::json;

use super::stage::Stage;

#[test]
fn whoever_deploys_and_uninstalls_needs_what_is_listed_and_nothing_else() {
    let stage = Stage::begin();
    let whole = ["get", "list", "create", "patch", "delete"];
    let documents =
        ["policies", "clusterpolicies", "networks", "hosts", "tiers", "reportings", "inventories"];
    let rbac = "rbac.authorization.k8s.io";
    let rules = json!([
        { "apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": whole },
        { "apiGroups": [""], "resources": ["namespaces", "serviceaccounts"], "verbs": whole },
        { "apiGroups": [rbac], "resources": ["clusterroles", "clusterrolebindings", "roles", "rolebindings"], "verbs": whole },
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
            "verbs": whole,
        },
        { "apiGroups": ["apps"], "resources": ["daemonsets", "deployments"], "verbs": whole },
        { "apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": whole },
        // The ledger.
        { "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "create", "update", "delete"] },
        // Who there is, for checking the policies, and how far pods are.
        { "apiGroups": [""], "resources": ["nodes", "pods", "services"], "verbs": ["list"] },
        { "apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["list"] },
        { "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["list"] },
        { "apiGroups": ["bookend.dev"], "resources": documents, "verbs": ["list"] },
        { "apiGroups": ["bookend.dev"], "resources": ["enforcers"], "verbs": ["list"] },
        { "apiGroups": ["bookend.dev"], "resources": ["policies"], "verbs": ["get", "create", "patch", "delete"] },
        // Uninstalling looks for filters, and a server says that it has no such kind only to those who might read it.
        { "apiGroups": ["extensions.istio.io"], "resources": ["wasmplugins", "trafficextensions"], "verbs": ["list"] },
        { "apiGroups": ["networking.istio.io"], "resources": ["envoyfilters"], "verbs": ["list"] },
    ]);
    let person = User::person("jane", &["system:authenticated"]);
    for object in [
        json!({ "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRole", "metadata": { "name": "deploying" }, "rules": rules }),
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRoleBinding", "metadata": { "name": "deploying" },
            "roleRef": { "apiGroup": rbac, "kind": "ClusterRole", "name": "deploying" },
            "subjects": [{ "apiGroup": rbac, "kind": "User", "name": "jane" }],
        }),
    ] {
        stage.server.put(object).unwrap();
    }
    let token = stage.server.token_for(&person);
    stage.write("kubeconfig", &stage.server.kubeconfig_with(&token));
    let told = stage.run(&stage.install(&["-f", "policy.yaml"]));
    assert!(told.code == 0 && !told.error.contains("you may not"), "{told:?}");
    stage.fine(&stage.install(&["-f", "policy.yaml", "--diff", "--prune"]));
    stage.fine(&["uninstall", "--timeout", "30s"]);
    let mut unused = stage.server.unused(&person);
    // Applying what is not there yet takes `create`, which this server does not ask for.
    unused.retain(|verb| !verb.starts_with("create ") && !verb.ends_with(".istio.io"));
    assert_eq!(unused, Vec::<String>::new());
}
