//! A connection on its way past every point where it is judged.

mod audit;
mod kernel;
mod near;
mod place;
mod point;
mod proxy;
mod residual;
mod service;
mod told;
mod words;

use std::net::IpAddr;

use anyhow::anyhow;
use bookend_engine::{End, Protocol};
use serde::Serialize;

use crate::documents::{Documents, Place};
use crate::request::Request;
use crate::subject::Party;
use crate::traffic::{Message, Payload, Traffic};

pub use audit::Audit;
pub use kernel::{FIRST_PORT, Kernel, frame, local};
pub use near::Near;
pub use place::Places;
use point::Watch;
pub use point::{Answer, Judged, Layer, Point, Rehearsed, default_tier};
pub use proxy::certificate;
pub use residual::Residual;
pub use service::{Served, behind};
pub use told::Told;

/// One connection and every verdict about it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Passage {
    /// Who opens it.
    pub from: String,
    /// Who accepts it.
    pub to: String,
    /// The addresses that were asked about.
    pub from_address: IpAddr,
    /// The address of who accepts it.
    pub to_address: IpAddr,
    /// The names, with the address where only that tells one instance from another.
    #[serde(skip)]
    pub labels: (String, String),
    /// What travels, in words.
    #[serde(skip)]
    travels: String,
    /// Its name in capitals, such as `TCP`.
    pub protocol: &'static str,
    /// The destination's port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Type and code of an ICMP message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp: Option<Message>,
    /// Whether it is without mutual TLS.
    pub plaintext: bool,
    /// The SPIFFE id that somebody outside proves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The request on it, if one is asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// `allow` or `deny`, of all points together.
    pub verdict: &'static str,
    /// The first point that denies, else the last one that has something to say.
    pub decided_by: Decider,
    /// What would decide if rules in audit mode were enforced, where that differs.
    pub audit: Option<Audit>,
    /// In the order in which a packet meets them.
    pub points: Vec<Point>,
    /// The Service that was dialled, where somebody is behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Served>,
    /// What the kernel lets pass and the filter may not.
    pub residual: Vec<Residual>,
    /// Ends of which the inventory has no address. The kernel is asked as if each were at one that no rule names.
    pub without_address: Vec<String>,
}

/// Who decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decider {
    /// What enforces there.
    pub layer: Layer,
    /// `source` or `destination`.
    pub end: &'static str,
    /// The rule, isolation or default, by its id.
    pub id: String,
    /// Where that is written.
    pub at: Option<Place>,
}

/// The two ends of a connection, each with an address.
#[derive(Clone, Debug)]
pub struct Pair<'c> {
    /// Who opens it.
    pub from: &'c Party<'c>,
    /// Who accepts it.
    pub to: &'c Party<'c>,
    /// The source's address.
    pub source: IpAddr,
    /// The destination's address.
    pub destination: IpAddr,
    /// Its name in capitals, such as `TCP`.
    pub protocol: Protocol,
    /// The destination's port; for ICMP, type × 256 + code.
    pub port: u16,
}

impl<'c> Pair<'c> {
    /// The pair at addresses of one family, IPv4 if there is a choice.
    ///
    /// # Errors
    /// When there is none, and when the destination has no such port.
    pub fn new(
        from: &'c Party<'c>,
        to: &'c Party<'c>,
        traffic: &Traffic,
        places: &Places,
    ) -> anyhow::Result<Self> {
        let (sources, destinations) = (places.addresses(from), places.addresses(to));
        let first = |list: &[IpAddr], v6: bool| list.iter().copied().find(|a| a.is_ipv6() == v6);
        let families = traffic.transport.families(traffic.family);
        let (source, destination) = families
            .iter()
            .find_map(|v6| first(&sources, *v6).zip(first(&destinations, *v6)))
            .ok_or_else(|| match families {
                [v6] => {
                    let version = if *v6 { "IPv6" } else { "IPv4" };
                    anyhow!("`{}` and `{}` do not both have an {version} address", from.name, to.name)
                }
                _ => {
                    anyhow!("`{}` and `{}` have no addresses of one family, IPv4 or IPv6", from.name, to.name)
                }
            })?;
        let protocol = traffic.transport.protocol(source.is_ipv6());
        let port = traffic.port_of(to, protocol)?;
        Ok(Self { from, to, source, destination, protocol, port })
    }
}

