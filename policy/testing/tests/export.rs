//! What other systems are told of a policy, read back.

#![expect(clippy::panic, clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use std::collections::BTreeSet;

use bookend_engine::{
    Clause, Connection, End, Exchange, FAILSAFE, HOST_LABEL, Identity, Mode, NoTrace, Peer, Plane, Program,
    Protocol, Verdict, decide,
};
use bookend_lang::export::{Effect, Export, Target, Wish, export};
use bookend_lang::{Compiled, Source, compile};
use bookend_testing::generate::{Pair, Scenario, Sight, pair, request, rich_scenario, scenario, sight};
use bookend_testing::{Head, Question, Tokens, World};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

const TARGETS: [Target; 2] = [Target::Kubernetes, Target::Calico];

fn compiled(texts: &[String]) -> Compiled {
    let sources: Vec<Source> =
        texts.iter().map(|text| Source::new("generated.yaml", text.as_bytes().to_vec())).collect();
    compile(&sources).unwrap_or_else(|refused| {
        let lines: Vec<String> = refused.diagnostics.iter().map(|d| d.line(&sources).to_string()).collect();
        panic!("{}\n{}", lines.join("\n"), texts.join("\n"))
    })
}

/// The documents, and what there is besides policies.
fn read_back(export: &Export, scenario: &Scenario) -> Compiled {
    let documents = export.documents.iter().map(Value::to_string);
    compiled(&documents.chain(scenario.surroundings.iter().cloned()).collect::<Vec<_>>())
}

/// The rules and isolations of a program that are in a plane, are enforced, and are not among some.
fn part(program: &Program, plane: Plane, without: &BTreeSet<&str>) -> Program {
    let kept = |id: &String| !without.contains(id.as_str());
    program.filtered(
        |rule| rule.id == FAILSAFE || rule.plane == plane && rule.mode == Mode::Enforce && kept(&rule.id),
        |isolation| isolation.plane == plane && isolation.mode == Mode::Enforce && kept(&isolation.id),
    )
}

/// The ids of which a gap has one of these effects.
fn named<'e>(export: &'e Export, effects: &[Effect]) -> BTreeSet<&'e str> {
    let gaps = export.gaps.iter().filter(|gap| effects.contains(&gap.effect));
    gaps.map(|gap| gap.rule.as_str()).collect()
}

fn connection<'w>(world: &'w World, question: &Question) -> Connection<'w> {
    let source = world.inventory.endpoint(question.source.address);
    let destination = world.inventory.endpoint(question.destination.address);
    Connection { source, destination, protocol: question.protocol, port: question.port }
}

/// Whether an end is a host, which network plugins leave alone.
fn has_host(connection: &Connection<'_>) -> bool {
    End::BOTH.iter().any(|end| match &connection.at(*end).identity {
        Identity::Workload(workload) => workload.labels.contains_key(HOST_LABEL),
        _ => false,
    })
}

fn allows(program: &Program, connection: &Connection<'_>) -> bool {
    decide(program, connection, Exchange::Packet, &mut NoTrace).verdict() == Verdict::Allow
}

fn check(scenario: &Scenario, pairs: &[Pair], target: Target, cluster_policies: bool) {
    let texts = scenario.texts(0);
    let original = compiled(&texts);
    let world = scenario.world().unwrap();
    let export = export(&original, Wish { target, plane: Plane::Bookend, cluster_policies });
    let read = read_back(&export, scenario);
    let open = part(&original.program, Plane::Bookend, &named(&export, &[Effect::Open]));
    // What is named may be written in part.
    let whole = part(&original.program, Plane::Bookend, &BTreeSet::new());
    let exact = export.gaps.iter().all(|gap| !matches!(gap.effect, Effect::Open | Effect::Stricter));
    for pair in pairs {
        let question = pair.question(&world);
        let connection = connection(&world, &question);
        if has_host(&connection) {
            continue;
        }
        let before = allows(&whole, &connection);
        let (least, after) = (before || allows(&open, &connection), allows(&read.program, &connection));
        let told = || {
            let documents: Vec<String> = export.documents.iter().map(Value::to_string).collect();
            format!("{question:?}\n{:#?}\n{}\n{}", export.gaps, documents.join("\n"), texts.join("\n"))
        };
        assert!(least || !after, "wider: {}", told());
        assert!(!exact || before == after, "other: {}", told());
    }
}

