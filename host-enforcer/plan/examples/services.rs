//! Measures what Services add to a plan: `cargo run --release --example services -- <services> <local workloads>`.
//!
//! Every Service has three backends, which are instances of a workload of its own, and every local workload has a policy of its own:
//! * `few`: it is isolated, and allowed to three of the others;
//! * `all`: it is isolated, and allowed to everybody on the backends' port, so that every Service has a row in every policy;
//! * `open`: nothing isolates it, and three of the others are denied;
//! * `named`: as `few`, and a deny rule names a block of Services' addresses.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on stops")]

use bookend_engine::{
    Action, Backend, Block, Clause, DEFAULT_TIER, Ends, Instance, Inventory, Isolation, Labels, Mode,
    NamespaceMatch, PeerMatch, Plane, PortMatch, Program, Protocol, Rule, Selector, Service, ServicePort,
    Workload, WorkloadIdentity,
};
use bookend_plan::Plan;
use std::net::IpAddr;
use std::time::Instant;

const BACKENDS: u32 = 3;

fn address(base: u32, number: usize) -> IpAddr {
    IpAddr::from((base + number as u32).to_be_bytes())
}

fn backend(workload: usize, instance: u32) -> IpAddr {
    IpAddr::from((0x0a00_0001 + workload as u32 * BACKENDS + instance).to_be_bytes())
}

fn inventory(services: usize, local: usize) -> Inventory {
    let workloads = (0..services).map(|number| Workload {
        name: format!("w{number}"),
        identity: WorkloadIdentity {
            namespace: "n".to_owned(),
            service_account: "default".to_owned(),
            labels: Labels::from([("app".to_owned(), format!("w{number}"))]),
            ..WorkloadIdentity::default()
        },
        instances: (0..BACKENDS)
            .map(|instance| Instance {
                addresses: vec![backend(number, instance)],
                interface: (instance == 0 && number < local).then(|| format!("veth{number}")),
                ..Instance::default()
            })
            .collect(),
    });
    Inventory::default().with_workloads(workloads.collect())
}

fn services(number: usize) -> Vec<Service> {
    let service = |number: usize| Service {
        namespace: "n".to_owned(),
        name: format!("s{number}"),
        addresses: vec![address(0x0a60_0001, number)],
        ports: vec![ServicePort {
            name: None,
            protocol: Protocol::Tcp,
            port: 80,
            backends: (0..BACKENDS).map(|i| Backend { address: backend(number, i), port: 8080 }).collect(),
        }],
    };
    (0..number).map(service).collect()
}

fn app(number: usize) -> Selector {
    let labels = Labels::from([("app".to_owned(), format!("w{number}"))]);
    Selector { labels, ..Selector::all(NamespaceMatch::Named("n".to_owned())) }
}

fn rule(id: String, action: Action, from: usize, to: Clause<PeerMatch>, ports: Clause<PortMatch>) -> Rule {
    Rule {
        id,
        plane: Plane::Bookend,
        tier: DEFAULT_TIER,
        priority: 0,
        action,
        mode: Mode::Enforce,
        at: Ends::BOTH,
        namespace: Some("n".to_owned()),
        from: Clause::only(PeerMatch::workloads(app(from))),
        to,
        ports,
        not_ports: Vec::new(),
        http: Clause::Any,
        answer: None,
        limits: None,
    }
}

fn program(kind: &str, services: usize, local: usize) -> Program {
    let web = || Clause::only(PortMatch::range(Protocol::Tcp, 8080, 8080).unwrap());
    let mut rules = Vec::new();
    for number in 0..local {
        let action = if kind == "open" { Action::Deny } else { Action::Allow };
        if kind == "all" {
            rules.push(rule(format!("n/p/r{number}"), action, number, Clause::Any, web()));
        } else {
            for other in 0..3 {
                let to = Clause::only(PeerMatch::workloads(app((number * 7 + other * 13) % services)));
                rules.push(rule(format!("n/p/r{number}-{other}"), action, number, to, web()));
            }
        }
        if kind == "named" {
            let block = Block::new("10.96.1.0/24".parse().unwrap(), Vec::new()).unwrap();
            let to = Clause::only(PeerMatch::block(block));
            rules.push(rule(format!("n/p/d{number}"), Action::Deny, number, to, Clause::Any));
        }
    }
    let isolate = Isolation {
        id: "n/p/isolate[0]".to_owned(),
        plane: Plane::Bookend,
        tier: DEFAULT_TIER,
        mode: Mode::Enforce,
        workloads: Selector::all(NamespaceMatch::Named("n".to_owned())),
        egress: true,
        ingress: true,
    };
    Program::new(rules, if kind == "open" { Vec::new() } else { vec![isolate] })
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().unwrap());
    let (number, local) = (arguments.next().unwrap_or(5_000), arguments.next().unwrap_or(100));
    for kind in ["few", "all", "open", "named"] {
        let (program, without) = (program(kind, number, local), inventory(number, local));
        let with = without.clone().with_services(services(number));
        let build = |inventory: &Inventory| {
            let begin = Instant::now();
            let plan = Plan::build(&program, inventory, &[]).unwrap();
            (begin.elapsed(), plan.sizes())
        };
        let (before, bare) = build(&without);
        let (after, sizes) = build(&with);
        println!(
            "{kind}: {number} Services × {local} workloads: {:.2} s with Services, {:.2} s without; {} verdicts, {} of them \
             for Services; {} identities",
            after.as_secs_f64(),
            before.as_secs_f64(),
            sizes.verdicts,
            sizes.verdicts - bare.verdicts,
            sizes.identities
        );
    }
}
