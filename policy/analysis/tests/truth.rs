//! No warning is false: what is found about the worlds of `conformance/` is asked of the engine, question by question.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use bookend_analysis::{Finding, Name, Side, survey};
use bookend_engine::{
    Connection, Endpoint, Exchange, HeaderLine, Identity, Judgement, NoTrace, Peer, PortMatch, Program,
    Protocol, Request, Truth, Verdict, decide,
};
use bookend_testing::{Corpus, Head, Seen, Step, Tokens, Traffic, World};

/// Somebody outside, in no block that a rule names and in some that rules often name.
const OUTSIDE: [&str; 6] =
    ["203.0.113.77", "192.0.2.1", "198.51.100.9", "10.200.0.9", "2001:db8::77", "fe80::1"];

/// Everything that is asked in a world.
struct Questions {
    /// What is sent: nothing yet, a stream, and every request of the corpus' cases about this world.
    traffic: Vec<Sent>,
    /// How sources show themselves to a proxy.
    seen: BTreeSet<(Vec<String>, Option<IpAddr>)>,
    addresses: Vec<IpAddr>,
    ports: BTreeSet<(Protocol, u16)>,
}

enum Sent {
    Packet,
    Stream,
    Request(Head, Tokens),
}

fn questions(world: &World, asked: &[&bookend_testing::Question]) -> Questions {
    let mut seen: BTreeSet<_> = BTreeSet::from([(Vec::new(), None)]);
    let mut traffic = vec![Sent::Packet, Sent::Stream];
    let get = Head {
        method: Some(b"GET".to_vec()),
        authority: Some(b"a.example".to_vec()),
        path: Some(b"/".to_vec()),
        ..Head::default()
    };
    traffic.push(Sent::Request(get.clone(), Tokens::default()));
    let patch = Head { method: Some(b"PATCH".to_vec()), path: Some(b"/no/such/path".to_vec()), ..get };
    traffic.push(Sent::Request(patch, Tokens::default()));
    traffic.push(Sent::Request(Head::default(), Tokens::Unreadable));
    let mut add =
        |of: &Seen| seen.insert((of.uri_sans.iter().map(ToString::to_string).collect(), of.address));
    let mut ports: BTreeSet<(Protocol, u16)> = Protocol::ALL
        .into_iter()
        .flat_map(|protocol| match (protocol.has_ports(), protocol.is_icmp()) {
            (true, _) => {
                vec![(protocol, 1), (protocol, 53), (protocol, 80), (protocol, 9080), (protocol, 65535)]
            }
            (_, true) => vec![(protocol, 8 << 8), (protocol, 128 << 8), (protocol, 0xffff)],
            _ => vec![(protocol, 0)],
        })
        .collect();
    let mut addresses: BTreeSet<IpAddr> = OUTSIDE.map(|address| address.parse().unwrap()).into();
    for question in asked {
        addresses.extend([question.source.address, question.destination.address]);
        ports.insert((question.protocol, question.port));
        match &question.traffic {
            Traffic::Packet => {}
            Traffic::Stream(seen) => _ = add(seen),
            Traffic::Request { peer, head, tokens } => {
                add(peer);
                traffic.push(Sent::Request(head.clone(), tokens.clone()));
            }
        }
    }
    for workload in world.inventory.workloads() {
        addresses.extend(workload.instances.iter().flat_map(|instance| &instance.addresses));
        seen.insert((vec![world.spiffe_id(workload)], None));
        for port in workload.identity.ports.iter().flatten() {
            ports.insert((port.protocol, port.port));
        }
    }
    for rule in world.program.rules() {
        for port in rule.ports.alternatives().unwrap_or_default().iter().chain(&rule.not_ports) {
            if let PortMatch::Range(range) = port {
                let (first, last) = (range.first(), range.last());
                for number in [first.saturating_sub(1), first, last, last.saturating_add(1)] {
                    ports.insert((range.protocol(), number));
                }
            }
        }
    }
    ports.retain(|(protocol, port)| !protocol.has_ports() || *port != 0);
    Questions { traffic, seen, addresses: addresses.into_iter().collect(), ports }
}