/// What the destination alone says of a request from whoever a proxy sees, or of a stream.
fn accepts(program: &Program, connection: &Connection<'_>, request: Option<&(Head, Tokens)>) -> bool {
    let (lines, read);
    let exchange = match request {
        None => Exchange::Stream,
        Some((head, tokens)) => {
            lines = head.lines();
            read = head.request(&lines, tokens);
            Exchange::Http(&read)
        }
    };
    decide(program, connection, exchange, &mut NoTrace).destination.verdict == Verdict::Allow
}

fn check_mesh(scenario: &Scenario, pairs: &[Pair], requests: &[(Sight, (Head, Tokens))]) {
    let texts = scenario.texts(0);
    let original = compiled(&texts);
    let world = scenario.world().unwrap();
    let wish = Wish { target: Target::Istio, plane: Plane::Bookend, cluster_policies: true };
    let export = export(&original, wish);
    let read = read_back(&export, scenario);
    let open = part(&original.program, Plane::Bookend, &named(&export, &[Effect::Open]));
    let mesh = part(&read.program, Plane::Mesh, &BTreeSet::new());
    for pair in pairs {
        let question = pair.question(&world);
        let Some(destination) = world.inventory.at(question.destination.address) else { continue };
        if !destination.identity.proxied || !question.protocol.has_ports() {
            continue;
        }
        for (sight, request) in requests {
            let seen = sight.of(&question, &world);
            let uri_sans: Vec<&str> = seen.uri_sans.iter().map(String::as_str).collect();
            let source = world.inventory.peer_endpoint(Peer { uri_sans: &uri_sans, address: seen.address });
            let destination = world.inventory.endpoint(question.destination.address);
            let connection = Connection { source, destination, protocol: Protocol::Tcp, port: question.port };
            for request in [None, Some(request)] {
                let (before, after) =
                    (accepts(&open, &connection, request), accepts(&mesh, &connection, request));
                let told = || {
                    let documents: Vec<String> = export.documents.iter().map(Value::to_string).collect();
                    let asked = format!("{question:?} {seen:?} {request:?}\n{:#?}", export.gaps);
                    format!("{asked}\n{}\n{}", documents.join("\n"), texts.join("\n"))
                };
                assert!(before || !after, "wider: {}", told());
            }
        }
    }
}

/// Workloads of a mesh.
const MESH: &str = "{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {name: mesh}, spec: {workloads: [\
    {name: web, serviceAccount: web, labels: {app: web}, proxy: true}, {name: api, serviceAccount: api, labels: {app: api}, proxy: true}, \
    {name: ops, namespace: ops, serviceAccount: ops, labels: {app: ops}, proxy: true}]}}";

/// A document of Istio.
fn foreign(kind: &str, namespace: &str, number: usize, spec: &str) -> String {
    format!(
        "{{apiVersion: security.istio.io/v1, kind: {kind}, metadata: {{name: p{number}, namespace: {namespace}}}, spec: {{{spec}}}}}"
    )
}

/// What a PeerAuthentication says, by its namespace.
fn authentication() -> impl Strategy<Value = (&'static str, String)> {
    let mode = || proptest::sample::select(vec!["UNSET", "DISABLE", "PERMISSIVE", "STRICT", "STRICT"]);
    let namespace = proptest::sample::select(vec!["istio-system", "default", "default", "ops"]);
    let labels = proptest::sample::select(vec!["", "app: api", "app: web", "app: api, tier: back"]);
    let port = proptest::sample::select(vec![80_u16, 8080, 15_020]);
    let ports = proptest::collection::btree_map(port, mode(), 0..3);
    (namespace, labels, mode(), ports).prop_map(|(namespace, labels, mode, ports)| {
        let mut spec = format!("mtls: {{mode: {mode}}}");
        // Only those with a selector may name ports.
        if !labels.is_empty() {
            spec.push_str(&format!(", selector: {{matchLabels: {{{labels}}}}}"));
            let ports = ports.iter().map(|(port, mode)| format!("{port}: {{mode: {mode}}}"));
            spec.push_str(&format!(", portLevelMtls: {{{}}}", ports.collect::<Vec<_>>().join(", ")));
        }
        (namespace, spec)
    })
}

