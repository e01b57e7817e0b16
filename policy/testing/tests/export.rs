//! What other systems are told of a policy, read back.

#![expect(clippy::panic, clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use std::collections::BTreeSet;

use bookend_engine::{
    Connection, End, Exchange, FAILSAFE, HOST_LABEL, Identity, Mode, NoTrace, Peer, Plane, Program, Protocol,
    Verdict, decide,
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

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
