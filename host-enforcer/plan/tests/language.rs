//! What the finer parts of the language become in the tables, one test for each.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod shop;

use bookend_engine::{
    Action, Clause, Ends, Isolation, LabelMatch, Labels, Mode, NamedPort, NamespaceMatch, PeerMatch,
    PortMatch, PortRange, PrincipalPattern, Program, Protocol, Rule, Selector,
};
use bookend_plan::Plan;
use shop::{
    app, check, cidr, inventory, inventory_of, isolated, isolation, lines, one, rule, selector, tcp,
    workloads,
};

fn principals(pattern: &str) -> PeerMatch {
    PeerMatch { principals: one(PrincipalPattern::parse(pattern).unwrap()), ..PeerMatch::default() }
}

#[test]
fn sctp_has_ports() {
    let ports = one(PortMatch::range(Protocol::Sctp, 3868, 3868).unwrap());
    let rule = Rule { to: one(app("a", "db")), ports, ..rule(Action::Allow, "r") };
    check(&isolated(vec![rule]), "egress", &["else deny a/p/isolate[0]", "a/db@0 SCTP 3868 allow a/p/r"]);
}

#[test]
fn a_type_of_icmp_is_a_prefix_and_with_a_code_a_longer_one() {
    let messages = vec![
        PortMatch::Range(PortRange::icmp(false, 8, Some(0))),
        PortMatch::Range(PortRange::icmp(false, 42, None)),
        PortMatch::Range(PortRange::icmp(false, 43, None)),
        PortMatch::Range(PortRange::icmp(true, 128, None)),
    ];
    let ports = Clause::one_of(messages).unwrap();
    let rule = Rule { to: one(app("a", "db")), ports, ..rule(Action::Allow, "r") };
    check(
        &isolated(vec![rule]),
        "egress",
        &[
            "else deny a/p/isolate[0]",
            "a/db@0 ICMP 42-43 allow a/p/r",
            "a/db@0 ICMP 8/0 allow a/p/r",
            "a/db@0 ICMPv6 128 allow a/p/r",
        ],
    );
}

/// The shop, where the database calls its port 5432 `sql`, the API two ports, and nothing is known of the far one.
fn naming() -> bookend_engine::Inventory {
    let sql = |port| NamedPort { name: "sql".to_owned(), protocol: Protocol::Tcp, port };
    let mut workloads = workloads();
    workloads[0].identity.ports = Some(vec![sql(7)]);
    workloads[1].identity.ports = Some(vec![sql(5432)]);
    workloads[2].identity.ports = Some(vec![sql(1), sql(2)]);
    inventory_of(workloads)
}

#[test]
fn a_name_of_a_port_means_what_each_destination_says() {
    let ports = || one(PortMatch::named(Protocol::Tcp, "sql"));
    let allow = Rule { ports: ports(), ..rule(Action::Allow, "r") };
    let plan = |rule| Plan::build(&isolated(vec![rule]), &naming(), &[]).unwrap();
    let expected = [
        "else deny a/p/isolate[0]",
        "a/api@0 TCP 1 allow a/p/r",
        "a/api@0 TCP 2 allow a/p/r",
        "a/db@0 TCP 5432 allow a/p/r",
        "a/web@0 TCP 7 allow a/p/r",
    ];
    assert_eq!(lines(&plan(allow.clone()), "egress"), expected);
    let one_port =
        ["a/api", "a/db", "a/web", "b/far", "outside"].map(|peer| format!("{peer}@0 TCP 7 allow a/p/r"));
    assert_eq!(lines(&plan(allow), "ingress")[1..], one_port);
    // Whose ports are not known is denied them all in doubt.
    let deny = Rule { ports: ports(), ..rule(Action::Deny, "r") };
    let lines = lines(&Plan::build(&Program::new(vec![deny], vec![]), &naming(), &[]).unwrap(), "egress");
    assert!(lines.contains(&"b/far@0 TCP any deny a/p/r".to_owned()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with("outside")), "{lines:?}");
}

