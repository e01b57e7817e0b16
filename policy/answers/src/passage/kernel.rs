//! The kernel's verdicts: the plan of the policy, and the decision function that the kernel runs.

use std::cell::RefCell;
use std::net::IpAddr;

use anyhow::{anyhow, bail};
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{ALLOW, ICMP, ICMPV6, SCTP, TCP, UDP};
use bookend_abi::{FROM_WORKLOAD, Outcome, TO_WORKLOAD, craft, packet};
use bookend_engine::{
    Connection, End, Endpoint, Exchange, Identity, Inventory, Location, Principal, Protocol, Verdict,
    decide_dialled, decide_end, rehearse_end,
};
use bookend_plan::Plan;

use super::{Answer, Judged, Layer, Pair, Places, Point, Rehearsed, Watch, near, service};
use crate::documents::Documents;
use crate::subject::Party;

/// A host that has all parties of a question, as its kernel sees them.
pub struct Kernel<'p> {
    places: &'p Places,
    plan: Plan,
    tables: RefCell<PlainTables>,
}

impl<'p> Kernel<'p> {
    /// Plans a host for everybody in `places`.
    ///
    /// # Errors
    /// When the policy cannot be enforced there.
    pub fn new(places: &'p Places, documents: &Documents) -> anyhow::Result<Self> {
        let plan = Plan::build(&documents.compiled.program, places.inventory(), &[])?;
        let tables = RefCell::new(plan.tables(|name| name.parse().ok()));
        Ok(Self { places, plan, tables })
    }

    /// The verdict of the kernel at one end. With `explained`, the rules that came close are told too.
    pub(super) fn judge(
        &self,
        end: End,
        pair: &Pair<'_>,
        documents: &Documents,
        explained: bool,
    ) -> anyhow::Result<Point> {
        let local = local(pair, end);
        let point = |answer| Point { layer: Layer::Kernel, end: end.name(), answer };
        let Some(interface) = self.places.interface(local) else {
            let not_on_the_path = match &local.service {
                Some(_) => format!("{} is a Service", local.name),
                None => format!("{} is outside", local.name),
            };
            return Ok(point(Answer::Absent { not_on_the_path }));
        };
        let (verdict, id) = self.ask(end, interface, pair)?;
        // The same question to the engine: the kernel tells the verdict, the engine how it came about.
        let inventory = &documents.compiled.inventory;
        let connection = Connection {
            source: seen(pair.from, pair.source, inventory),
            destination: seen(pair.to, pair.destination, inventory),
            protocol: pair.protocol,
            port: pair.port,
        };
        let program = &documents.compiled.program;
        let mut watch = Watch::new(explained);
        let dialled = service::dialled(pair, documents).filter(|_| end == End::Source);
        let (decision, audit) = match &dialled {
            Some(dialled) => {
                let judged = decide_dialled(program, &connection.source, dialled, &mut watch);
                (judged.decision, judged.audit)
            }
            None => {
                let decision = decide_end(program, end, &connection, Exchange::Packet, &mut watch);
                let exchange = Exchange::Packet;
                let mut untold = bookend_engine::NoTrace;
                (decision, rehearse_end(program, end, &connection, exchange, &decision, &mut untold))
            }
        };
        if (decision.verdict, decision.cause.id()) != (verdict, id) {
            bail!(
                "the kernel at the {} says {} ({id}) where the policy says {} ({}); this is a bug in Bookend, please \
                 report it with the documents",
                end.name(),
                verdict.name(),
                decision.verdict.name(),
                decision.cause.id()
            );
        }
        let mut judged = Judged::new(end, decision, watch.explanation(), documents);
        judged.audit = audit.map(|decision| Rehearsed::new(end, decision, documents));
        // What was near to those behind a Service is told of each of them.
        if explained && dialled.is_none() {
            judged.near =
                near::near(&[end], verdict, &connection, Exchange::Packet, &judged.trace, documents);
        }
        Ok(point(Answer::Judged(Box::new(judged))))
    }

    /// What the kernel's function says about the packet that opens the connection: the verdict and the rule.
    fn ask(&self, end: End, interface: u32, pair: &Pair<'_>) -> anyhow::Result<(Verdict, &str)> {
        let direction = if end == End::Source { FROM_WORKLOAD } else { TO_WORKLOAD };
        let mut tables = self.tables.borrow_mut();
        // Every question is about a connection of its own.
        tables.flows.clear();
        tables.ring.clear();
        let Outcome { verdict, rule, reason, .. } =
            tables.judge(direction, interface, &frame(pair, FIRST_PORT), 0);
        let verdict = if verdict == ALLOW { Verdict::Allow } else { Verdict::Deny };
        let id = self.plan.rule(rule).ok_or_else(|| {
            anyhow!(
                "the kernel at the {} would drop this for the reason `{}`, not by a rule; check the inventory",
                end.name(),
                reason.name().unwrap_or("unknown")
            )
        })?;
        Ok((verdict, id))
    }
}

/// The party whose kernel stands at `end`.
pub fn local<'c>(pair: &Pair<'c>, end: End) -> &'c Party<'c> {
    match end {
        End::Source => pair.from,
        End::Destination => pair.to,
    }
}

/// How an end looks to the kernel, which knows who has which address (S23).
fn seen<'c>(party: &'c Party<'_>, address: IpAddr, inventory: &'c Inventory) -> Endpoint<'c> {
    let location = Location::of(address);
    match party.workload {
        Some(workload) => Endpoint {
            identity: Identity::Workload(&workload.identity),
            location,
            principal: Principal::Derived { trust_domain: inventory.trust_domain() },
        },
        None => Endpoint { identity: Identity::Outside, location, principal: Principal::Open },
    }
}

/// A port of the dynamic range (RFC 6335, section 6): no policy speaks of source ports.
pub const FIRST_PORT: u16 = 49_152;

/// The frame that opens the connection, from the source's port (or with the identifier) `from`.
pub fn frame(pair: &Pair<'_>, from: u16) -> Vec<u8> {
    let [kind, code] = pair.port.to_be_bytes();
    let [high, low] = from.to_be_bytes();
    let message = || craft::icmp_with_code(kind, code, [high, low, 0, 1], b"bookend");
    let (protocol, payload) = match pair.protocol {
        Protocol::Udp => (UDP, craft::udp(from, pair.port, b"bookend")),
        Protocol::Sctp => (SCTP, craft::sctp_init(from, pair.port)),
        Protocol::Icmp => (ICMP, message()),
        Protocol::Icmpv6 => (ICMPV6, message()),
        Protocol::Tcp | Protocol::Other => (TCP, craft::tcp(from, pair.port, packet::SYN)),
    };
    craft::frame(pair.source, pair.destination, protocol, &payload)
}
