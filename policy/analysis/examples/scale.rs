//! Measures comparing two programs: `cargo run --release --example scale -- <workloads>`.
//!
//! Namespaces of fifty workloads, all isolated in both directions and each with labels of its own; a rule for each
//! workload to the next one, every other one with HTTP conditions, and one in each namespace for everybody in it to ask
//! a workload of another namespace for names. Four edits of it:
//! * `nothing`: every rule gets another name;
//! * `rule`: one rule allows one port more;
//! * `namespace`: one namespace is isolated no more;
//! * `everything`: nobody is isolated any more.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on stops")]

use std::net::IpAddr;
use std::time::Instant;

use bookend_analysis::{Side, diff, reach, survey};
use bookend_engine::{
    Action, Clause, DEFAULT_TIER, Ends, HttpMatch, Instance, Inventory, Isolation, Labels, Mode,
    NamespaceMatch, Namespaces, PeerMatch, PortMatch, Program, Protocol, Rule, Selector, Workload,
    WorkloadIdentity,
};

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
            addresses: vec![IpAddr::from((0x0a00_0001 + u32::try_from(number).unwrap()).to_be_bytes())],
            interface: None,
        }],
    });
    let all = workloads.collect();
    Inventory::new("cluster.local".to_owned(), true, Namespaces::new(), all)
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
        tier: DEFAULT_TIER,
        priority: 0,
        action: Action::Allow,
        mode: Mode::Enforce,
        at: Ends::BOTH,
        namespace: Some(format!("n{home}")),
        from,
        to,
        ports: Clause::only(PortMatch::range(Protocol::Tcp, 8080, 8080).unwrap()),
        not_ports: Vec::new(),
        http: if http { Clause::only(get) } else { Clause::Any },
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
            tier: DEFAULT_TIER,
            mode: Mode::Enforce,
            workloads: own,
            egress: true,
            ingress: true,
        });
    }
    (rules, isolations)
}

fn measure(name: &str, inventory: &Inventory, old: &Program, new: &Program) {
    let start = Instant::now();
    let found = diff(Side { program: old, inventory }, Side { program: new, inventory });
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{name:>12}: {seconds:>7.2} s, {} classes, {} changes",
        found.ground.parties().len(),
        found.changes.len()
    );
}

fn main() {
    let workloads = std::env::args().nth(1).map_or(5_000, |argument| argument.parse().unwrap());
    let inventory = inventory(workloads);
    let (rules, isolations) = program(workloads);
    println!("{workloads} workloads, {} rules", rules.len());
    let old = Program::new(rules.clone(), isolations.clone());

    let renamed = rules.iter().map(|rule| Rule { id: format!("{}x", rule.id), ..rule.clone() }).collect();
    measure("nothing", &inventory, &old, &Program::new(renamed, isolations.clone()));
    let mut edited = rules.clone();
    edited.first_mut().unwrap().ports = Clause::only(PortMatch::range(Protocol::Tcp, 8080, 8081).unwrap());
    measure("rule", &inventory, &old, &Program::new(edited, isolations.clone()));
    measure("namespace", &inventory, &old, &Program::new(rules.clone(), isolations[1..].to_vec()));
    measure("everything", &inventory, &old, &Program::new(rules, Vec::new()));

    let side = Side { program: &old, inventory: &inventory };
    let start = Instant::now();
    let passages = reach(side).passages.len();
    println!("{:>12}: {:>7.2} s, {passages} passages", "reach", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let findings = survey(side).len();
    println!("{:>12}: {:>7.2} s, {findings} findings", "survey", start.elapsed().as_secs_f64());
}
