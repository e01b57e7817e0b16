//! Policies of other systems mean the same once they are written as Bookend's own, and are then written no further.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "made-up documents are put together field by field, and functions shared by tests fail as tests do"
)]

use bookend_engine::{Clause, Exchange, Head, NoTrace, PeerMatch, Program, Request, Rule, Verdict, decide};
use bookend_lang::{Import, Importing, Options, Source, import};
use bookend_testing::World;
use bookend_testing::generate::{Pair, Scenario, pair, rich_scenario};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

fn sources(texts: &[String]) -> Vec<Source> {
    texts.iter().map(|text| Source::new("x", text.as_str())).collect()
}

/// The texts, imported. That each rule says the same is part of it.
fn imported(texts: &[String], merge: bool) -> Result<Import, TestCaseError> {
    let sources = sources(texts);
    import(&sources, Importing { reading: Options::default(), merge }).map_err(|refused| {
        let lines: Vec<String> = refused.diagnostics.iter().map(|d| d.line(&sources).to_string()).collect();
        TestCaseError::fail(format!("{}\n{}", lines.join("\n"), texts.join("\n---\n")))
    })
}

fn written(import: &Import) -> String {
    import.documents.iter().map(|document| document.text.as_str()).collect::<Vec<_>>().join("---\n")
}

