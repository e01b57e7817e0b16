//! Bodies as API servers send them, and what is told of them.

use serde_json::json;

use super::*;
use crate::{Kind, kinds};

fn read_body(kind: &Kind, namespace: Option<&str>, name: &str, body: serde_json::Value) -> Trouble {
    let status: Status = serde_json::from_value(body).unwrap();
    let asked = Asked { server: "https://192.0.2.1:6443", verb: "patch", kind, namespace, name };
    asked.failed(kube::Error::Api(Box::new(status)))
}

#[test]
fn a_missing_permission_names_who_what_and_where() {
    let trouble = read_body(
        &kinds::DAEMON_SET,
        Some("bookend-system"),
        "bookend-enforcer",
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "daemonsets.apps \"bookend-enforcer\" is forbidden: User \"jane\" cannot patch resource \"daemonsets\" in API group \"apps\" in the namespace \"bookend-system\"",
            "reason": "Forbidden",
            "details": { "name": "bookend-enforcer", "group": "apps", "kind": "daemonsets" },
            "code": 403,
        }),
    );
    assert_eq!(
        trouble.to_string(),
        "`jane` may not patch `daemonsets.apps` `bookend-enforcer` in the namespace `bookend-system`; ask for a role that \
         allows it, and see with `kubectl auth can-i patch daemonsets.apps -n bookend-system`"
    );
    assert!(!trouble.is_transient());
}

#[test]
fn a_missing_permission_on_what_lies_in_no_namespace_has_no_place() {
    let trouble = read_body(
        &kinds::NODE,
        None,
        "",
        json!({
            "kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403, "details": { "kind": "nodes" },
            "message": "nodes is forbidden: User \"system:serviceaccount:shop:default\" cannot list resource \"nodes\" in API group \"\" at the cluster scope",
        }),
    );
    assert_eq!(
        trouble,
        Trouble::Forbidden {
            user: "system:serviceaccount:shop:default".to_owned(),
            verb: "list".to_owned(),
            resource: "nodes".to_owned(),
            namespace: None,
            name: String::new(),
        }
    );
}

#[test]
fn a_role_that_grants_more_than_one_has_is_told_as_that() {
    let trouble = read_body(
        &kinds::CLUSTER_ROLE,
        None,
        "bookend-enforcer",
        json!({
            "kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403,
            "details": { "name": "bookend-enforcer", "group": "rbac.authorization.k8s.io", "kind": "clusterroles" },
            "message": "clusterroles.rbac.authorization.k8s.io \"bookend-enforcer\" is forbidden: user \"jane\" (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"list\" \"watch\"]}",
        }),
    );
    assert!(matches!(&trouble, Trouble::Escalation { .. }), "{trouble}");
}

#[test]
fn a_conflict_names_the_manager_and_the_fields() {
    let cause = |manager: &str, field: &str| json!({ "reason": "FieldManagerConflict", "message": format!("conflict with \"{manager}\" using apps/v1"), "field": field });
    let trouble = read_body(
        &kinds::DEPLOYMENT,
        Some("bookend-system"),
        "bookend-controller",
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "Apply failed with 2 conflicts: conflicts with \"kubectl-client-side-apply\" using apps/v1:\n- .spec.replicas\n- .spec.paused",
            "reason": "Conflict",
            "details": { "causes": [
                cause("kubectl-client-side-apply", ".spec.replicas"),
                cause("kubectl-client-side-apply", ".spec.paused"),
            ] },
            "code": 409,
        }),
    );
    assert_eq!(
        trouble.to_string(),
        "`deployments.apps bookend-system/bookend-controller` is not only yours: `kubectl-client-side-apply` manages \
         `.spec.replicas`, `.spec.paused`; agree with them on who manages it, or take it over with `--force`"
    );
}

#[test]
fn an_object_that_changed_meanwhile_may_be_tried_again() {
    let trouble = read_body(
        &kinds::LEASE,
        Some("bookend-system"),
        "bookend-controller",
        json!({
            "kind": "Status", "status": "Failure", "reason": "Conflict", "code": 409,
            "details": { "name": "bookend-controller", "group": "coordination.k8s.io", "kind": "leases" },
            "message": "Operation cannot be fulfilled on leases.coordination.k8s.io \"bookend-controller\": the object has been modified; please apply your changes to the latest version and try again",
        }),
    );
    assert!(matches!(trouble, Trouble::Changed { .. }) && trouble.is_transient());
}

#[test]
fn what_is_invalid_is_told_field_by_field() {
    let trouble = read_body(
        &kinds::POLICY,
        Some("shop"),
        "web",
        json!({
            "kind": "Status", "status": "Failure", "reason": "Invalid", "code": 422,
            "message": "Policy.bookend.dev \"web\" is invalid: spec.allow[0].ports[0]: Invalid value: 70000: should be less than or equal to 65535",
            "details": { "name": "web", "group": "bookend.dev", "kind": "Policy", "causes": [
                { "reason": "FieldValueInvalid", "message": "Invalid value: 70000: should be less than or equal to 65535", "field": "spec.allow[0].ports[0]" },
            ] },
        }),
    );
    assert_eq!(
        trouble.to_string(),
        "the API server does not accept `policies.bookend.dev shop/web`: `spec.allow[0].ports[0]`: Invalid value: 70000: \
         should be less than or equal to 65535; correct it"
    );
}

