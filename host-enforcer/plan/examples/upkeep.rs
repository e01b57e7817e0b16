//! Measures keeping a plan up to date: `cargo run --release --example upkeep -- <identities> <local workloads> <rules a namespace>`.
//!
//! Workloads lie in namespaces of twenty; those of the first namespaces run here. Each namespace is isolated and has rules of its
//! own: from one of its workloads to another on one port, and every tenth from a workload of another namespace. Then one thing
//! changes at a time, and each change is planned, held against the tables, and compared with the plan in force. Times are of the
//! processor, in milliseconds: the median, and in brackets the 99th percentile.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on stops")]

use bookend_engine::{
    Action, Clause, DEFAULT_TIER, Ends, Instance, Inventory, Isolation, Labels, Mode, NamespaceMatch,
    PeerMatch, Plane, PortMatch, Program, Protocol, Rule, Selector, Workload, WorkloadIdentity,
};
use bookend_plan::{Plan, Planner};
use std::net::IpAddr;
use std::time::Duration;

const NAMESPACE: usize = 20;
const ROUNDS: usize = 20;

fn workload(number: usize, address: u32, local: bool) -> Workload {
    Workload {
        name: format!("w{number}"),
        identity: WorkloadIdentity {
            namespace: format!("n{}", number / NAMESPACE),
            service_account: "default".to_owned(),
            labels: Labels::from([
                ("app".to_owned(), format!("w{number}")),
                ("tier".to_owned(), format!("{}", number % 3)),
            ]),
            ..WorkloadIdentity::default()
        },
        instances: vec![Instance {
            addresses: vec![IpAddr::from(address.to_be_bytes())],
            interface: local.then(|| format!("veth{number}")),
            ..Instance::default()
        }],
    }
}

fn app(number: usize) -> Clause<PeerMatch> {
    let labels = Labels::from([("app".to_owned(), format!("w{number}"))]);
    Clause::only(PeerMatch::workloads(Selector { labels, ..namespace(number / NAMESPACE) }))
}

fn namespace(number: usize) -> Selector {
    Selector::all(NamespaceMatch::Named(format!("n{number}")))
}

fn rule(id: String, home: Option<usize>, from: Clause<PeerMatch>, to: Clause<PeerMatch>, port: u16) -> Rule {
    Rule {
        id,
        plane: Plane::Bookend,
        tier: DEFAULT_TIER,
        priority: 0,
        action: Action::Allow,
        mode: Mode::Enforce,
        at: Ends::BOTH,
        namespace: home.map(|home| format!("n{home}")),
        from,
        to,
        ports: Clause::only(PortMatch::range(Protocol::Tcp, port, port).unwrap()),
        not_ports: Vec::new(),
        http: Clause::Any,
        answer: None,
        limits: None,
    }
}

/// The policies of all namespaces that have workloads here.
fn policies(local: usize, identities: usize, rules: usize) -> (Vec<Rule>, Vec<Isolation>) {
    let namespaces = local.div_ceil(NAMESPACE);
    let of = |home: usize| {
        (0..rules).map(move |number| {
            let to = home * NAMESPACE + number % NAMESPACE;
            let from = if number % 10 == 9 {
                (home * 7919 + number * 31) % identities
            } else {
                home * NAMESPACE + number * 7 % NAMESPACE
            };
            let id = format!("n{home}/policy/rule{number:05}");
            rule(id, Some(home), app(from), app(to), 1_024 + (number % 30_000) as u16)
        })
    };
    let isolation = |home| Isolation {
        id: format!("n{home}/policy/isolate[0]"),
        plane: Plane::Bookend,
        tier: DEFAULT_TIER,
        mode: Mode::Enforce,
        workloads: namespace(home),
        egress: true,
        ingress: true,
    };
    ((0..namespaces).flat_map(of).collect(), (0..namespaces).map(isolation).collect())
}

/// What was measured of one kind of change.
#[derive(Default)]
struct Times {
    plan: Vec<Duration>,
    check: Vec<Duration>,
    change: Vec<Duration>,
    steps: usize,
}

