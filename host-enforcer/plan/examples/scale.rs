//! Measures building a plan: `cargo run --release --example scale -- <rules> <identities> <local workloads>`.
//!
//! Six programs over the same inventory, in which workloads lie in namespaces of twenty and all local ones in the
//! first:
//! * `spread`: each rule lets one workload of its namespace reach another on one port;
//! * `gathered`: every rule governs the local workloads: from one workload anywhere to one of the first namespace;
//! * `blocks`: every rule lets the whole first namespace reach one /24 on one port;
//! * `anyone`: one rule lets anyone at all reach the first namespace on one port;
//! * `nested`: every rule lets the first namespace reach a workload of any namespace that is not in some block nor another
//!   workload;
//! * `named`: every rule lets the first namespace reach a workload on the port that it calls `http`; a tenth is audited.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on stops")]

use bookend_engine::{
    Action, Block, Clause, DEFAULT_TIER, Ends, Instance, Inventory, Isolation, Labels, Mode, NamedPort,
    NamespaceMatch, PeerMatch, Plane, PortMatch, Program, Protocol, Rule, Selector, Workload,
    WorkloadIdentity,
};
use bookend_plan::Plan;
use std::net::IpAddr;
use std::time::Instant;

const NAMESPACE: usize = 20;

fn inventory(identities: usize, local: usize) -> Inventory {
    let workloads = (0..identities).map(|number| Workload {
        name: format!("w{number}"),
        identity: WorkloadIdentity {
            namespace: format!("n{}", number / NAMESPACE),
            service_account: "default".to_owned(),
            labels: Labels::from([
                ("app".to_owned(), format!("w{number}")),
                ("tier".to_owned(), format!("{}", number % 3)),
            ]),
            proxied: number % 2 == 0,
            ports: Some(vec![NamedPort {
                name: "http".to_owned(),
                protocol: Protocol::Tcp,
                port: 8_080 + (number % 5) as u16,
            }]),
            ..WorkloadIdentity::default()
        },
        instances: vec![Instance {
            addresses: vec![IpAddr::from((0x0a00_0001 + number as u32).to_be_bytes())],
            interface: (number < local).then(|| format!("veth{number}")),
            ..Instance::default()
        }],
    });
    Inventory::default().with_workloads(workloads.collect())
}

fn app(number: usize) -> Selector {
    let labels = Labels::from([("app".to_owned(), format!("w{number}"))]);
    Selector { labels, ..namespace(number / NAMESPACE) }
}

fn workload(number: usize) -> Clause<PeerMatch> {
    Clause::only(PeerMatch::workloads(app(number)))
}

fn namespace(number: usize) -> Selector {
    Selector::all(NamespaceMatch::Named(format!("n{number}")))
}

fn rule(number: usize, home: usize, from: Clause<PeerMatch>, to: Clause<PeerMatch>) -> Rule {
    let port = 1_024 + (number % 30_000) as u16;
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
        ports: Clause::only(PortMatch::range(Protocol::Tcp, port, port).unwrap()),
        not_ports: Vec::new(),
        http: Clause::Any,
        answer: None,
        limits: None,
    }
}

/// The whole first namespace.
fn own() -> Clause<PeerMatch> {
    Clause::only(PeerMatch::workloads(namespace(0)))
}

fn measure(name: &str, rules: Vec<Rule>, inventory: &Inventory) {
    let isolation = Isolation {
        id: "n0/policy/isolate[0]".to_owned(),
        plane: Plane::Bookend,
        tier: DEFAULT_TIER,
        mode: Mode::Enforce,
        workloads: namespace(0),
        egress: true,
        ingress: true,
    };
    let program = Program::new(rules, vec![isolation]);
    let start = Instant::now();
    match Plan::build(&program, inventory, &[]) {
        Ok(plan) => {
            println!("{name:>9}: {:>8.1} ms  {:?}", start.elapsed().as_secs_f64() * 1e3, plan.sizes());
            if let Err(error) = plan.check_capacity(&Plan::default()) {
                println!("           {error}");
            }
        }
        Err(error) => println!("{name:>9}: {error}"),
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().unwrap());
    let rules = arguments.next().unwrap_or(1_000);
    let identities = arguments.next().unwrap_or(1_000);
    let local = arguments.next().unwrap_or(10).min(NAMESPACE);
    let inventory = inventory(identities, local);
    println!("{rules} rules, {identities} identities, {local} local workloads");

    let spread = (0..rules).map(|number| {
        let from = number * 7 % identities;
        let home = from / NAMESPACE;
        rule(number, home, workload(from), workload(home * NAMESPACE + number * 3 % NAMESPACE))
    });
    measure("spread", spread.collect(), &inventory);
    let gathered =
        (0..rules).map(|number| rule(number, 0, workload(number % identities), workload(number % NAMESPACE)));
    measure("gathered", gathered.collect(), &inventory);
    let blocks = (0..rules).map(|number| {
        let net = [172, 16 + (number >> 8) as u8, number as u8, 0];
        let block = Block::new(bookend_engine::Ipv4Net::new(net.into(), 24).unwrap().into(), vec![]).unwrap();
        rule(number, 0, own(), Clause::only(PeerMatch::block(block)))
    });
    measure("blocks", blocks.collect(), &inventory);
    measure("anyone", vec![rule(0, 0, Clause::Any, own())], &inventory);
    let nested = (0..rules).map(|number| {
        let net = [172, 16 + (number >> 8) as u8, number as u8, 0];
        let block = Block::new(bookend_engine::Ipv4Net::new(net.into(), 24).unwrap().into(), vec![]).unwrap();
        let everywhere = Selector { namespaces: NamespaceMatch::any(), ..app(number % identities) };
        let not = vec![PeerMatch::block(block), PeerMatch::workloads(app(number * 3 % identities))];
        let peer = PeerMatch { not, ..PeerMatch::workloads(everywhere) };
        rule(number, 0, own(), Clause::only(peer))
    });
    measure("nested", nested.collect(), &inventory);
    let named = (0..rules).map(|number| {
        let audited = Mode::Audit;
        let mode = if number % 10 == 0 { audited } else { Mode::Enforce };
        let ports = Clause::only(PortMatch::named(Protocol::Tcp, "http"));
        Rule { mode, ports, ..rule(number, 0, own(), workload(number % identities)) }
    });
    measure("named", named.collect(), &inventory);
}
