//! AuthorizationPolicies.

use super::*;

fn check(spec: &str, wanted: &[&str]) {
    says(Target::Istio, spec, wanted);
}

fn allowing(from: &str, http: &str) -> String {
    format!(
        "{{ isolate: [{{ workloads: {{ labels: {{ app: api }} }}, directions: [ingress] }}], \
            allow: [{{ name: r, from: [{from}], to: [{{ workloads: {{ labels: {{ app: api }} }} }}], ports: [80], http: [{http}] }}] }}"
    )
}

#[test]
fn labels_are_accounts_where_nobody_else_runs_under_them() {
    let from = |app: &str| {
        allowing(&format!("{{ workloads: {{ labels: {{ app: {app} }} }} }}"), "{ methods: [GET] }")
    };
    check(&from("web"), &["principals: - cluster.local/ns/default/sa/web"]);
    check(&from("job"), &["stricter default/p/r: a mesh knows accounts and no labels, and others run under"]);
}

#[test]
fn requests_are_told_apart() {
    let http = "{ methods: [GET], paths: [\"/a/{id}\", \"/b/*\"], hosts: [a.example], headers: [{ name: x-role, prefix: ad }], \
                  jwt: [{ issuer: me, claims: [{ claim: [a, b], exact: c }] }] }";
    let wanted = [
        "- /a/{*}",
        "- /b/*",
        "- a.example:*",
        "key: request.headers[x-role]",
        "- ad*",
        "request.auth.claims[iss]",
        "request.auth.claims[a][b]",
    ];
    check(&allowing("{ workloads: {} }", http), &wanted);
    check(
        &allowing("{ workloads: {} }", "{ query: [{ name: a, exact: b }] }"),
        &["stricter default/p/r: a mesh cannot ask for parameters"],
    );
}

#[test]
fn what_leaves_a_workload_is_not_asked() {
    check(
        "{ isolate: [{ workloads: { labels: { app: api } } }] }",
        &["open default/p/isolate[0]: a mesh asks at the destination only"],
    );
}

#[test]
fn what_is_rehearsed_is_a_dry_run() {
    let export = told(
        Target::Istio,
        "{ mode: audit, deny: [{ name: r, to: [{ workloads: { labels: { app: api } } }] }] }",
    );
    let annotation =
        export.documents.first().map(|document| &document["metadata"]["annotations"]["istio.io/dry-run"]);
    assert_eq!(annotation, Some(&"true".into()), "{}", shown(&export));
}
