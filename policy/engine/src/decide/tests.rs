use alloc::{string::ToString, vec, vec::Vec};

use super::*;
use crate::{
    Action, Clause, Condition, Endpoint, Ends, Explanation, HttpMatch, Location, Mode, NamespaceMatch,
    NoTrace, PeerMatch, Plane, PortMatch, Principal, PrincipalPattern, Protocol, Selector, WorkloadIdentity,
};

fn rule(id: &str, tier: u32, priority: i32, action: Action) -> Rule {
    Rule {
        id: id.to_string(),
        plane: Plane::Bookend,
        tier,
        priority,
        action,
        mode: Mode::Enforce,
        at: Ends::BOTH,
        namespace: None,
        from: Clause::Any,
        to: Clause::Any,
        ports: Clause::Any,
        not_ports: Vec::new(),
        http: Clause::Any,
        answer: None,
        limits: None,
    }
}

fn isolation(id: &str, tier: u32) -> Isolation {
    Isolation {
        id: id.to_string(),
        plane: Plane::Bookend,
        tier,
        mode: Mode::Enforce,
        workloads: Selector::all(NamespaceMatch::any()),
        egress: true,
        ingress: true,
    }
}

/// A condition that nobody can know before a request is seen.
fn conditional(rule: Rule) -> Rule {
    let http = HttpMatch { methods: Clause::only("GET".to_string()), ..HttpMatch::default() };
    Rule { http: Clause::only(http), ..rule }
}

/// A condition on who the peer is, which is in doubt for an anonymous one.
fn doubtful(rule: Rule) -> Rule {
    let someone = Selector::all(NamespaceMatch::Named("a".to_string()));
    Rule { from: Clause::only(PeerMatch::workloads(someone)), ..rule }
}

fn workload(proxied: bool) -> WorkloadIdentity {
    WorkloadIdentity { namespace: "a".to_string(), proxied, ..WorkloadIdentity::default() }
}

fn anonymous<'a>() -> Endpoint<'a> {
    Endpoint { identity: Identity::Anonymous, location: Location::Unknown, principal: Principal::Unknown }
}

fn outside<'a>() -> Endpoint<'a> {
    Endpoint { identity: Identity::Outside, location: Location::Elsewhere, principal: Principal::Open }
}

fn to<'a>(source: Endpoint<'a>, workload: &'a WorkloadIdentity) -> Connection<'a> {
    let principal = Principal::Derived { trust_domain: "t" };
    let identity = Identity::Workload(workload);
    let destination = Endpoint { identity, location: Location::Elsewhere, principal };
    Connection { source, destination, protocol: Protocol::Tcp, port: 80 }
}

fn at_destination(
    rules: Vec<Rule>,
    isolations: Vec<Isolation>,
    source: Endpoint<'_>,
) -> (Verdict, alloc::string::String) {
    let (program, workload) = (Program::new(rules, isolations), workload(true));
    let connection = to(source, &workload);
    let decision = decide_end(&program, End::Destination, &connection, Exchange::Packet, &mut NoTrace);
    (decision.verdict, decision.cause.id().to_string())
}

#[test]
fn a_lower_number_goes_first_and_deny_before_pass_before_allow() {
    use Action::*;
    let cases = [
        (vec![rule("x", 2, -5, Deny), rule("y", 1, 5, Allow)], "y"),
        (vec![rule("x", 1, 1, Deny), rule("y", 1, 0, Allow)], "y"),
        (vec![rule("x", 1, 0, Allow), rule("y", 1, 0, Deny)], "y"),
        (vec![rule("x", 1, 0, Allow), rule("y", 1, 0, Pass), rule("z", 2, 0, Deny)], "z"),
        (vec![rule("x", 1, 0, Deny), rule("y", 1, 0, Pass)], "x"),
    ];
    for (rules, expected) in cases {
        assert_eq!(at_destination(rules, vec![], outside()).1, expected);
    }
}

#[test]
fn an_isolation_ends_its_tier_and_a_pass_goes_around_it() {
    use Action::*;
    let isolated = |tier| vec![isolation("isolation", tier)];
    let allow = || rule("allow", 2, 0, Allow);
    assert_eq!(at_destination(vec![allow()], isolated(1), outside()), (Verdict::Deny, "isolation".into()));
    assert_eq!(at_destination(vec![allow()], isolated(2), outside()), (Verdict::Allow, "allow".into()));
    let pass = rule("pass", 1, 0, Pass);
    assert_eq!(at_destination(vec![pass, allow()], isolated(1), outside()).1, "allow");
    assert_eq!(at_destination(vec![], vec![], outside()), (Verdict::Allow, "default-allow".into()));
}

#[test]
fn a_pass_in_doubt_takes_the_stricter_of_both_ways() {
    use Action::*;
    let decide = |rest: Action, next: Action| {
        let pass = doubtful(rule("pass", 1, 0, Pass));
        let rules = vec![pass, rule("rest", 1, 1, rest), rule("next", 2, 0, next)];
        at_destination(rules, vec![], anonymous())
    };
    assert_eq!(decide(Allow, Deny), (Verdict::Deny, "next".into()));
    assert_eq!(decide(Deny, Allow), (Verdict::Deny, "rest".into()));
    assert_eq!(decide(Allow, Allow), (Verdict::Allow, "rest".into()));
    assert_eq!(decide(Deny, Deny), (Verdict::Deny, "rest".into()));
}

