//! NetworkPolicies and ClusterNetworkPolicies.

use super::*;

fn check(spec: &str, wanted: &[&str]) {
    says(Target::Kubernetes, spec, wanted);
}

#[test]
fn whoever_nobody_isolates_needs_no_permission() {
    let export =
        told(Target::Kubernetes, "{ allow: [{ name: r, to: [{ workloads: { labels: { app: api } } }] }] }");
    assert_eq!((export.documents.len(), export.gaps.len()), (0, 0), "{}", shown(&export));
}

#[test]
fn a_permission_selects_only_those_who_are_isolated() {
    let spec = "{ isolate: [{ workloads: { labels: { tier: back } }, directions: [ingress] }], \
                  allow: [{ name: r, from: [{ workloads: { labels: { app: web } } }], to: [{ workloads: { labels: { app: api } } }], ports: [80] }] }";
    check(spec, &["podSelector: matchLabels: app: api tier: back policyTypes: - Ingress"]);
}

#[test]
fn accounts_are_named_by_labels_that_only_they_have() {
    let isolated = |accounts: &str| {
        format!(
            "{{ isolate: [{{ workloads: {{}} }}], allow: [{{ name: r, from: [{{ workloads: {{ serviceAccounts: [{accounts}] }} }}], ports: [80] }}] }}"
        )
    };
    check(&isolated("web"), &["- podSelector: matchLabels: app: web"]);
    check(&isolated("api"), &["key: app operator: In values: - api - job"]);
    check(&isolated("nobody"), &["stricter default/p/r: a service account cannot be named"]);
}

#[test]
fn requests_are_allowed_whole_where_a_proxy_could_tell_them_apart_and_nowhere_else() {
    let isolated = |app: &str| {
        format!(
            "{{ isolate: [{{ workloads: {{}} }}], allow: [{{ name: r, to: [{{ workloads: {{ labels: {{ app: {app} }} }} }}], http: [{{ methods: [GET] }}] }}] }}"
        )
    };
    check(
        &isolated("api"),
        &["protocol: TCP", "looser default/p/r: HTTP conditions are not seen in packets"],
    );
    check(
        &isolated("job"),
        &["stricter default/p/r: it has HTTP conditions, and not all destinations have a proxy"],
    );
}

#[test]
fn the_world_is_all_that_is_not_the_clusters() {
    let spec =
        "{ isolate: [{ workloads: {} }], allow: [{ name: r, to: [{ entities: [world] }], ports: [443] }] }";
    check(spec, &["ipBlock: cidr: 0.0.0.0/0 except: - 10.0.0.0/8", "cidr: \"::/0\""]);
}

#[test]
fn denials_come_first_in_a_cluster_policy_or_are_told() {
    let spec = "{ deny: [{ name: r, from: [{ workloads: {} }], to: [{ workloads: { namespace: ops } }], ports: [22] }] }";
    check(spec, &["action: Deny", "tier: Admin"]);
    let wish = Wish { target: Target::Kubernetes, plane: Plane::Bookend, cluster_policies: false };
    let export = export(&compiled(&policy(spec)), wish);
    assert_eq!(kinds(&export), Vec::<&str>::new());
    assert!(
        shown(&export).starts_with("open default/p/r: ClusterNetworkPolicies are not to be written"),
        "{}",
        shown(&export)
    );
}

#[test]
fn what_is_only_rehearsed_is_left_out() {
    let spec = "{ mode: audit, isolate: [{ workloads: {} }] }";
    check(spec, &["same default/p/isolate[0]: the target enforces all it reads"]);
}

#[test]
fn icmp_and_named_ports_are_said_as_far_as_they_can_be() {
    let spec = "{ isolate: [{ workloads: {} }], allow: [{ name: r, ports: [http, { protocol: ICMP, type: 8 }, { port: 1, endPort: 9, protocol: UDP }] }] }";
    check(spec, &["- port: http", "endPort: 9", "stricter default/p/r: only TCP, UDP and SCTP can be named"]);
}
