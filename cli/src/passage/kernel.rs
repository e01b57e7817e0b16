//! The kernel's verdicts: the plan of the policy, and the decision function that the kernel runs.

use anyhow::bail;
use bookend_abi::packet::{Kind, Packet, SYN};
use bookend_abi::table::{ALLOW, ICMP, ICMPV6, TCP, UDP};
use bookend_abi::{FROM_WORKLOAD, Outcome, TO_WORKLOAD, address, decide};
use bookend_engine::{Connection, End, Exchange, Explanation, Location, Protocol, Verdict, decide_end};
use bookend_plan::Plan;

use super::{Answer, Judged, Layer, Pair, Places, Point, Traffic, known, near};
use crate::sources::Documents;

/// A host that has all parties of a question, as its kernel sees them.
pub(crate) struct Kernel<'p> {
    places: &'p Places,
    plan: Plan,
    tables: bookend_abi::plain::PlainTables,
}

impl<'p> Kernel<'p> {
    /// Plans a host for everybody in `places`.
    ///
    /// # Errors
    /// When the policy cannot be enforced there.
    pub(crate) fn new(places: &'p Places, documents: &Documents) -> anyhow::Result<Self> {
        let plan = Plan::build(&documents.compiled.program, &places.inventory, &[])?;
        let tables = plan.tables(|name| name.parse().ok());
        Ok(Self { places, plan, tables })
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
        let Some(place) = self.places.of(local) else {
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