#[test]
fn two_workloads_that_differ_in_their_ports_have_two_identities() {
    let mut workloads = workloads();
    workloads[2] = bookend_engine::Workload { name: "db2".to_owned(), ..workloads[1].clone() };
    workloads[2].instances[0].addresses = vec!["10.0.1.3".parse().unwrap()];
    let same = Plan::build(&Program::default(), &inventory_of(workloads.clone()), &[]).unwrap();
    workloads[2].identity.ports = Some(Vec::new());
    let other = Plan::build(&Program::default(), &inventory_of(workloads), &[]).unwrap();
    assert_eq!((same.known.len(), other.known.len()), (3, 4));
}

#[test]
fn ports_that_are_taken_away_are_taken_out_of_the_range() {
    let not_ports = vec![PortMatch::range(Protocol::Tcp, 1026, 1027).unwrap()];
    let rule =
        Rule { to: one(app("a", "db")), ports: tcp(1024, 1031), not_ports, ..rule(Action::Allow, "r") };
    check(
        &isolated(vec![rule]),
        "egress",
        &[
            "else deny a/p/isolate[0]",
            "a/db@0 TCP 1024-1031 allow a/p/r",
            "a/db@0 TCP 1026-1027 deny a/p/isolate[0]",
        ],
    );
}

#[test]
fn a_peer_that_is_asked_who_and_where_is_found_by_both() {
    let PeerMatch { blocks, .. } = cidr("10.0.0.0/24", &[]);
    let peer = PeerMatch { blocks, ..PeerMatch::workloads(selector("a", None)) };
    let rule = Rule { to: one(peer), ports: tcp(80, 80), ..rule(Action::Allow, "r") };
    check(
        &isolated(vec![rule]),
        "egress",
        &[
            "else deny a/p/isolate[0]",
            "10.0.0.0/24 is 1",
            "a/db@1 TCP 80 allow a/p/r",
            "a/web@1 TCP 80 allow a/p/r",
        ],
    );
}

#[test]
fn everybody_but_somebody_means_strangers_too() {
    let but = PeerMatch::none_of(vec![app("a", "db"), cidr("10.0.0.4/32", &[]), cidr("192.0.2.0/24", &[])]);
    let rule = Rule { to: one(but), ports: tcp(80, 80), ..rule(Action::Allow, "r") };
    check(
        &isolated(vec![rule]),
        "egress",
        &[
            "else deny a/p/isolate[0]",
            "10.0.0.4/32 is 1",
            "192.0.2.0/24 is 1",
            "a/api@0 TCP 80 allow a/p/r",
            "a/web@0 TCP 80 allow a/p/r",
            "outside@0 TCP 80 allow a/p/r",
        ],
    );
}

#[test]
fn namespaces_are_found_by_their_labels() {
    let team =
        LabelMatch { labels: Labels::from([("team".to_owned(), "one".to_owned())]), ..LabelMatch::default() };
    let peer = PeerMatch::workloads(Selector::all(NamespaceMatch::Labelled(team)));
    let allow = Rule { to: one(peer.clone()), ports: tcp(80, 80), ..rule(Action::Allow, "r") };
    let ours = ["a/api", "a/db", "a/web"].map(|peer| format!("{peer}@0 TCP 80 allow a/p/r"));
    let plan = Plan::build(&isolated(vec![allow]), &inventory(), &[]).unwrap();
    assert_eq!(lines(&plan, "egress")[1..], ours);
    // The labels of `b` are not known: in doubt, which denies.
    let deny = Rule { to: one(peer), ports: tcp(80, 80), ..rule(Action::Deny, "r") };
    let plan = Plan::build(&Program::new(vec![deny], vec![]), &inventory(), &[]).unwrap();
    let theirs = ["a/api", "a/db", "a/web", "b/far"].map(|peer| format!("{peer}@0 TCP 80 deny a/p/r"));
    assert_eq!(lines(&plan, "egress")[1..], theirs);
}

#[test]
fn a_principal_of_ours_is_found_by_the_account() {
    let allow = Rule {
        from: one(principals("spiffe://cluster.local/ns/b/*")),
        ports: tcp(80, 80),
        ..rule(Action::Allow, "r")
    };
    // To a destination without a proxy, a stranger's stays in doubt.
    check(&isolated(vec![allow]), "ingress", &["else deny a/p/isolate[0]", "b/far@0 TCP 80 allow a/p/r"]);
}