#[test]
fn fields_that_the_server_does_not_know_may_mean_an_older_definition() {
    let trouble = read_body(
        &kinds::WASM_PLUGIN,
        Some("shop"),
        "bookend",
        json!({
            "kind": "Status", "status": "Failure", "reason": "BadRequest", "code": 400,
            "message": "failed to create typed patch object (shop/bookend; extensions.istio.io/v1alpha1, Kind=WasmPlugin): strict decoding error: unknown field \"spec.failStrategyy\", unknown field \"spec.type\"",
        }),
    );
    let Trouble::Invalid { causes, .. } = &trouble else { panic!("{trouble}") };
    assert_eq!(causes.len(), 2);
    assert!(trouble.to_string().ends_with("update that first"), "{trouble}");
}

#[test]
fn a_webhook_is_told_in_its_own_words() {
    let trouble = read_body(
        &kinds::DAEMON_SET,
        Some("bookend-system"),
        "bookend-enforcer",
        json!({
            "kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403,
            "message": "admission webhook \"validation.gatekeeper.sh\" denied the request: [no-host-pid] pods must not use hostPID",
        }),
    );
    assert!(
        matches!(&trouble, Trouble::Refused { reason, .. } if reason.contains("must not use hostPID")),
        "{trouble}"
    );
}

#[test]
fn a_namespace_that_goes_is_waited_for() {
    let trouble = read_body(
        &kinds::SERVICE_ACCOUNT,
        Some("bookend-system"),
        "bookend-enforcer",
        json!({
            "kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403,
            "details": { "name": "bookend-enforcer", "kind": "serviceaccounts", "causes": [
                { "reason": "NamespaceTerminating", "message": "namespace bookend-system is being terminated", "field": "metadata.namespace" } ] },
            "message": "serviceaccounts \"bookend-enforcer\" is forbidden: unable to create new content in namespace bookend-system because it is being terminated",
        }),
    );
    assert_eq!(trouble, Trouble::Terminating { namespace: "bookend-system".to_owned() });
}

#[test]
fn no_object_is_not_no_kind() {
    let object = read_body(
        &kinds::POLICY,
        Some("shop"),
        "web",
        json!({
            "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404,
            "message": "policies.bookend.dev \"web\" not found",
            "details": { "name": "web", "group": "bookend.dev", "kind": "policies" },
        }),
    );
    assert_eq!(
        object.to_string(),
        "there is no `web` of `policies.bookend.dev` in the namespace `shop`; see what there is with `kubectl get \
         policies.bookend.dev -n shop`"
    );
    let namespace = read_body(
        &kinds::POLICY,
        Some("shop"),
        "web",
        json!({
            "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404,
            "message": "namespaces \"shop\" not found", "details": { "name": "shop", "kind": "namespaces" },
        }),
    );
    assert_eq!(
        namespace.to_string(),
        "there is no namespace `shop`; create it first: `kubectl create namespace shop`"
    );
    // What the server says of a group that it has none of is no Status; kube makes one of it.
    let group = Status::failure("404 page not found", "Failed to parse error data").with_code(404);
    let asked = Asked { server: "", verb: "list", kind: &kinds::POLICY, namespace: None, name: "" };
    let group = asked.failed(kube::Error::Api(Box::new(group)));
    assert_eq!(
        group.to_string(),
        "the cluster knows no Policy (bookend.dev/v1alpha1); install Bookend's definitions with `bookend deploy --only crds`"
    );
    let kind = read_body(
        &kinds::TRAFFIC_EXTENSION,
        None,
        "",
        json!({
            "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "details": {},
            "message": "the server could not find the requested resource",
        }),
    );
    assert!(kind.to_string().ends_with("it came with Istio 1.30; with older ones use WasmPlugin"), "{kind}");
}

#[test]
fn what_passes_by_itself_is_transient() {
    let failing = |code: u16, reason: &str, message: &str, details: serde_json::Value| {
        let body = json!({ "kind": "Status", "status": "Failure", "reason": reason, "code": code, "message": message, "details": details });
        read_body(&kinds::POD, None, "", body)
    };
    let busy = failing(
        429,
        "TooManyRequests",
        "too many requests, please try again later",
        json!({ "retryAfterSeconds": 7 }),
    );
    assert_eq!(busy.to_string(), "the API server has too much to do; try again in 7 s");
    let gone = failing(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result.",
        json!({}),
    );
    assert_eq!(gone, Trouble::Expired);
    let broken = failing(500, "InternalError", "etcdserver: leader changed", json!({}));
    assert_eq!(
        broken.to_string(),
        "the API server fails with 500: etcdserver: leader changed; try again, and if it stays so look at its log"
    );
    for trouble in [busy, gone, broken] {
        assert!(trouble.is_transient(), "{trouble}");
    }
    let large = failing(500, "", "etcdserver: request is too large", json!({}));
    assert!(matches!(large, Trouble::TooLarge { .. }) && !large.is_transient());
    let stranger = failing(401, "Unauthorized", "Unauthorized", json!({}));
    assert!(matches!(stranger, Trouble::Unauthorized { .. }));
}

#[test]
fn a_page_of_a_proxy_is_told_in_one_line() {
    let page = format!("<html>\n<body>\n{}</body></html>", "Bad Gateway ".repeat(200));
    let status = Status::failure(&page, "Failed to parse error data").with_code(502);
    let asked = Asked { server: "", verb: "list", kind: &kinds::POD, namespace: None, name: "" };
    let told = asked.failed(kube::Error::Api(Box::new(status))).to_string();
    assert!(told.lines().count() == 1 && told.chars().count() < 650, "{told}");
}
