//! The kernel's verdicts: the plan of the policy, and the decision function that the kernel runs.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, bail};
use bookend_abi::packet::{Kind, Packet, SYN};
use bookend_abi::table::{ALLOW, ICMP, ICMPV6, TCP, UDP};
use bookend_abi::{FROM_WORKLOAD, Outcome, TO_WORKLOAD, address, decide};
use bookend_engine::{
    Connection, End, Exchange, Explanation, Instance, Inventory, IpNet, Location, PeerMatch, Program,
    Protocol, Verdict, Workload, decide_end,
};
use bookend_plan::Plan;

use super::{Answer, Judged, Layer, Pair, Point, Traffic, known, near};
use crate::sources::Documents;
use crate::subject::{Party, title};

/// A host that has all parties of a question, as its kernel sees them.
pub(crate) struct Kernel {
    plan: Plan,
    tables: bookend_abi::plain::PlainTables,
    /// By `namespace/name`.
    places: BTreeMap<String, Interface>,
}

/// The host side of a party's interface.
struct Interface {
    index: u32,
    addresses: Vec<IpAddr>,
}

impl Kernel {
    /// Plans a host for `parties`.
    ///
    /// # Errors
    /// When the policy cannot be enforced there.
    pub(crate) fn new<'c>(
        parties: impl IntoIterator<Item = &'c Party<'c>>,
        documents: &Documents,
    ) -> anyhow::Result<Self> {
        let program = &documents.compiled.program;
        let mut inventory = documents.compiled.inventory.clone();
        // Only the parties' interfaces are asked about, so only they are planned.
        for instance in inventory.workloads.iter_mut().flat_map(|workload| &mut workload.instances) {
            instance.interface = None;
        }
        let mut places = BTreeMap::new();
        for party in parties {
            let Some(workload) = party.workload else { continue };
            if places.contains_key(&title(workload)) {
                continue;
            }
            let index = u32::try_from(places.len()).context("too many workloads")? + 1;
            let addresses = place(&mut inventory, program, workload, party, index);
            places.insert(title(workload), Interface { index, addresses });
        }
        let plan = Plan::build(program, &inventory, &[])?;
        let tables = plan.tables(|name| name.parse().ok());
        Ok(Self { plan, tables, places })
    }

    /// Where a party is: at its addresses, or at the ones it was given.
    pub(crate) fn addresses(&self, party: &Party<'_>) -> Vec<IpAddr> {
        let given = party.workload.and_then(|workload| self.places.get(&title(workload)));
        match given {
            Some(place) if party.addresses.is_empty() => place.addresses.clone(),
            _ => party.addresses.clone(),
        }
    }

    /// The verdict of the kernel at one end.
    pub(crate) fn judge(
        &self,
        end: End,
        pair: &Pair<'_>,
        traffic: &Traffic,
        documents: &Documents,
    ) -> anyhow::Result<Point> {
        let local = match end {
            End::Source => pair.from,
            End::Destination => pair.to,
        };
        let point = |answer| Point { layer: Layer::Kernel, end: end.name(), answer };
        let Some(place) = local.workload.and_then(|workload| self.places.get(&title(workload))) else {
            let not_on_the_path = format!("{} is outside", local.name);
            return Ok(point(Answer::Absent { not_on_the_path }));
        };
        let direction = if end == End::Source { FROM_WORKLOAD } else { TO_WORKLOAD };
        let protocol = traffic.transport.protocol(pair.source.is_ipv6());
        let packet = first_packet(pair, protocol, traffic.port);
        let Outcome { verdict, rule, reason, .. } =
            decide(&mut self.tables.clone(), direction, place.index, &packet, 0);
        let verdict = if verdict == ALLOW { Verdict::Allow } else { Verdict::Deny };
        let Some(id) = self.plan.rule(rule) else {
            bail!(
                "the kernel at the {} would drop this for the reason `{}`, not by a rule; check the inventory",
                end.name(),
                reason.name().unwrap_or("unknown")
            );
        };
        // The same question to the engine: the kernel tells the verdict, the engine how it came about.
        let connection = Connection {
            source: known(pair.from, Location::of(pair.source)),
            destination: known(pair.to, Location::of(pair.destination)),
            protocol,
            port: traffic.port,
        };
        let program = &documents.compiled.program;
        let mut trace = Explanation::default();
        let expected = decide_end(program, end, &connection, Exchange::Packet, &mut trace);
        if expected.verdict != verdict {
            bail!(
                "the kernel at the {} says {} ({id}) where the policy says {} ({}); this is a bug in Bookend, please \
                 report it with the documents",
                end.name(),
                verdict.name(),
                expected.verdict.name(),
                expected.cause.id()
            );
        }
        Ok(point(Answer::Judged(Judged {
            verdict: verdict.name(),
            id: id.to_owned(),
            at: documents.place(id),
            for_end: end.name(),
            near: near::near(&[end], verdict, &connection, Exchange::Packet, &trace, documents),
            trace,
        })))
    }
}