impl Passage {
    /// Lets every point judge. With `explained` the rules that came close are looked for as well.
    ///
    /// # Errors
    /// When there is nothing on the way, and when the kernel cannot enforce the policy.
    pub fn new(
        pair: &Pair<'_>,
        traffic: &Traffic,
        documents: &Documents,
        kernel: &Kernel<'_>,
        explained: bool,
    ) -> anyhow::Result<Self> {
        let Pair { from, to, .. } = pair;
        let points = vec![
            kernel.judge(End::Source, pair, documents, explained)?,
            kernel.judge(End::Destination, pair, documents, explained)?,
            proxy::judge(pair, traffic, documents, explained),
        ];
        let service = service::served(pair, traffic, documents, kernel, explained)?;
        let own = point::deciding(&points).map(|(point, decisive)| {
            let (layer, end) = (point.layer, point.end);
            let decided_by = Decider { layer, end, id: decisive.id.clone(), at: decisive.at.clone() };
            let audit = audit::joined(&points, decisive.verdict, &decided_by);
            (decisive.verdict, decided_by, audit)
        });
        let (verdict, decided_by, audit) = with_backends(own, service.as_ref()).ok_or_else(|| {
            anyhow!(
                "neither `{}` nor `{}` is a workload of the inventory, so nobody judges this connection",
                from.name,
                to.name
            )
        })?;
        let residual = if explained { residual::residual(&points, pair, documents) } else { Vec::new() };
        let without_address = [from, to]
            .into_iter()
            .filter(|party| party.addresses.is_empty())
            .map(|party| party.name.clone())
            .collect();
        let [kind, code] = pair.port.to_be_bytes();
        Ok(Self {
            from: from.name.clone(),
            to: to.name.clone(),
            from_address: pair.source,
            to_address: pair.destination,
            labels: (from.label(), to.label()),
            travels: words::asked(pair.protocol, pair.port),
            protocol: pair.protocol.name(),
            port: pair.protocol.has_ports().then_some(pair.port),
            icmp: pair.protocol.is_icmp().then_some(Message { kind, code }),
            plaintext: traffic.plaintext,
            principal: from.principal.clone(),
            request: traffic.payload.request().cloned(),
            verdict,
            decided_by,
            audit,
            points,
            service,
            residual,
            without_address,
        })
    }

    /// The verdict of the kernel at the source, if it is on the way.
    fn at_the_source(&self) -> Option<&'static str> {
        let source = self.points.iter().find(|p| (p.layer, p.end) == (Layer::Kernel, End::Source.name()))?;
        match &source.answer {
            Answer::Judged(judged) => Some(judged.verdict),
            Answer::Absent { .. } => None,
        }
    }

    /// What travels: `TCP 9080`, `ICMP type 8 code 0`.
    pub fn travels(&self) -> &str {
        &self.travels
    }

    /// Whether every point on the way allows.
    pub fn allows(&self) -> bool {
        self.verdict == bookend_engine::Verdict::Allow.name()
    }
}

/// A verdict, who decided, and the audit beside it.
type Decided = (&'static str, Decider, Option<Audit>);

/// What is decided altogether: by whom the source is held back; else by the first who holds the connection back from somebody behind
/// the Service; else by the last who has a rule.
fn with_backends(own: Option<Decided>, service: Option<&Served>) -> Option<Decided> {
    let denies = |decided: &Decided| decided.0 == bookend_engine::Verdict::Deny.name();
    let ruled = |decided: &Decided| decided.1.id != bookend_engine::Cause::Default.id();
    let own_audit = own.as_ref().and_then(|(_, _, audit)| audit.clone());
    if own.as_ref().is_some_and(denies) {
        return own;
    }
    let passages = service.into_iter().flat_map(|service| &service.backends);
    let backends: Vec<Decided> = passages
        .filter_map(|backend| backend.passage.as_deref())
        .map(|passage| (passage.verdict, passage.decided_by.clone(), passage.audit.clone()))
        .collect();
    let all = || backends.iter().chain(own.as_ref());
    let chosen =
        all().find(|one| denies(one)).or_else(|| all().rfind(|one| ruled(one))).or_else(|| all().next_back());
    let (verdict, decider, audit) = chosen?.clone();
    let first = || backends.iter().find_map(|(_, _, audit)| audit.clone());
    Some((verdict, decider, audit.or(own_audit).or_else(first)))
}

/// Whether only the packet that opens the connection is asked about.
fn only_opens(traffic: &Traffic) -> bool {
    traffic.payload == Payload::Packet
}

/// What HTTP conditions ask of a request, in words.
pub fn request_in_words(http: &bookend_engine::HttpMatch) -> String {
    words::request(http)
}