#[test]
fn a_principal_outside_is_open_where_a_proxy_will_see_it() {
    let mut workloads = workloads();
    workloads[0].identity.proxied = true;
    let inventory = inventory_of(workloads);
    let allow =
        Rule { from: one(principals("spiffe://partner/*")), ports: tcp(80, 80), ..rule(Action::Allow, "r") };
    let plan = Plan::build(&isolated(vec![allow.clone()]), &inventory, &[]).unwrap();
    assert_eq!(lines(&plan, "ingress"), ["else deny a/p/isolate[0]", "outside@0 TCP 80 allow a/p/r"]);
    let deny = Rule { action: Action::Deny, ..allow };
    let plan = Plan::build(&Program::new(vec![deny.clone()], vec![]), &inventory, &[]).unwrap();
    assert_eq!(lines(&plan, "ingress"), ["else allow default-allow"]);
    let plan = Plan::build(&Program::new(vec![deny], vec![]), &shop::inventory(), &[]).unwrap();
    assert_eq!(lines(&plan, "ingress"), ["else allow default-allow", "outside@0 TCP 80 deny a/p/r"]);
}

#[test]
fn a_cluster_policy_governs_everywhere_and_has_a_shorter_id() {
    let everywhere = Isolation {
        id: "p/isolate[0]".to_owned(),
        workloads: Selector::all(NamespaceMatch::any()),
        ..isolation()
    };
    let rule = Rule {
        id: "p/r".to_owned(),
        namespace: None,
        to: one(app("a", "db")),
        ports: tcp(80, 80),
        ..rule(Action::Allow, "r")
    };
    let program = Program::new(vec![rule], vec![everywhere]);
    check(&program, "egress", &["else deny p/isolate[0]", "a/db@0 TCP 80 allow p/r"]);
}

#[test]
fn a_rule_for_one_end_is_not_in_the_tables_of_the_other() {
    let rule = Rule {
        at: Ends { source: false, destination: true },
        from: one(app("a", "db")),
        ports: tcp(80, 80),
        ..rule(Action::Allow, "r")
    };
    check(
        &isolated(vec![rule.clone()]),
        "ingress",
        &["else deny a/p/isolate[0]", "a/db@0 TCP 80 allow a/p/r"],
    );
    check(&isolated(vec![rule]), "egress", &["else deny a/p/isolate[0]"]);
}

#[test]
fn a_pass_leaves_what_the_next_tier_says() {
    let to = |name, action| Rule { to: one(app("a", "db")), ..rule(action, name) };
    let pass = Rule { ports: tcp(80, 80), priority: -1, ..to("pass", Action::Pass) };
    let deny = Rule { ports: tcp(80, 81), ..to("deny", Action::Deny) };
    let last = Rule { tier: 10_000, ports: tcp(80, 81), ..to("last", Action::Allow) };
    check(
        &Program::new(vec![pass, deny, last], vec![]),
        "egress",
        &["else allow default-allow", "a/db@0 TCP 80-81 allow a/p/last", "a/db@0 TCP 81 deny a/p/deny"],
    );
}

#[test]
fn what_an_audit_would_do_stands_beside_the_verdict() {
    let deny =
        Rule { mode: Mode::Audit, to: one(app("a", "db")), ports: tcp(80, 80), ..rule(Action::Deny, "r") };
    check(
        &Program::new(vec![deny], vec![]),
        "egress",
        &["else allow default-allow", "a/db@0 TCP 80 allow default-allow (deny a/p/r)"],
    );
    let isolation = Isolation { mode: Mode::Audit, ..isolation() };
    let allow = Rule { to: one(app("a", "db")), ports: tcp(80, 80), ..rule(Action::Allow, "r") };
    check(
        &Program::new(vec![allow], vec![isolation]),
        "egress",
        &["else allow default-allow (deny a/p/isolate[0])", "a/db@0 TCP 80 allow a/p/r"],
    );
}
