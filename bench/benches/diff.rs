//! What it costs to look at a whole estate: to compare two programs, to tell who reaches whom, and to look for rules without
//! effect. Each measurement is a process of its own, because peak memory is a process's.
//!
//! Namespaces of fifty workloads, all isolated in both directions and each with labels of its own; a rule for each
//! workload to the next one, every other one with HTTP conditions, and one in each namespace for everybody in it to ask
//! one of its workloads. Four edits of it are compared with it:
//! * `nothing`: every rule gets another name;
//! * `rule`: one rule allows one port more;
//! * `namespace`: one namespace is isolated no more;
//! * `everything`: nobody is isolated any more.

use std::{net::IpAddr, process::ExitCode};

use bookend_analysis::{Side, diff, reach, survey};
use bookend_bench::{report, running, scenarios};
use bookend_engine::{
    Action, Clause, DEFAULT_TIER, Ends, HttpMatch, Instance, Inventory, Isolation, Labels, Mode,
    NamespaceMatch, Namespaces, PeerMatch, Plane, PortMatch, Program, Protocol, Rule, Selector, Workload,
    WorkloadIdentity,
};

/// What the product promises to compare in 10 s.
const PROMISED: usize = 5_000;

/// How many workloads a namespace has.
const NAMESPACE: usize = 50;

fn inventory(workloads: usize) -> Inventory {
    let workloads = (0..workloads).map(|number| Workload {
        name: format!("w{number}"),
        identity: WorkloadIdentity {
            namespace: format!("n{}", number / NAMESPACE),
            service_account: format!("w{number}"),
            labels: Labels::from([("app".to_owned(), format!("w{number}"))]),
            proxied: true,
            ..WorkloadIdentity::default()
        },
        instances: vec![Instance {
            addresses: vec![IpAddr::from(
                (0x0a00_0001 + u32::try_from(number).expect("fewer workloads than addresses")).to_be_bytes(),
            )],
            ..Instance::default()
        }],
    });
    let all = workloads.collect();
    Inventory::new("cluster.local".to_owned(), true, Namespaces::new(), all)
}

fn ports(last: u16) -> PortMatch {
    PortMatch::range(Protocol::Tcp, 8080, last).expect("a range of ports")
}

fn peer(number: usize) -> Clause<PeerMatch> {
    let labels = Labels::from([("app".to_owned(), format!("w{number}"))]);
    let namespaces = NamespaceMatch::Named(format!("n{}", number / NAMESPACE));
    Clause::only(PeerMatch::workloads(Selector { labels, ..Selector::all(namespaces) }))
}

fn rule(number: usize, home: usize, from: Clause<PeerMatch>, to: Clause<PeerMatch>, http: bool) -> Rule {
    let get = HttpMatch { methods: Clause::only("GET".to_owned()), ..HttpMatch::default() };
    Rule {
        id: format!("n{home}/policy/rule{number}"),
        plane: Plane::Bookend,
        tier: DEFAULT_TIER,
        priority: 0,
        action: Action::Allow,
        mode: Mode::Enforce,
        at: Ends::BOTH,
        namespace: Some(format!("n{home}")),
        from,
        to,
        ports: Clause::only(ports(8080)),
        not_ports: Vec::new(),
        http: if http { Clause::only(get) } else { Clause::Any },
        answer: None,
        limits: None,
    }
}

fn program(workloads: usize) -> (Vec<Rule>, Vec<Isolation>) {
    let mut rules = Vec::new();
    let mut isolations = Vec::new();
    for number in 0..workloads {
        let home = number / NAMESPACE;
        let next = home * NAMESPACE + (number + 1) % NAMESPACE;
        rules.push(rule(number, home, peer(number), peer(next), number % 2 == 0));
    }
    for home in 0..workloads.div_ceil(NAMESPACE) {
        let own = Selector::all(NamespaceMatch::Named(format!("n{home}")));
        let everybody = Clause::only(PeerMatch::workloads(own.clone()));
        rules.push(rule(workloads + home, home, everybody, peer(0), false));
        isolations.push(Isolation {
            id: format!("n{home}/policy/isolate[0]"),
            plane: Plane::Bookend,
            tier: DEFAULT_TIER,
            mode: Mode::Enforce,
            workloads: own,
            egress: true,
            ingress: true,
        });
    }
    (rules, isolations)
}

const SCENARIOS: [&str; 7] = ["tenth", "nothing", "rule", "namespace", "everything", "reach", "survey"];

fn main() -> ExitCode {
    scenarios(&SCENARIOS, run)
}

fn run(scenario: &str) {
    let workloads = if scenario == "tenth" { PROMISED / 10 } else { PROMISED };
    let inventory = inventory(workloads);
    let (rules, isolations) = program(workloads);
    let old = Program::new(rules.clone(), isolations.clone());
    let new = match scenario {
        "nothing" => {
            let renamed = rules.into_iter().map(|rule| Rule { id: format!("{}x", rule.id), ..rule });
            Program::new(renamed.collect(), isolations)
        }
        "rule" | "tenth" => {
            let mut edited = rules;
            edited.first_mut().expect("a first rule").ports = Clause::only(ports(8081));
            Program::new(edited, isolations)
        }
        "namespace" => Program::new(rules, isolations.into_iter().skip(1).collect()),
        "everything" => Program::new(rules, Vec::new()),
        "reach" | "survey" => Program::default(),
        other => panic!("there is no scenario `{other}`: {SCENARIOS:?}"),
    };
    let side = |program| Side { program, inventory: &inventory };
    let start = running();
    let (what, found) = match scenario {
        "reach" => ("passages", reach(side(&old)).passages.len()),
        "survey" => ("findings", survey(side(&old)).len()),
        _ => ("changes", diff(side(&old), side(&new)).changes.len()),
    };
    report(&format!("{workloads} workloads, {scenario}: {found} {what}"), running() - start);
}