/// What an AuthorizationPolicy says that has one rule.
fn authorization() -> impl Strategy<Value = String> {
    let one = |texts: &[&'static str]| proptest::sample::select(texts.to_vec());
    let selector =
        one(&["", "selector: {matchLabels: {app: api}}, ", "selector: {matchLabels: {app: ops}}, "]);
    let source = one(&[
        "principals: [cluster.local/ns/default/sa/web]",
        "principals: [other.example/ns/a/sa/b, cluster.local/ns/ops/sa/ops]",
        "principals: ['*']",
        "namespaces: [ops]",
        "ipBlocks: [10.1.0.0/16]",
    ]);
    let operation = one(&[
        "ports: ['80', '8080']",
        "notPorts: ['80']",
        "methods: [GET, HEAD]",
        "paths: ['/a/*', '/b/{*}']",
        "methods: [GET], notPaths: [/admin]",
        "ports: ['15020', '80']",
    ]);
    let optional = proptest::option::of;
    (one(&["ALLOW", "DENY"]), selector, optional(source), optional(operation)).prop_map(
        |(action, selector, source, operation)| {
            let from = source.map(|source| format!("from: [{{source: {{{source}}}}}]"));
            let to = operation.map(|operation| format!("to: [{{operation: {{{operation}}}}}]"));
            let rule: Vec<String> = from.into_iter().chain(to).collect();
            format!("{selector}action: {action}, rules: [{{{}}}]", rule.join(", "))
        },
    )
}

/// A program without ids, and without orders that mean nothing.
fn nameless(program: &Program) -> BTreeSet<String> {
    let rules = program.rules().iter().map(|rule| {
        let mut rule = rule.clone();
        rule.id.clear();
        // No policy of Istio holds there, whether a rule says so or not.
        let idle = |text: &String| ["15020", "15021", "15090"].iter().any(|port| text.contains(port));
        let ports = rule.not_ports.drain(..).map(|port| format!("{port:?}"));
        let ports: BTreeSet<String> = ports.filter(|text| !idle(text)).collect();
        let only: Option<BTreeSet<String>> =
            rule.ports.alternatives().map(|only| only.iter().map(|port| format!("{port:?}")).collect());
        rule.ports = Clause::Any;
        let to: BTreeSet<String> = rule
            .to
            .alternatives()
            .unwrap_or_default()
            .iter()
            .map(|peer| {
                let mut peer = peer.clone();
                let not: BTreeSet<String> = peer.not.drain(..).map(|not| format!("{not:?}")).collect();
                format!("{peer:?} but {not:?}")
            })
            .collect();
        rule.to = Clause::Any;
        format!("{rule:?} to {to:?} on {only:?} but {ports:?}")
    });
    let isolations = program.isolations().iter().map(|isolation| {
        let mut isolation = isolation.clone();
        isolation.id.clear();
        format!("{isolation:?}")
    });
    rules.chain(isolations).collect()
}

/// Policies of Istio that are written for Istio are what they were, and are written as the same text then.
fn check_again(foreign: &[String]) {
    let with_mesh = |texts: &[String]| compiled(&[texts, &[MESH.to_owned()]].concat());
    let wish = Wish { target: Target::Istio, plane: Plane::Mesh, cluster_policies: true };
    let original = with_mesh(foreign);
    let first = export(&original, wish);
    let texts: Vec<String> = first.documents.iter().map(Value::to_string).collect();
    let back = with_mesh(&texts);
    let told = || format!("{}\n{}", foreign.join("\n"), texts.join("\n"));
    assert_eq!(nameless(&original.program), nameless(&back.program), "{}", told());
    assert_eq!(first.documents, export(&back, wish).documents, "{}", told());
    let open = first.gaps.iter().find(|gap| matches!(gap.effect, Effect::Open | Effect::Stricter));
    assert_eq!(open, None, "{}", told());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn mutual_tls_is_written_for_a_mesh_as_it_was(all in vec(authentication(), 1..6)) {
        let numbered = all.iter().enumerate();
        let foreign: Vec<String> = numbered
            .map(|(number, (namespace, spec))| foreign("PeerAuthentication", namespace, number, spec))
            .collect();
        check_again(&foreign);
    }

    #[test]
    fn who_may_do_what_is_written_for_a_mesh_as_it_was(spec in authorization()) {
        check_again(&[foreign("AuthorizationPolicy", "default", 0, &spec)]);
    }

    #[test]
    fn an_export_allows_no_more_than_the_policy(
        scenario in prop_oneof![scenario().boxed(), rich_scenario().boxed()],
        pairs in vec(pair(), 32),
        cluster_policies in proptest::bool::weighted(0.8),
    ) {
        for target in TARGETS {
            check(&scenario, &pairs, target, cluster_policies);
        }
    }

    #[test]
    fn a_mesh_accepts_no_more_than_the_policy(
        scenario in prop_oneof![scenario().boxed(), rich_scenario().boxed()],
        pairs in vec(pair(), 16),
        requests in vec((sight(), request()), 4),
    ) {
        check_mesh(&scenario, &pairs, &requests);
    }
}