/// Gives a party an interface in the inventory, and addresses where it has none.
fn place(
    inventory: &mut Inventory,
    program: &Program,
    workload: &Workload,
    party: &Party<'_>,
    index: u32,
) -> Vec<IpAddr> {
    let stand_ins = stand_ins(inventory, program);
    let found = inventory
        .workloads
        .iter_mut()
        .find(|w| w.name == workload.name && w.identity.namespace == workload.identity.namespace);
    let Some(found) = found else { return Vec::new() };
    let shares = |instance: &&mut Instance| instance.addresses.iter().any(|a| party.addresses.contains(a));
    // The name is the number, so that the tables need no list of both.
    let interface = Some(index.to_string());
    match found.instances.iter_mut().find(shares) {
        Some(instance) => {
            instance.interface = interface;
            instance.addresses.clone()
        }
        None => {
            found.instances.push(Instance { addresses: stand_ins.clone(), interface });
            stand_ins
        }
    }
}

/// An IPv4 and an IPv6 address that nobody has and, if possible, no rule names.
fn stand_ins(inventory: &Inventory, program: &Program) -> Vec<IpAddr> {
    let named: Vec<IpNet> = program
        .rules()
        .iter()
        .flat_map(|rule| [&rule.from, &rule.to])
        .filter_map(|clause| clause.alternatives())
        .flatten()
        .filter_map(|peer| match peer {
            PeerMatch::Block(block) => Some(block.nets()),
            PeerMatch::Workloads(_) => None,
        })
        .flatten()
        .collect();
    // Shared address space (RFC 6598) and a unique local prefix (RFC 4193).
    let v4 = (1..=0xffff_u32).map(|n| IpAddr::from(Ipv4Addr::from_bits(0x6440_0000 | n)));
    let v6 = (1..=0xffff_u128).map(|n| IpAddr::from(Ipv6Addr::from_bits(0xfd00_b00c_e4d0 << 80 | n)));
    let free = |address: &IpAddr| inventory.at(*address).is_none();
    let unnamed = |address: &IpAddr| !named.iter().any(|net| net.contains(address));
    let v4 = v4.clone().find(|a| free(a) && unnamed(a)).or_else(|| v4.clone().find(free));
    let v6 = v6.clone().find(|a| free(a) && unnamed(a)).or_else(|| v6.clone().find(free));
    v4.into_iter().chain(v6).collect()
}

/// The packet that opens the connection.
fn first_packet(pair: &Pair<'_>, protocol: Protocol, port: u16) -> Packet {
    // Any port of the dynamic range (RFC 6335, section 6): no policy speaks of source ports.
    const SOURCE_PORT: u16 = 49_152;
    let (protocol, kind, detail) = match protocol {
        Protocol::Udp => (UDP, Kind::Datagram, 0),
        Protocol::Icmp => (ICMP, Kind::EchoRequest, 0),
        Protocol::Icmpv6 => (ICMPV6, Kind::EchoRequest, 0),
        Protocol::Tcp | Protocol::Other => (TCP, Kind::Tcp, SYN),
    };
    Packet {
        source: address::from_ip(pair.source),
        destination: address::from_ip(pair.destination),
        source_port: SOURCE_PORT,
        destination_port: port,
        protocol,
        detail,
        kind,
        ..Packet::default()
    }
}
