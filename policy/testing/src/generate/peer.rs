//! Peers of rules, as documents.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

/// Blocks that nest and touch, and what can be excepted from them.
const BLOCKS: [(&str, &[&str]); 7] = [
    ("0.0.0.0/0", &["10.0.0.0/8", "203.0.113.0/24"]),
    ("10.0.0.0/8", &["10.0.0.0/30", "10.0.0.5/32"]),
    ("10.0.0.0/29", &["10.0.0.2/32", "10.0.0.4/31"]),
    ("203.0.113.0/24", &["203.0.113.9/32"]),
    ("::/0", &["fd00::/8"]),
    ("fd00::/125", &["fd00::2/128"]),
    ("2001:db8::/32", &["2001:db8:1::/48"]),
];

/// Principals, and patterns of them.
const PRINCIPALS: [&str; 6] = [
    "spiffe://*",
    "spiffe://cluster.local/ns/a/sa/s",
    "spiffe://cluster.local/ns/b/*",
    "spiffe://partner.example/*",
    "*/sa/t",
    "spiffe://partner.example/one",
];

/// A namespace that workloads live in.
pub(super) fn namespace() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "a", "b"])
}

/// Labels of a workload, or in a selector.
pub(super) fn labels() -> impl Strategy<Value = Map<String, Value>> {
    let value = |list: [&'static str; 2]| option::of(select(list.to_vec()));
    (value(["x", "y"]), value(["1", "2"])).prop_map(|(app, version)| {
        let pairs = [("app", app), ("version", version)];
        pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into()))).collect()
    })
}

fn expression(keys: [&'static str; 2]) -> impl Strategy<Value = Value> {
    let affixes = vec!["StartsWith", "NotStartsWith", "EndsWith", "NotEndsWith", "Contains", "NotContains"];
    let part = select(vec!["x", "1", "a", "am"]);
    prop_oneof![
        2 => (select(keys.to_vec()), select(vec!["In", "NotIn"]))
            .prop_map(|(key, operator)| json!({ "key": key, "operator": operator, "values": ["x", "1"] })),
        2 => (select(keys.to_vec()), select(vec!["Exists", "DoesNotExist"]))
            .prop_map(|(key, operator)| json!({ "key": key, "operator": operator })),
        1 => (select(keys.to_vec()), select(affixes), part)
            .prop_map(|(key, operator, part)| json!({ "key": key, "operator": operator, "values": [part] })),
    ]
}

/// A selector without its namespace.
pub(super) fn selector() -> impl Strategy<Value = Map<String, Value>> {
    let account = option::weighted(0.3, select(vec!["s", "t"]));
    let proxy = option::weighted(0.1, any::<bool>());
    (labels(), option::weighted(0.3, expression(["app", "version"])), account, proxy).prop_map(
        |(labels, expression, account, proxy)| {
            let mut selector = Map::new();
            if !labels.is_empty() {
                selector.insert("labels".to_owned(), Value::from(labels));
            }
            selector.extend(expression.map(|e| ("matchExpressions".to_owned(), json!([e]))));
            selector.extend(account.map(|a| ("serviceAccounts".to_owned(), json!([a]))));
            selector.extend(proxy.map(|proxy| ("proxy".to_owned(), json!(proxy))));
            selector
        },
    )
}

/// Which namespaces a selector means, as a field of it.
fn namespaces() -> impl Strategy<Value = Option<(String, Value)>> {
    let labelled = prop_oneof![
        Just(json!({})),
        select(vec!["x", "y"]).prop_map(|team| json!({ "labels": { "team": team } })),
        expression(["team", "kubernetes.io/metadata.name"])
            .prop_map(|expression| json!({ "matchExpressions": [expression] })),
    ];
    prop_oneof![
        3 => Just(None),
        2 => namespace().prop_map(|name| Some(("namespace".to_owned(), Value::from(name)))),
        1 => labelled.prop_map(|labelled| Some(("namespaces".to_owned(), labelled))),
    ]
}

fn workloads() -> impl Strategy<Value = Value> {
    (namespaces(), selector()).prop_map(|(namespaces, mut selector)| {
        selector.extend(namespaces);
        json!({ "workloads": selector })
    })
}

/// A block, with exceptions or without.
pub(super) fn block() -> impl Strategy<Value = Value> {
    (select(BLOCKS.to_vec()), any::<bool>()).prop_map(|((cidr, except), with)| {
        if with { json!({ "cidr": cidr, "except": except }) } else { json!({ "cidr": cidr }) }
    })
}

/// A peer with one part.
fn part(principals: bool) -> BoxedStrategy<Value> {
    let network = prop_oneof![
        select(vec!["near", "far"]).prop_map(|name| json!({ "network": name })),
        Just(json!({ "networks": { "labels": { "zone": "dmz" } } })),
        Just(json!({ "networks": { "matchExpressions": [{ "key": "zone", "operator": "Exists" }] } })),
    ];
    let together = vec![vec!["world"], vec!["cluster"], vec!["node"], vec!["world", "kube-apiserver"]];
    let entities = select(together).prop_map(|entities| json!({ "entities": entities }));
    let names = subsequence(PRINCIPALS.to_vec(), 1..3).prop_map(|names| json!({ "principals": names }));
    let plain = prop_oneof![6 => workloads(), 3 => block(), 1 => network, 1 => entities];
    if principals { prop_oneof![6 => plain, 1 => names].boxed() } else { plain.boxed() }
}

/// A peer. Some have several parts, some exceptions; those of sources may ask for `principals`.
pub(super) fn peer(principals: bool) -> BoxedStrategy<Value> {
    let second = option::weighted(0.15, part(principals));
    let not = option::weighted(0.15, vec(part(principals), 1..3));
    (part(principals), second, not)
        .prop_map(|(first, second, not)| {
            let mut peer = first.as_object().cloned().unwrap_or_default();
            let second = second.and_then(|part| part.as_object().cloned()).unwrap_or_default();
            // Blocks that have no address in common are refused.
            let speaks_of_addresses = |part: &Map<String, Value>| {
                ["cidr", "network", "networks", "entities"].iter().any(|key| part.contains_key(*key))
            };
            let both = speaks_of_addresses(&peer) && speaks_of_addresses(&second);
            let clash = |key: &str| both || peer.contains_key(key);
            let second: Map<String, Value> = second.into_iter().filter(|(key, _)| !clash(key)).collect();
            peer.extend(second);
            if let Some(mut not) = not {
                not.dedup();
                peer.insert("not".to_owned(), Value::from(not));
            }
            Value::from(peer)
        })
        .boxed()
}

/// Whether `peer` plainly may mean somebody in the namespace `own`, or, without one, in some namespace.
pub(super) fn may_lie_in(peer: &Value, own: Option<&str>) -> bool {
    let there = own.is_none_or(|own| peer.pointer("/workloads/namespace").is_none_or(|named| named == own));
    there && peer.get("not").is_none() && peer.get("entities").is_none()
}