impl Times {
    fn print(mut self, what: &str) {
        let worst = |times: &mut Vec<Duration>| {
            times.sort_unstable();
            let at = |part: usize| times.get(times.len() * part / 100).map_or(0.0, |t| t.as_secs_f64() * 1e3);
            (at(50), at(99))
        };
        let (plan, check, change) = (worst(&mut self.plan), worst(&mut self.check), worst(&mut self.change));
        println!(
            "{what:>24}: plan {:>8.2} ({:>8.2})  check {:>7.2} ({:>7.2})  change {:>7.2} ({:>7.2}) ms  {} steps",
            plan.0, plan.1, check.0, check.1, change.0, change.1, self.steps
        );
    }
}

/// One who plans, as the enforcer does.
struct Upkeep {
    planner: Planner,
    plan: Plan,
}

/// The time for which this thread had a processor: a busy machine does not count.
fn spent() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

impl Upkeep {
    fn next(&mut self, program: &Program, inventory: &Inventory, times: &mut Times) {
        let start = spent();
        let plan = self.planner.plan(program, inventory, &self.plan).unwrap();
        times.plan.push(spent() - start);
        let start = spent();
        plan.check_capacity(&self.plan).unwrap_or_else(|error| println!("{error}"));
        times.check.push(spent() - start);
        let start = spent();
        let change = plan.change_from(&self.plan);
        times.change.push(spent() - start);
        times.steps = change.steps.len();
        self.plan = plan;
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().unwrap());
    let identities = arguments.next().unwrap_or(100_000);
    let local = arguments.next().unwrap_or(1_000).min(identities);
    let rules = arguments.next().unwrap_or(20);
    println!("{identities} identities, {local} local workloads, {rules} rules in each of their namespaces");
    let address = |number: usize| 0x0a00_0001 + number as u32;
    let workloads: Vec<_> =
        (0..identities).map(|number| workload(number, address(number), number < local)).collect();
    let inventory = Inventory::default().with_workloads(workloads.clone());
    let (all, isolations) = policies(local, identities, rules);
    let program = Program::new(all.clone(), isolations.clone());

    let mut upkeep = Upkeep { planner: Planner::default(), plan: Plan::default() };
    let mut times = Times::default();
    upkeep.next(&program, &inventory, &mut times);
    times.print("start");
    println!("{:>24}  {:?}", "", upkeep.plan.sizes());

    let mut times = Times::default();
    for _ in 0..ROUNDS {
        upkeep.next(&program, &inventory, &mut times);
    }
    times.print("nothing");

    let mut times = Times::default();
    for round in 0..ROUNDS {
        let mut edited = all.clone();
        let place = round * 17 % edited.len();
        let chosen = edited.get_mut(place).unwrap();
        let port = 40_000 + round as u16;
        chosen.ports = Clause::only(PortMatch::range(Protocol::Tcp, port, port).unwrap());
        upkeep.next(&Program::new(edited, isolations.clone()), &inventory, &mut times);
    }
    times.print("one rule");

    let mut times = Times::default();
    for round in 0..ROUNDS {
        let mut edited = all.clone();
        let port = 40_000 + round as u16;
        edited.push(rule("admin/everywhere".to_owned(), None, app(identities - 1), Clause::Any, port));
        upkeep.next(&Program::new(edited, isolations.clone()), &inventory, &mut times);
    }
    times.print("a rule for all");

    let mut times = Times::default();
    for round in 0..ROUNDS {
        let mut moved = workloads.clone();
        let number = identities - 1 - round;
        *moved.get_mut(number).unwrap() = workload(number, 0x0b00_0001 + round as u32, false);
        upkeep.next(&program, &Inventory::default().with_workloads(moved), &mut times);
    }
    times.print("a remote address");

    let mut times = Times::default();
    for round in 0..ROUNDS {
        let mut moved = workloads.clone();
        moved.push(workload(identities + round, 0x0c00_0001 + round as u32, true));
        upkeep.next(&program, &Inventory::default().with_workloads(moved), &mut times);
    }
    times.print("a new local workload");
}
