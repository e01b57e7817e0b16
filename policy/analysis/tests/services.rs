//! What is dialled to Services: who is held back from all for the sake of some, and what a change changes.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use bookend_analysis::{Side, mixed, rerouted};
use bookend_lang::{Compiled, Source, compile};

const WORKLOADS: &str = "
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: { name: w }
spec:
  workloads:
  - { name: client, labels: { app: client }, instances: [{ addresses: [10.0.0.1] }] }
  - { name: twin, labels: { app: client, twin: x }, instances: [{ addresses: [10.0.0.4] }] }
  - { name: a, labels: { app: back, shard: a }, instances: [{ addresses: [10.0.0.2, \"fd00::2\"] }] }
  - { name: b, labels: { app: back, shard: b }, instances: [{ addresses: [10.0.0.3, \"fd00::3\"] }] }
";

fn policy(to: &str) -> String {
    format!(
        "
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: {{ name: p }}
spec:
  isolate: [{{ workloads: {{ labels: {{ app: client }} }}, directions: [egress] }}]
  allow:
  - {{ name: back, to: [{{ workloads: {{ labels: {{ {to} }} }} }}], ports: [8080] }}
"
    )
}

fn service(selector: &str, target: u16) -> String {
    format!(
        "
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: {{ name: s }}
spec:
  services:
  - {{ name: back, addresses: [10.96.0.1, \"fd00:96::1\"], selector: {{ {selector} }}, ports: [{{ port: 80, targetPort: {target} }}] }}
"
    )
}

fn compiled(documents: &[&str]) -> Compiled {
    compile(&[Source::new("x", documents.join("\n---\n"))]).unwrap()
}

fn side(compiled: &Compiled) -> Side<'_> {
    Side { program: &compiled.program, inventory: &compiled.inventory }
}

#[test]
fn who_may_reach_a_part_of_those_behind_is_named_once() {
    let some = compiled(&[WORKLOADS, &policy("shard: a"), &service("app: back", 8080)]);
    let found = mixed(side(&some));
    let [one] = found.as_slice() else { unreachable!("{found:?}") };
    assert_eq!((one.service.name.as_str(), one.port.port), ("back", 80));
    let sources: Vec<String> = one.sources.iter().map(ToString::to_string).collect();
    assert_eq!(sources, ["default/client", "default/twin"]);
    assert_eq!(one.by, "default/p/isolate[0]");
    for (to, behind) in [("app: back", "app: back"), ("shard: a", "shard: a"), ("shard: a", "shard: b")] {
        let all_or_none = compiled(&[WORKLOADS, &policy(to), &service(behind, 8080)]);
        assert!(mixed(side(&all_or_none)).is_empty(), "{to} {behind}");
    }
}

/// What changes between documents: whether it opens, who dials, and what decides before and after.
fn changes(old: [&str; 2], new: [&str; 2]) -> Vec<String> {
    let with = |[policy, service]: [&str; 2]| compiled(&[WORKLOADS, policy, service]);
    let (old, new) = (with(old), with(new));
    let found = rerouted(side(&old), side(&new));
    let told = found.iter().map(|one| {
        let who: Vec<String> = one.sources.iter().map(ToString::to_string).collect();
        format!("{} {} {} {} → {}", one.opens(), one.service, who.join(" "), one.before.1, one.after.1)
    });
    told.collect()
}

#[test]
fn a_service_changes_by_its_rules_by_who_is_behind_it_and_by_its_ports() {
    let (part, whole) = (policy("shard: a"), policy("app: back"));
    let (all, one) = (service("app: back", 8080), service("shard: a", 8080));
    let both = "default/client default/twin";
    let isolated = "default/p/isolate[0]";
    let opened = format!("true default/back {both} {isolated} → default/p/back");
    assert_eq!(changes([&part, &all], [&whole, &all]), [opened.as_str()]);
    assert_eq!(changes([&part, &all], [&part, &one]), [opened.as_str()]);
    let closed = format!("false default/back {both} default/p/back → {isolated}");
    assert_eq!(changes([&whole, &all], [&whole, &service("app: back", 9)]), [closed.as_str()]);
    assert!(changes([&whole, &all], [&whole, &one]).is_empty());
    assert!(changes([&whole, &all], [&whole, &all]).is_empty());
}

#[test]
fn a_service_that_is_gone_is_an_address_of_nobody() {
    let (whole, all) = (policy("app: back"), service("app: back", 8080));
    let gone = changes([&whole, &all], [&whole, ""]);
    assert_eq!(
        gone,
        ["false default/back default/client default/twin default/p/back → default/p/isolate[0]"]
    );
}
