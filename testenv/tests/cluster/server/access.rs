//! Who may do what, by the roles in the cluster.

use bookend_testenv::apiserver::{ApiServer, User};
use bookend_testenv::http::{Request, exchange};
use serde_json::{Value, json};

use super::{LIMIT, text};

fn as_user(server: &ApiServer, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let address = server.http().trim_start_matches("http://").parse().unwrap();
    let mut request = Request { method: method.to_owned(), ..Request::get("localhost", path) };
    request = request.header("authorization", &format!("Bearer {token}"));
    if !body.is_null() {
        request = request.header("content-type", "application/json");
        request.body = body.to_string().into_bytes();
    }
    let response = exchange(address, &request, LIMIT).unwrap();
    (response.status, serde_json::from_str(&response.text()).unwrap())
}

fn role(server: &ApiServer, rules: Value) {
    let group = "rbac.authorization.k8s.io";
    for object in [
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": { "name": "r" }, "rules": rules,
        }),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding", "metadata": { "name": "r" },
            "roleRef": { "apiGroup": group, "kind": "ClusterRole", "name": "r" },
            "subjects": [{ "kind": "ServiceAccount", "namespace": "bookend-system", "name": "bookend-enforcer" }],
        }),
    ] {
        server.put(object).unwrap();
    }
}

#[test]
fn a_service_account_may_what_its_roles_say_and_no_more() {
    let server = ApiServer::builder().closed().start().unwrap();
    let user = User::account("bookend-system", "bookend-enforcer");
    let token = server.token_for(&user);
    let ask = |method: &str, path: &str| as_user(&server, &token, method, path, &Value::Null);
    let (code, refused) = ask("GET", "/api/v1/pods");
    assert_eq!((code, text(&refused, "/reason")), (403, "Forbidden"));
    assert_eq!(
        text(&refused, "/message"),
        "pods is forbidden: User \"system:serviceaccount:bookend-system:bookend-enforcer\" cannot list resource \
         \"pods\" in API group \"\" at the cluster scope"
    );
    role(
        &server,
        json!([
            { "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"] },
            { "apiGroups": ["apps"], "resources": ["daemonsets"], "resourceNames": ["d"], "verbs": ["get"] },
        ]),
    );
    assert_eq!(ask("GET", "/api/v1/pods").0, 200);
    assert_eq!(ask("GET", "/api/v1/pods?watch=1").0, 403);
    assert_eq!(ask("GET", "/apis/apps/v1/namespaces/default/daemonsets/d").0, 404);
    assert_eq!(ask("GET", "/apis/apps/v1/namespaces/default/daemonsets/e").0, 403);
    assert_eq!(server.unused(&user), ["get pods"]);
}

#[test]
fn whoever_asks_what_they_may_is_told() {
    let server = ApiServer::start().unwrap();
    let token = server.token_for(&User::account("bookend-system", "bookend-enforcer"));
    role(&server, json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": ["list"] }]));
    let may = |verb: &str| {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": { "verb": verb, "group": "", "resource": "pods" } },
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let (code, answer) = as_user(&server, &token, "POST", path, &review);
        assert_eq!(code, 201);
        answer.pointer("/status/allowed").and_then(Value::as_bool).unwrap()
    };
    assert!(may("list") && !may("watch"));
}

#[test]
fn a_token_that_is_not_known_or_worth_nothing_any_more_is_refused() {
    let server = ApiServer::start().unwrap();
    let token = server.token_for(&User::person("alice", &["system:masters"]));
    assert_eq!(as_user(&server, &token, "GET", "/api/v1/pods", &Value::Null).0, 200);
    server.revoke(&token);
    let (code, refused) = as_user(&server, &token, "GET", "/api/v1/pods", &Value::Null);
    assert_eq!((code, text(&refused, "/reason")), (401, "Unauthorized"));
}

#[test]
fn a_token_of_one_nodes_pod_writes_no_other_nodes_enforcer() {
    use bookend_objects::install::{Installation, OWN_NODE};
    let server = ApiServer::start().unwrap();
    server.install_crds(include_str!("../../../../cluster/crds/enforcers.yaml")).unwrap();
    let installation = Installation::new(Vec::new(), "registry.example/enforcer@sha256:1", None);
    for object in [vec![installation.namespace()], installation.access(), installation.admission()].concat() {
        server.apply("bookend-deploy", object).unwrap();
    }
    let account = || User::account("bookend-system", "bookend-enforcer");
    let write = |user: &User, node: &str, part: &str| {
        let object = json!({
            "apiVersion": "bookend.dev/v1alpha1", "kind": "Enforcer", "metadata": { "name": node },
            "status": { "version": "1", "ready": true },
        });
        let address = server.http().trim_start_matches("http://").parse().unwrap();
        let path = format!("/apis/bookend.dev/v1alpha1/enforcers/{node}{part}?fieldManager=e&force=true");
        let mut request = Request { method: "PATCH".to_owned(), ..Request::get("localhost", &path) };
        request = request.header("authorization", &format!("Bearer {}", server.token_for(user)));
        request = request.header("content-type", "application/apply-patch+yaml");
        request.body = object.to_string().into_bytes();
        let response = exchange(address, &request, LIMIT).unwrap();
        (response.status, response.text())
    };
    let one = account().on("node-1");
    assert_eq!(write(&one, "node-1", "").0, 201);
    assert_eq!(write(&one, "node-1", "/status").0, 200);
    let (code, refused) = write(&one, "node-2", "");
    assert!(
        code == 403 && refused.contains("an enforcer writes the Enforcer of its own node"),
        "{code} {refused}"
    );
    assert_eq!(write(&account().on("node-2"), "node-2", "").0, 201);
    // What is there already is nobody else's either.
    assert_eq!(write(&one, "node-2", "/status").0, 403);
    // A token that names no node is judged by RBAC alone, and whoever is no enforcer is not asked.
    assert_eq!(write(&account(), "node-2", "/status").0, 200);
    assert_eq!(write(&User::person("admin", &["system:masters"]), "node-1", "/status").0, 200);
    // Nothing but what is known is taken for true.
    let mut policy = installation.admission().swap_remove(0);
    policy["spec"]["validations"][0]["expression"] = json!(format!("!({OWN_NODE})"));
    server.apply("bookend-deploy", policy).unwrap();
    assert_eq!(write(&one, "node-1", "/status").0, 403);
}

#[test]
fn whoever_may_not_does_not_learn_whether_there_is_such_a_kind() {
    let server = ApiServer::builder().closed().start().unwrap();
    let token = server.token_for(&User::account("bookend-system", "bookend-enforcer"));
    let path = "/apis/security.istio.io/v1/requestauthentications";
    let (code, refused) = as_user(&server, &token, "GET", path, &Value::Null);
    assert_eq!((code, text(&refused, "/reason")), (403, "Forbidden"));
    assert!(
        text(&refused, "/message")
            .contains("cannot list resource \"requestauthentications\" in API group \"security.istio.io\"")
    );
    role(
        &server,
        json!([{ "apiGroups": ["security.istio.io"], "resources": ["requestauthentications"], "verbs": ["list"] }]),
    );
    let address = server.http().trim_start_matches("http://").parse().unwrap();
    let request = Request::get("localhost", path).header("authorization", &format!("Bearer {token}"));
    assert_eq!(exchange(address, &request, LIMIT).unwrap().status, 404);
}
