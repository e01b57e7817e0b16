//! The plan and the kernel's decision function say what the engine says, about every connection.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod world;

use bookend_abi::packet::{Kind, Packet, SYN};
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{ALLOW, NO_RULE};
use bookend_abi::{Arrival, FROM_WORKLOAD, TO_WORKLOAD, address, craft, parse};
use bookend_engine::{
    Connection, Decision, End, Endpoint, Exchange, Inventory, NoTrace, Program, Protocol, Verdict,
    WorkloadIdentity, decide_end, rehearse_end,
};
use bookend_plan::{Plan, PlanError, Planner};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A connection to ask about: addresses by index, a protocol and a port.
type Question = (Index, Index, u8, u16);

fn question() -> impl Strategy<Value = Question> {
    let port = prop_oneof![
        proptest::sample::select(world::PORTS),
        proptest::sample::select(world::PORTS).prop_map(|port| port.wrapping_add(1)),
        proptest::sample::select(world::PORTS).prop_map(|port| port.wrapping_sub(1)),
        proptest::sample::select(world::MESSAGES),
        any::<u16>(),
    ];
    let protocol = proptest::sample::select(vec![6, 6, 6, 17, 17, 132, 1, 1, 58, 58, 47]);
    (any::<Index>(), any::<Index>(), protocol, port)
}

fn engine_protocol(protocol: u8) -> Protocol {
    match protocol {
        1 => Protocol::Icmp,
        6 => Protocol::Tcp,
        17 => Protocol::Udp,
        132 => Protocol::Sctp,
        58 => Protocol::Icmpv6,
        _ => Protocol::Other,
    }
}

/// The packet that opens a connection to `port`, or for ICMP with this type and code; `None` if there is no such packet.
fn first_packet(source: IpAddr, destination: IpAddr, protocol: u8, port: u16) -> Option<Packet> {
    const EPHEMERAL: u16 = 40_000;
    let payload = match protocol {
        6 => craft::tcp(EPHEMERAL, port, SYN),
        17 => craft::udp(EPHEMERAL, port, b""),
        132 => craft::sctp_init(EPHEMERAL, port),
        1 | 58 => {
            let [kind, code] = port.to_be_bytes();
            craft::icmp_with_code(kind, code, [0; 4], &[0; 12])
        }
        _ => vec![0; 12],
    };
    let frame = craft::frame(source, destination, protocol, &payload);
    let mut packet = Packet::default();
    parse(frame.as_slice(), &mut packet).ok()?;
    (packet.kind != Kind::IcmpError && packet.opens()).then_some(packet)
}

/// A plan in force.
struct Kernel<'a> {
    plan: &'a Plan,
    indexes: BTreeMap<&'a str, u32>,
    tables: PlainTables,
}

impl<'a> Kernel<'a> {
    fn new(plan: &'a Plan) -> Self {
        let names = plan.interfaces.iter().map(|interface| interface.name.as_str());
        let indexes: BTreeMap<_, _> = names.zip(1..).collect();
        let tables = plan.tables(|name| indexes.get(name).copied());
        Self { plan, indexes, tables }
    }
}

/// A verdict and an id.
fn told(plan: &Plan, verdict: u8, rule: u64) -> (Verdict, Option<&str>) {
    (if verdict == ALLOW { Verdict::Allow } else { Verdict::Deny }, plan.rule(rule))
}

fn expected(decision: Decision<'_>) -> (Verdict, Option<&str>) {
    (decision.verdict, Some(decision.cause.id()))
}

/// Asks both about one connection, at each end that is on this host. `endpoint`: who is where.
fn check<'i>(
    program: &Program,
    endpoint: impl Fn(IpAddr) -> Endpoint<'i>,
    kernel: &mut Kernel<'_>,
    (source, destination, protocol, port): (IpAddr, IpAddr, u8, u16),
) -> Result<(), TestCaseError> {
    let Kernel { plan, indexes, tables } = kernel;
    let Some(packet) = first_packet(source, destination, protocol, port) else { return Ok(()) };
    let connection = Connection {
        source: endpoint(source),
        destination: endpoint(destination),
        protocol: engine_protocol(protocol),
        port: if engine_protocol(protocol) == Protocol::Other { 0 } else { port },
    };
    for (end, local, direction) in
        [(End::Source, source, FROM_WORKLOAD), (End::Destination, destination, TO_WORKLOAD)]
    {
        let local = address::from_ip(local);
        let Some(interface) = plan.interfaces.iter().find(|i| i.addresses.contains(&local)) else { continue };
        let decision = decide_end(program, end, &connection, Exchange::Packet, &mut NoTrace);
        let audit = rehearse_end(program, end, &connection, Exchange::Packet, &decision, &mut NoTrace);
        tables.flows.clear();
        tables.ring.clear();
        let ifindex = indexes[interface.name.as_str()];
        let outcome = tables.decide(&Arrival { ifindex, direction, ..Arrival::default() }, &packet);
        let found_audit =
            (outcome.audit_rule != NO_RULE).then(|| told(plan, outcome.audit_verdict, outcome.audit_rule));
        prop_assert_eq!(
            (told(plan, outcome.verdict, outcome.rule), found_audit),
            (expected(decision), audit.map(expected)),
            "{} → {} protocol {} port {} at the {}, reason {:?}\n{}",
            source,
            destination,
            protocol,
            port,
            end.name(),
            outcome.reason.name(),
            plan
        );
    }
    Ok(())
}

