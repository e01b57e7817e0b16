//! Calico's policies.

use super::*;

fn check(spec: &str, wanted: &[&str]) {
    says(Target::Calico, spec, wanted);
}

#[test]
fn a_tier_ends_with_isolation_and_goes_on_to_the_next() {
    let spec = "{ isolate: [{ workloads: { labels: { app: api } }, directions: [ingress] }], \
                  pass: [{ name: r, from: [{ workloads: { namespace: ops } }], to: [{ workloads: { labels: { app: api } } }] }] }";
    let export = told(Target::Calico, spec);
    assert_eq!(kinds(&export), ["Tier", "NetworkPolicy"], "{}", shown(&export));
    check(
        spec,
        &[
            "defaultAction: Pass",
            "action: Pass",
            "action: Deny",
            "selector: app == 'api'",
            "namespaceSelector: kubernetes.io/metadata.name == 'ops'",
        ],
    );
    assert_eq!(export.gaps, []);
}

#[test]
fn what_is_rehearsed_is_staged() {
    let export = told(Target::Calico, "{ mode: audit, isolate: [{ workloads: {}, directions: [egress] }] }");
    assert_eq!(kinds(&export), ["Tier", "StagedNetworkPolicy"], "{}", shown(&export));
}

#[test]
fn icmp_accounts_and_exceptions_are_said() {
    let spec = "{ allow: [{ name: r, from: [{ workloads: { serviceAccounts: [api] } }, { cidr: 10.0.0.0/8, except: [10.9.0.0/16] }], \
                  ports: [{ protocol: ICMP, type: 8 }, { port: 1, endPort: 9 }] }] }";
    check(spec, &["protocol: ICMP", "type: 8", "names: - api", "notNets: - 10.9.0.0/16", "1:9"]);
}

#[test]
fn labels_that_calico_takes_for_its_own_are_not_asked_for() {
    for key in ["pcns.team", "pcsa.team", "projectcalico.org/namespace", "projectcalico.org/name"] {
        let asked = format!("{{ workloads: {{ labels: {{ {key}: web }} }} }}");
        let own = "{ workloads: { labels: { app: api } } }";
        for (from, to) in [(&*asked, own), (own, &*asked)] {
            let spec = format!(
                "{{ isolate: [{own}], allow: [{{ name: r, at: [destination], from: [{from}], to: [{to}] }}] }}"
            );
            let shown = shown(&told(Target::Calico, &spec));
            assert!(!shown.contains(&format!("{key} ==")), "{shown}");
            assert!(shown.contains(&format!("Calico takes the label `{key}`")), "{shown}");
        }
    }
}