impl Questions {
    /// Puts every question.
    fn each(&self, world: &World, mut ask: impl FnMut(&Connection<'_>, Exchange<'_>)) {
        let lines: Vec<Vec<HeaderLine<'_>>> = self
            .traffic
            .iter()
            .map(|sent| if let Sent::Request(head, _) = sent { head.lines() } else { Vec::new() })
            .collect();
        let requests: Vec<Option<Request<'_>>> = self
            .traffic
            .iter()
            .zip(&lines)
            .map(|(sent, lines)| match sent {
                Sent::Request(head, tokens) => Some(head.request(lines, tokens)),
                Sent::Packet | Sent::Stream => None,
            })
            .collect();
        for destination in &self.addresses {
            for (protocol, port) in &self.ports {
                let put = |source: Endpoint<'_>,
                           exchange: Exchange<'_>,
                           ask: &mut dyn FnMut(&Connection<'_>, Exchange<'_>)| {
                    let destination = world.inventory.endpoint(*destination);
                    ask(&Connection { source, destination, protocol: *protocol, port: *port }, exchange);
                };
                for source in &self.addresses {
                    put(world.inventory.endpoint(*source), Exchange::Packet, &mut ask);
                }
                let proxied = world.inventory.at(*destination).is_some_and(|w| w.identity.proxied);
                if *protocol != Protocol::Tcp || !proxied {
                    continue;
                }
                // What its filter asks, which knows peers by certificates, or by nothing.
                let at = |address: IpAddr| world.certificate(address).into_iter().collect::<Vec<_>>();
                let own = self.addresses.iter().map(|address| (at(*address), Some(*address)));
                for (sans, address) in self.seen.iter().cloned().chain(own) {
                    let uri_sans: Vec<&str> = sans.iter().map(String::as_str).collect();
                    let peer = || world.inventory.peer_endpoint(Peer { uri_sans: &uri_sans, address });
                    for (sent, request) in self.traffic.iter().zip(&requests) {
                        match (sent, request) {
                            (Sent::Packet, _) => {}
                            (_, Some(request)) => put(peer(), Exchange::Http(request), &mut ask),
                            (_, None) => put(peer(), Exchange::Stream, &mut ask),
                        }
                    }
                }
            }
        }
    }
}

fn ids<'j>(judgement: &'j Judgement<'_>) -> [&'j str; 2] {
    [judgement.source.cause.id(), judgement.destination.cause.id()]
}

