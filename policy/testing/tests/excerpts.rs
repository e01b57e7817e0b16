//! What the proxies of one namespace get: they decide by it as by the whole, and it changes only where it concerns them.

#![expect(clippy::unwrap_used, reason = "a world that cannot be made is a failed test")]

use std::sync::Arc;

use bookend_engine::Configuration;
use bookend_testing::generate::{
    Pair, Scenario, Sight, at_the_proxy, pair, request, rich_scenario, scenario, sight,
};
use bookend_testing::vehicle::Proxy;
use bookend_testing::{Head, Judged, Question, Tokens, Vehicle, World};
use proptest::collection::vec;
use proptest::prelude::*;

type Asked = (Pair, Vec<(Sight, (Head, Tokens))>);

/// Asks the filters at both ends, and gets the same answers, doubts and audits by the part as by the whole.
fn agree(scenario: &Scenario, asked: &[Asked]) -> Result<(), TestCaseError> {
    let world = Arc::new(scenario.world().unwrap());
    let (mut whole, mut part) = (Proxy::default(), Proxy::of_a_namespace());
    whole.enter(&world).unwrap();
    part.enter(&world).unwrap();
    for (pair, requests) in asked {
        let packet = pair.question(&world);
        for (sight, request) in requests {
            let seen = sight.of(&packet, &world);
            for request in [Some(request.clone()), None] {
                let question = at_the_proxy(&packet, seen.clone(), request);
                let outbound = Question { end: bookend_engine::End::Source, ..question.clone() };
                for question in [question, outbound] {
                    let (left, right) = (whole.judge(&question).unwrap(), part.judge(&question).unwrap());
                    if let Judged::NotApplicable(_) = left {
                        continue;
                    }
                    let texts = scenario.texts(0).join("\n");
                    prop_assert_eq!(left, right, "{:?}\n{}\n{}", question.seen(), question, texts);
                }
            }
        }
    }
    Ok(())
}

fn asked() -> impl Strategy<Value = Vec<Asked>> {
    vec((pair(), vec((sight(), request()), 4)), 8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn the_part_decides_as_the_whole(scenario in rich_scenario(), asked in asked()) {
        agree(&scenario, &asked)?;
    }

    #[test]
    fn the_part_decides_as_the_whole_on_independent_conditions(scenario in scenario(), asked in asked()) {
        agree(&scenario, &asked)?;
    }

    #[test]
    fn a_part_of_a_part_is_that_part_and_survives_the_way_to_the_proxy(scenario in rich_scenario()) {
        let whole = scenario.world().unwrap().configuration;
        for namespace in ["a", "b", "nowhere"] {
            let part = whole.for_namespace(namespace);
            prop_assert_eq!(&part.for_namespace(namespace), &part);
            prop_assert_eq!(&Configuration::from_json(&part.to_json().unwrap()).unwrap(), &part);
        }
    }
}

/// Two shops that have nothing to do with each other, a bank whose clients may speak to one of them, and whoever else is named.
fn parts(extra: &str, bank: &str) -> [String; 2] {
    let documents = format!(
        r#"
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: {{ name: shop, namespace: one }}
spec:
  isolate: [{{ workloads: {{}}, directions: [ingress] }}]
  allow:
  - {{ name: bank, from: [{{ workloads: {{ namespace: bank, labels: {{ app: till }} }} }}], to: [{{ workloads: {{}} }}], http: [{{ paths: [/pay] }}] }}
---
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: {{ name: shop, namespace: two }}
spec:
  isolate: [{{ workloads: {{}}, directions: [ingress] }}]
  allow:
  - {{ name: own, from: [{{ workloads: {{}} }}], to: [{{ workloads: {{}} }}] }}
---
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: {{ name: all }}
spec:
  workloads:
  - {{ name: shop, namespace: one, serviceAccount: shop, labels: {{ app: shop }}, proxy: true, instances: [{{ addresses: [10.0.1.1] }}] }}
  - {{ name: shop, namespace: two, serviceAccount: shop, labels: {{ app: shop }}, proxy: true, instances: [{{ addresses: [10.0.2.1] }}] }}
{bank}
---
{extra}
"#
    );
    let world = World::compile(&[&documents]).unwrap();
    ["one", "two"].map(|namespace| {
        let mut part = world.configuration.for_namespace(namespace);
        part.revision = String::new();
        String::from_utf8(part.to_json().unwrap()).unwrap()
    })
}

const TILL: &str = "  - { name: till, namespace: bank, serviceAccount: till, labels: { app: till, version: v1 }, proxy: true, instances: [{ addresses: [10.0.3.1] }] }";
const NOTHING: &str = "{ apiVersion: v1, kind: Namespace, metadata: { name: bank } }";

#[test]
fn somebody_elses_pods_change_nothing() {
    let before = parts(NOTHING, TILL);
    let moved = TILL.replace("10.0.3.1", "10.0.3.7");
    let upgraded = TILL.replace("v1", "v2");
    let more =
        format!("{TILL}\n{}", TILL.replace("till", "vault").replace("bank", "post").replace("3.1", "3.2"));
    for bank in [moved, upgraded, more] {
        assert_eq!(parts(NOTHING, &bank), before, "{bank}");
    }
}

#[test]
fn who_may_come_concerns_only_those_to_whom() {
    let before = parts(NOTHING, TILL);
    let after = parts(NOTHING, &TILL.replace("app: till", "app: vault"));
    assert_ne!(before[0], after[0]);
    assert_eq!(before[1], after[1]);
}

#[test]
fn an_address_is_there_only_where_an_account_is_shared() {
    let [one, two] = parts(NOTHING, TILL);
    assert!(!one.contains("10.0.") && !two.contains("10.0.3"), "{one}\n{two}");
    let shared = format!(
        "{TILL}\n{}",
        TILL.replace("name: till", "name: vault").replace("app: till", "app: vault").replace("3.1", "3.2")
    );
    let [one, two] = parts(NOTHING, &shared);
    assert!(one.contains("10.0.3.1") && one.contains("10.0.3.2"), "{one}");
    assert!(!two.contains("10.0.3"), "{two}");
}

#[test]
fn a_policy_of_destinations_elsewhere_changes_nothing() {
    let before = parts(NOTHING, TILL);
    let policy = r"
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: bank, namespace: bank }
spec:
  isolate: [{ workloads: {}, directions: [ingress] }]
  allow:
  - { name: till, from: [{ workloads: { namespace: one } }], to: [{ workloads: { labels: { app: till } } }] }
";
    assert_eq!(parts(policy, TILL), before);
}

#[test]
fn a_policy_of_sources_reaches_those_whom_they_may_reach() {
    let before = parts(NOTHING, TILL);
    let policy = r"
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: bank, namespace: bank }
spec:
  deny:
  - { name: no-orders, from: [{ workloads: {} }], to: [{ workloads: { namespace: one } }], http: [{ methods: [DELETE] }] }
";
    let after = parts(policy, TILL);
    assert!(after[0].contains("bank/bank/no-orders") && after[0].contains("10.0.3.1"), "{}", after[0]);
    assert_eq!(before[1], after[1]);
}