/// Picks the ends of a connection so that one is a workload's most of the time.
fn ends(inventory: &Inventory, (from, to, ..): &Question) -> (IpAddr, IpAddr) {
    let addresses = world::addresses(inventory);
    let workloads: Vec<IpAddr> =
        addresses.iter().copied().filter(|address| inventory.at(*address).is_some()).collect();
    let any = *to.get(&addresses);
    if workloads.is_empty() {
        return (*from.get(&addresses), any);
    }
    let same_family: Vec<IpAddr> =
        addresses.into_iter().filter(|a| a.is_ipv4() == from.get(&workloads).is_ipv4()).collect();
    (*from.get(&workloads), *to.get(&same_family))
}

fn built(program: &Program, inventory: &Inventory, retained: &[WorkloadIdentity]) -> Option<Plan> {
    match Plan::build(program, inventory, retained) {
        Ok(plan) => Some(plan),
        Err(PlanError::AddressesDiffer { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_kernel_decides_as_the_engine(
        program in world::program(),
        inventory in world::inventory(),
        questions in proptest::collection::vec(question(), 60),
    ) {
        let Some(plan) = built(&program, &inventory, &[]) else { return Ok(()) };
        let mut kernel = Kernel::new(&plan);
        for question in &questions {
            let (one, other) = ends(&inventory, question);
            let endpoint = |address| inventory.endpoint(address);
            check(&program, endpoint, &mut kernel, (one, other, question.2, question.3))?;
            check(&program, endpoint, &mut kernel, (other, one, question.2, question.3))?;
        }
    }

    #[test]
    fn while_the_inventory_changes_the_new_policies_decide_for_the_old_one_too(
        program in world::program(),
        old in world::inventory(),
        new in world::inventory(),
        questions in proptest::collection::vec(question(), 40),
        anywhere in any::<bool>(),
    ) {
        let Some(before) = built(&program, &old, &[]) else { return Ok(()) };
        let mut plan = if anywhere {
            let retained: Vec<_> = before.known_identities().cloned().collect();
            let Some(plan) = built(&program, &new, &retained) else { return Ok(()) };
            plan
        } else {
            let Ok(plan) = Planner::default().plan(&program, &new, &before) else { return Ok(()) };
            plan
        };
        // Interfaces are switched, identities are not yet written.
        plan.identities = before.identities;
        let mut kernel = Kernel::new(&plan);
        // Who is local is known from the new inventory, who is remote from the old one.
        for question in &questions {
            let (local, remote) = ends(&new, question);
            let on_this_host = |ip| plan.interfaces.iter().any(|i| i.addresses.contains(&address::from_ip(ip)));
            if new.at(local).is_none() || on_this_host(remote) {
                continue;
            }
            let endpoint =
                |address| if address == local { new.endpoint(address) } else { old.endpoint(address) };
            check(&program, endpoint, &mut kernel, (local, remote, question.2, question.3))?;
            check(&program, endpoint, &mut kernel, (remote, local, question.2, question.3))?;
        }
    }

    #[test]
    fn what_is_remembered_makes_no_difference(
        program in world::program(),
        inventory in world::inventory(),
        edits in proptest::collection::vec((any::<u8>(), any::<u8>(), any::<bool>()), 1..8),
    ) {
        let mut planner = Planner::default();
        let mut current = Plan::default();
        for (rules, workloads, applied) in edits {
            // Without some rules and isolations, and without some workloads: mostly the first few stay.
            let without = |mask: u8, position: usize| (mask >> (position % 8)) & 1 == 1 && !mask.is_multiple_of(3);
            let kept = |at: usize| !without(rules, at);
            let all = program.rules().iter().enumerate().filter(|(at, _)| kept(*at)).map(|(_, rule)| rule.clone());
            let isolations = program.isolations().iter().enumerate().filter(|(at, _)| kept(at + 5));
            let edited = Program::new(all.collect(), isolations.map(|(_, i)| i.clone()).collect());
            let some = inventory.workloads().iter().enumerate().filter(|(at, _)| !without(workloads, *at));
            let moved = inventory.clone().with_workloads(some.map(|(_, workload)| workload.clone()).collect());
            let remembered = planner.plan(&edited, &moved, &current).map_err(|error| error.to_string());
            let afresh = Planner::default().plan(&edited, &moved, &current).map_err(|error| error.to_string());
            prop_assert_eq!(&remembered, &afresh);
            if let (Ok(plan), true) = (remembered, applied) {
                current = plan;
            }
        }
    }

    #[test]
    fn a_plan_depends_on_nothing_but_its_input(
        program in world::program(),
        inventory in world::inventory(),
    ) {
        let reversed = inventory.workloads().iter().rev().cloned().collect();
        let shuffled = inventory.clone().with_workloads(reversed);
        prop_assert_eq!(
            Plan::build(&program, &inventory, &[]).map(|plan| plan.to_string()).ok(),
            Plan::build(&program, &shuffled, &[]).map(|plan| plan.to_string()).ok()
        );
    }
}
