//! Measures building a plan: `cargo run --release --example scale -- <rules> <identities> <local workloads>`.
//!
//! Four programs over the same inventory, in which workloads lie in namespaces of twenty and all local ones in the
//! first:
//! * `spread`: each rule lets one workload of its namespace reach another on one port;
//! * `gathered`: every rule governs the local workloads: from one workload anywhere to one of the first namespace;
//! * `blocks`: every rule lets the whole first namespace reach one /24 on one port;
//! * `anyone`: one rule lets anyone at all reach the first namespace on one port.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on stops")]

use bookend_engine::{
    Action, Block, Clause, Instance, Inventory, Isolation, Labels, PeerMatch, PortMatch, Program, Protocol,
    Rule, Selector, Workload, WorkloadIdentity,
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
        },
        instances: vec![Instance {
            addresses: vec![IpAddr::from((0x0a00_0001 + number as u32).to_be_bytes())],
            interface: (number < local).then(|| format!("veth{number}")),
        }],
    });
    Inventory { workloads: workloads.collect(), ..Inventory::default() }
}

fn workload(number: usize) -> Clause<PeerMatch> {
    let selector = Selector {
        namespace: format!("n{}", number / NAMESPACE),
        labels: Labels::from([("app".to_owned(), format!("w{number}"))]),
        expressions: Vec::new(),
        service_accounts: Clause::Any,
    };
    Clause::one_of(vec![PeerMatch::Workloads(selector)]).unwrap()
}

fn namespace(number: usize) -> Selector {
    Selector {
        namespace: format!("n{number}"),
        labels: Labels::new(),
        expressions: Vec::new(),
        service_accounts: Clause::Any,
    }
}

fn rule(number: usize, home: usize, from: Clause<PeerMatch>, to: Clause<PeerMatch>) -> Rule {
    let port = 1_024 + (number % 30_000) as u16;
    Rule {
        id: format!("n{home}/policy/rule{number}"),
        action: Action::Allow,
        namespace: format!("n{home}"),
        from,
        to,
        ports: Clause::one_of(vec![PortMatch::new(Protocol::Tcp, port, port).unwrap()]).unwrap(),
        http: Clause::Any,
    }
}

fn measure(name: &str, rules: Vec<Rule>, inventory: &Inventory) {
    let isolation = Isolation {
        id: "n0/policy/isolate[0]".to_owned(),
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
        let own = Clause::one_of(vec![PeerMatch::Workloads(namespace(0))]).unwrap();
        rule(number, 0, own, Clause::one_of(vec![PeerMatch::Block(block)]).unwrap())
    });
    measure("blocks", blocks.collect(), &inventory);
    let own = Clause::one_of(vec![PeerMatch::Workloads(namespace(0))]).unwrap();
    measure("anyone", vec![rule(0, 0, Clause::Any, own)], &inventory);
}