#[test]
fn a_pass_that_a_request_will_decide_takes_the_laxer_of_both_ways() {
    use Action::*;
    let decide = |rest: Action, next: Action| {
        let pass = conditional(rule("pass", 1, 0, Pass));
        let rules = vec![pass, rule("rest", 1, 1, rest), rule("next", 2, 0, next)];
        at_destination(rules, vec![], outside())
    };
    assert_eq!(decide(Allow, Deny), (Verdict::Allow, "rest".into()));
    assert_eq!(decide(Deny, Allow), (Verdict::Allow, "next".into()));
    assert_eq!(decide(Deny, Deny), (Verdict::Deny, "rest".into()));
}

#[test]
fn a_pass_that_is_in_doubt_whatever_the_request_is_lets_nothing_through() {
    use Action::*;
    let ports = Clause::only(PortMatch::named(Protocol::Tcp, "http"));
    let pass = Rule { ports, ..conditional(rule("pass", 1, 0, Pass)) };
    let rules = vec![pass, rule("next", 2, 0, Allow)];
    let decided = at_destination(rules, vec![isolation("isolation", 1)], outside());
    assert_eq!(decided, (Verdict::Deny, "isolation".into()));
}

#[test]
fn what_is_audited_is_rehearsed_and_not_enforced() {
    let deny = Rule { mode: Mode::Audit, ..rule("deny", 1, 0, Action::Deny) };
    let program = Program::new(vec![deny, rule("allow", 1, 1, Action::Allow)], vec![]);
    let workload = workload(true);
    let connection = to(outside(), &workload);
    let judgement = decide(&program, &connection, Exchange::Packet, &mut NoTrace);
    assert_eq!((judgement.verdict(), judgement.deciding().1.cause.id()), (Verdict::Allow, "allow"));
    let rehearsed = rehearse(&program, &connection, Exchange::Packet, &judgement, &mut NoTrace).unwrap();
    assert_eq!((rehearsed.verdict(), rehearsed.deciding().1.cause.id()), (Verdict::Deny, "deny"));

    let agreeing = Rule { mode: Mode::Audit, ..rule("later", 1, 2, Action::Allow) };
    let program = Program::new(vec![agreeing, rule("allow", 1, 1, Action::Allow)], vec![]);
    let judgement = decide(&program, &connection, Exchange::Packet, &mut NoTrace);
    assert_eq!(rehearse(&program, &connection, Exchange::Packet, &judgement, &mut NoTrace), None);
}

#[test]
fn a_rule_governs_only_the_ends_it_is_for() {
    let deny = Rule { at: Ends { source: true, destination: false }, ..rule("deny", 1, 0, Action::Deny) };
    let program = Program::new(vec![deny], vec![]);
    let (a, b) = (workload(true), workload(true));
    let source = Endpoint { identity: Identity::Workload(&a), ..outside() };
    let judgement = decide(&program, &to(source, &b), Exchange::Packet, &mut NoTrace);
    assert_eq!(judgement.source.cause.id(), "deny");
    assert_eq!(judgement.destination.cause.id(), "default-allow");
}

#[test]
fn the_principal_of_somebody_outside_is_open_to_packets_only_where_a_filter_will_see_it() {
    let principals = Clause::only(PrincipalPattern::parse("spiffe://partner/*").unwrap());
    let from = Clause::only(PeerMatch { principals, ..PeerMatch::default() });
    let allow = Rule { from: from.clone(), ..rule("allow", 1, 0, Action::Allow) };
    let deny = Rule { from, ..rule("deny", 1, -1, Action::Deny) };
    let isolations = || vec![isolation("isolation", 1)];
    for (rules, proxied, protocol, expected) in [
        (vec![allow.clone()], true, Protocol::Tcp, "allow"),
        (vec![allow.clone()], true, Protocol::Udp, "isolation"),
        (vec![allow.clone()], false, Protocol::Tcp, "isolation"),
        (vec![deny.clone(), allow.clone()], true, Protocol::Tcp, "allow"),
        (vec![deny.clone(), allow], false, Protocol::Tcp, "deny"),
        (vec![deny], true, Protocol::Udp, "deny"),
    ] {
        let (program, workload) = (Program::new(rules, isolations()), workload(proxied));
        let connection = Connection { protocol, ..to(outside(), &workload) };
        let decision = decide_end(&program, End::Destination, &connection, Exchange::Packet, &mut NoTrace);
        assert_eq!(decision.cause.id(), expected, "{proxied} {protocol:?}");
    }
}

#[test]
fn negation_keeps_doubt_and_turns_certainty_around() {
    let anyone = PeerMatch::workloads(Selector::all(NamespaceMatch::any()));
    let but = PeerMatch::none_of(vec![anyone]);
    let known = workload(true);
    let identity = |identity| Endpoint { identity, ..outside() };
    assert_eq!(but.holds(&identity(Identity::Outside)), crate::Truth::Yes);
    assert_eq!(but.holds(&identity(Identity::Workload(&known))), crate::Truth::No);
    assert_eq!(but.holds(&identity(Identity::Anonymous)), crate::Truth::Unknown);
}

#[test]
fn not_ports_take_ports_away() {
    let port = |first, last| PortMatch::range(Protocol::Tcp, first, last).unwrap();
    let allow = Rule {
        ports: Clause::only(port(1, 100)),
        not_ports: vec![port(80, 80)],
        ..rule("r", 1, 0, Action::Allow)
    };
    let program = Program::new(vec![allow], vec![]);
    let workload = workload(true);
    let mut explanation = Explanation::default();
    let connection = to(outside(), &workload);
    decide_end(&program, End::Destination, &connection, Exchange::Packet, &mut explanation);
    assert!(matches!(&explanation.steps[..], [crate::Step::Rule { outcome, .. }]
        if *outcome == crate::Outcome::Missed(Condition::NotPorts, crate::Truth::No)));
}