/// Everything that is found about a world, held to what the engine says; what each kind of finding was found of.
fn hold(world: &World, asked: &[&bookend_testing::Question], about: &str) -> BTreeMap<&'static str, usize> {
    let side = Side { program: &world.program, inventory: &world.inventory };
    let findings = survey(side);
    let without = |rule: &str| world.program.filtered(|other| other.id != rule, |_| true);
    let mut kinds: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut alike: Vec<(&str, &str, Program)> = Vec::new();
    let mut never: BTreeSet<&str> = BTreeSet::new();
    let mut nameless: BTreeSet<Name<'_>> = BTreeSet::new();
    let mut unanswered: BTreeSet<&str> = BTreeSet::new();
    let address = |name: &Name<'_>| {
        let workload = world.inventory.workload(name.namespace, name.name).unwrap();
        workload.instances.iter().flat_map(|instance| instance.addresses.clone()).collect::<Vec<_>>()
    };
    for finding in &findings {
        let kind = match finding {
            Finding::Duplicate { rule, .. } => {
                alike.push(("duplicate", rule, without(rule)));
                "duplicate"
            }
            Finding::Unreachable { rule, .. } => {
                never.insert(rule);
                alike.push(("unreachable", rule, without(rule)));
                "unreachable"
            }
            Finding::Moot { rule, .. } => {
                alike.push(("moot", rule, without(rule)));
                "moot"
            }
            Finding::Unanswered { rule } => {
                unanswered.insert(rule);
                "unanswered"
            }
            Finding::NoDns { workloads, .. } => {
                nameless.extend(workloads);
                "no dns"
            }
            Finding::UnverifiedTokens { destination, .. } => {
                let workload = world.inventory.workload(destination.namespace, destination.name).unwrap();
                assert!(workload.identity.proxied && !workload.identity.jwt, "{about}: {finding:?}");
                "unverified tokens"
            }
            Finding::NoSuchPort { rule, port } => {
                let rule = world.program.rules().iter().find(|other| other.id == **rule).unwrap();
                for workload in world.inventory.workloads() {
                    let named = |own: &bookend_engine::NamedPort| own.name == **port;
                    let has = workload.identity.ports.iter().flatten().any(named);
                    let identity = Identity::Workload(&workload.identity);
                    let principal = world.inventory.principal_of(&identity);
                    let end = Endpoint { identity, location: bookend_engine::Location::Elsewhere, principal };
                    let meant = rule
                        .to
                        .alternatives()
                        .is_none_or(|to| to.iter().any(|peer| peer.holds(&end) == Truth::Yes));
                    let protocols = |own: &bookend_engine::NamedPort| {
                        rule.ports
                            .alternatives()
                            .unwrap_or_default()
                            .iter()
                            .chain(&rule.not_ports)
                            .any(|port| matches!(port, PortMatch::Named(named) if named.means(own)))
                    };
                    let same = workload.identity.ports.iter().flatten().any(protocols);
                    assert!(!(has && meant && same), "{about}: {finding:?}: {}", workload.name);
                }
                "no such port"
            }
            Finding::Indistinct { meant, other, .. } => {
                let account = |name: &Name<'_>| {
                    let identity = &world.inventory.workload(name.namespace, name.name).unwrap().identity;
                    (identity.namespace.clone(), identity.service_account.clone())
                };
                assert_eq!(account(meant), account(other), "{about}: {finding:?}");
                assert!(address(meant).is_empty() || address(other).is_empty(), "{about}: {finding:?}");
                "indistinct"
            }
            Finding::NoAddress { workloads, .. } => {
                assert!(workloads.iter().all(|name| address(name).is_empty()), "{about}: {finding:?}");
                "no address"
            }
        };
        *kinds.entry(kind).or_default() += 1;
    }
    if alike.is_empty() && nameless.is_empty() && unanswered.is_empty() {
        return kinds;
    }
    let nameless: BTreeSet<IpAddr> = nameless.iter().flat_map(address).collect();
    let questions = questions(world, asked);
    questions.each(world, |connection, exchange| {
        let judgement = decide(&world.program, connection, exchange, &mut NoTrace);
        let told = || format!("{about}\n{connection:?}\n{judgement:?}");
        for id in ids(&judgement) {
            assert!(!never.contains(id), "`{id}` decides: {}", told());
        }
        // Whom the rule means: who can be told.
        let known = matches!(connection.source.identity, Identity::Workload(_));
        if known && unanswered.contains(judgement.deciding().1.cause.id()) {
            let packet = decide(&world.program, connection, Exchange::Packet, &mut NoTrace);
            assert_eq!(packet.verdict(), Verdict::Deny, "is answered: {}", told());
        }
        for (kind, rule, program) in &alike {
            let other = decide(program, connection, exchange, &mut NoTrace);
            assert_eq!(judgement.verdict(), other.verdict(), "{kind} `{rule}`: {}", told());
        }
        let asks = connection.port == 53 && matches!(connection.protocol, Protocol::Udp | Protocol::Tcp);
        if asks && judgement.verdict() == Verdict::Allow {
            let by_address = |address: &IpAddr| world.inventory.endpoint(*address) == connection.source;
            assert!(!nameless.iter().any(by_address), "asks for names: {}", told());
        }
    });
    kinds
}

#[test]
fn no_warning_about_a_world_of_the_corpus_is_false() {
    let corpus = Corpus::load().unwrap();
    let mut kinds: BTreeMap<&'static str, usize> = BTreeMap::new();
    for section in &corpus.sections {
        let asked: Vec<_> =
            section.cases.iter().flat_map(|case| &case.expectations).map(|e| &e.question).collect();
        let changes = section.cases.iter().filter_map(|case| case.sequence.as_ref());
        let changes = changes.flat_map(|sequence| &sequence.steps).filter_map(|step| match step {
            Step::Change(world) => Some(world),
            _ => None,
        });
        let worlds: Vec<&Arc<World>> = std::iter::once(&section.world).chain(changes).collect();
        for world in worlds {
            for (kind, number) in hold(world, &asked, &format!("{}: {}", section.topic, section.about)) {
                println!("{kind} {number}: {}: {}", section.topic, section.about);
                *kinds.entry(kind).or_default() += number;
            }
        }
    }
    println!("{kinds:?}");
    assert!(kinds.len() >= 4, "the corpus gives reason to warn: {kinds:?}");
}

#[test]
fn no_warning_about_rules_without_effect_is_false() {
    let world = World::compile(&[include_str!("../../../cli/tests/advised/documents.yaml")]).unwrap();
    let kinds = hold(&world, &[], "advised");
    for kind in ["duplicate", "unreachable", "moot", "indistinct", "no address", "no such port", "unanswered"]
    {
        assert!(kinds.contains_key(kind), "{kind} is not in {kinds:?}");
    }
}