fn labels() -> impl Strategy<Value = Value> {
    let value = |list: [&'static str; 2]| option::of(select(list.to_vec()));
    (value(["x", "y"]), value(["1", "2"])).prop_map(|(app, version)| {
        let pairs = [("app", app), ("version", version)].into_iter();
        Value::Object(pairs.filter_map(|(key, value)| Some((key.to_owned(), value?.into()))).collect())
    })
}

fn selector() -> impl Strategy<Value = Value> {
    let expression = select(vec![
        json!({ "key": "app", "operator": "Exists" }),
        json!({ "key": "version", "operator": "NotIn", "values": ["1"] }),
        json!({ "key": "app", "operator": "In", "values": ["x"] }),
    ]);
    (labels(), option::weighted(0.2, expression)).prop_map(|(labels, expression)| match expression {
        None => json!({ "matchLabels": labels }),
        Some(expression) => json!({ "matchLabels": labels, "matchExpressions": [expression] }),
    })
}

fn peer() -> impl Strategy<Value = Value> {
    let namespaces = select(vec![
        json!({}),
        json!({ "matchLabels": { "team": "x" } }),
        json!({ "matchLabels": { "kubernetes.io/metadata.name": "b" } }),
    ]);
    let block = select(vec![
        json!({ "ipBlock": { "cidr": "10.0.0.0/29", "except": ["10.0.0.2/32"] } }),
        json!({ "ipBlock": { "cidr": "0.0.0.0/0" } }),
    ]);
    prop_oneof![
        3 => selector().prop_map(|pods| json!({ "podSelector": pods })),
        1 => namespaces.clone().prop_map(|namespaces| json!({ "namespaceSelector": namespaces })),
        1 => (namespaces, selector())
            .prop_map(|(namespaces, pods)| json!({ "namespaceSelector": namespaces, "podSelector": pods })),
        1 => block,
    ]
}

fn ports() -> impl Strategy<Value = Vec<Value>> {
    let ports = vec![
        json!({ "port": 80 }),
        json!({ "port": "http" }),
        json!({ "port": 53, "protocol": "UDP" }),
        json!({ "port": 8000, "endPort": 9090 }),
    ];
    subsequence(ports, 1..3)
}

/// An entry of `ingress` or `egress`.
fn entry(peers: &'static str) -> impl Strategy<Value = Value> {
    (option::of(vec(peer(), 1..3)), option::of(ports())).prop_map(move |(list, ports)| {
        let mut entry = json!({});
        if let Some(list) = list {
            entry[peers] = Value::from(list);
        }
        if let Some(ports) = ports {
            entry["ports"] = Value::from(ports);
        }
        entry
    })
}

/// A NetworkPolicy without its name.
fn network_policy() -> impl Strategy<Value = Value> {
    let directions = subsequence(vec!["Ingress", "Egress"], 1..3);
    let lists = (vec(entry("from"), 0..3), vec(entry("to"), 0..3));
    (select(vec!["a", "a", "b"]), selector(), directions, lists).prop_map(
        |(namespace, pods, directions, (ingress, egress))| {
            let mut spec = json!({ "podSelector": pods, "policyTypes": directions });
            for (direction, key, list) in [("Ingress", "ingress", ingress), ("Egress", "egress", egress)] {
                if directions.contains(&direction) {
                    spec[key] = Value::from(list);
                }
            }
            json!({
                "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": { "namespace": namespace }, "spec": spec,
            })
        },
    )
}

/// An AuthorizationPolicy without its name.
fn authorization_policy() -> impl Strategy<Value = Value> {
    let source = select(vec![
        json!({ "namespaces": ["a"] }),
        json!({ "principals": ["cluster.local/ns/a/sa/s"] }),
        json!({ "notNamespaces": ["b"] }),
        json!({ "ipBlocks": ["10.0.0.0/29"] }),
    ]);
    let operation = select(vec![
        json!({ "ports": ["80"] }),
        json!({ "methods": ["GET"], "paths": ["/0/*"] }),
        json!({ "notPaths": ["/1/*"] }),
        json!({ "hosts": ["a.example"] }),
    ]);
    let rule = (option::of(vec(source, 1..3)), option::of(vec(operation, 1..3))).prop_map(|(from, to)| {
        let mut rule = json!({});
        if let Some(from) = from {
            rule["from"] = from.into_iter().map(|source| json!({ "source": source })).collect();
        }
        if let Some(to) = to {
            rule["to"] = to.into_iter().map(|operation| json!({ "operation": operation })).collect();
        }
        rule
    });
    let action = select(vec!["ALLOW", "ALLOW", "DENY"]);
    (select(vec!["a", "b"]), option::of(labels()), action, vec(rule, 1..3)).prop_map(
        |(namespace, labels, action, rules)| {
            let mut spec = json!({ "action": action, "rules": rules });
            if let Some(labels) = labels.filter(|labels| labels.as_object().is_some_and(|l| !l.is_empty())) {
                spec["selector"] = json!({ "matchLabels": labels });
            }
            json!({
                "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
                "metadata": { "namespace": namespace }, "spec": spec,
            })
        },
    )
}

/// Everything that a scenario has besides policies, and policies of other systems.
fn foreign() -> impl Strategy<Value = Vec<String>> {
    let policies = (vec(network_policy(), 1..5), vec(authorization_policy(), 0..3));
    (rich_scenario(), policies).prop_map(|(scenario, (network, authorization))| {
        let numbered = network.into_iter().chain(authorization).zip(1..).map(|(mut policy, number)| {
            policy["metadata"]["name"] = Value::from(format!("p{number}"));
            policy.to_string()
        });
        numbered.chain(scenario.surroundings).collect()
    })
}

/// The verdicts on a packet, on requests and on a stream.
fn verdicts(world: &World, pair: &Pair) -> Vec<Verdict> {
    let question = pair.question(world);
    let inventory = &world.inventory;
    let connection = bookend_engine::Connection {
        source: inventory.endpoint(question.source.address),
        destination: inventory.endpoint(question.destination.address),
        protocol: question.protocol,
        port: question.port,
    };
    let requests: Vec<Request<'_>> = ["/0/1", "/1/0", "/"]
        .into_iter()
        .map(|path| {
            Request::new(Head {
                method: Some(b"GET"),
                path: Some(path.as_bytes()),
                authority: Some(b"a.example"),
                headers: Some(&[]),
                ..Head::default()
            })
        })
        .collect();
    let exchanges = requests.iter().map(Exchange::Http);
    [Exchange::Packet, Exchange::Stream]
        .into_iter()
        .chain(exchanges)
        .map(|exchange| decide(&world.program, &connection, exchange, &mut NoTrace).verdict())
        .collect()
}

/// Each of a list once, in order.
fn once<T: PartialEq>(list: Vec<T>) -> Vec<T> {
    let mut kept = Vec::new();
    for one in list {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

/// A peer without exceptions that it names twice.
fn named_once(peer: &PeerMatch) -> PeerMatch {
    PeerMatch { not: once(peer.not.iter().map(named_once).collect()), ..peer.clone() }
}

/// The program without peers that a rule names twice: two ways of writing the same, of which one is kept.
fn without_repeats(program: &Program) -> Program {
    let peers = |clause: &Clause<PeerMatch>| match clause.alternatives() {
        None => Clause::Any,
        Some(list) => Clause::one_of(once(list.iter().map(named_once).collect())).unwrap(),
    };
    let rule = |rule: &Rule| Rule { from: peers(&rule.from), to: peers(&rule.to), ..rule.clone() };
    Program::new(program.rules().iter().map(rule).collect(), program.isolations().to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn native_documents_are_written_as_they_are_read(scenario in rich_scenario()) {
        let scenario: Scenario = scenario;
        let texts = scenario.texts(0);
        let once = imported(&texts, true)?;
        let again = imported(&[written(&once), once.facts.clone()], true)?;
        prop_assert_eq!(written(&again), written(&once));
        // A network may be named in two ways, and both stay.
        prop_assert_eq!(without_repeats(&once.after.program), without_repeats(&once.before.program));
    }

    #[test]
    fn foreign_policies_mean_the_same_once_they_are_written(
        texts in foreign(),
        merge in any::<bool>(),
        pairs in vec(pair(), 1..12),
    ) {
        let once = imported(&texts, merge)?;
        let text = written(&once);
        let again = imported(&[text.clone(), once.facts.clone()], true)?;
        prop_assert_eq!(written(&again), text.clone());
        let before: Vec<&str> = texts.iter().map(String::as_str).collect();
        let before = World::compile(&before).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let after = World::compile(&[&text, &once.facts]).map_err(|error| TestCaseError::fail(error.to_string()))?;
        for pair in &pairs {
            prop_assert_eq!(verdicts(&before, pair), verdicts(&after, pair), "{}", text);
        }
    }
}
