//! What the policy says about an attempt: which layer decides, at which end, by which rule.
//!
//! Taken from the engine, so that the demo of an edited policy expects what the edited policy says.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use bookend_engine::{Connection, End, Exchange, Head, NoTrace, Protocol, Request, Tokens, Verdict, decide};
use bookend_lang::Compiled;
use serde::Serialize;

use crate::attempt::{Act, Attempt, SCAN_LIMIT, Target};
use crate::error::{Error, Result};
use crate::packet::Payload;
use crate::world::topology;

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// The host enforcer, at an interface.
    Kernel,
    /// The filter in Envoy.
    Filter,
    /// No layer that is in force sees it.
    Nobody,
}

/// What is to happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expectation {
    /// Whether it gets through.
    pub reaches: bool,
    /// Who decides so.
    pub layer: Layer,
    /// At which end.
    pub end: &'static str,
    /// The id of the rule, or the reason where no rule is involved.
    pub rule: String,
}

/// The kernel's reason for a source address that is not the sender's.
pub const SPOOFED: &str = "spoofed-source";

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Filter => "filter",
            Self::Nobody => "nobody",
        })
    }
}

impl Expectation {
    /// What `compiled` says about `attempt` where the filters are in force, and the host enforcer if `kernel`.
    ///
    /// # Errors
    /// If it speaks of somebody who does not exist, or the answer is not one (a service some of whose pods may be reached).
    pub fn of(attempt: &Attempt, compiled: &Compiled, kernel: bool) -> Result<Self> {
        let mut expectations = flows(attempt)?.into_iter().map(|flow| flow.expectation(compiled, kernel));
        let first = expectations.next().ok_or_else(|| Error::new("the attempt goes nowhere"))?;
        if expectations.any(|other| other.reaches != first.reaches) {
            return Err(Error::new("the policy allows part of the attempt only; attempt the parts"));
        }
        Ok(first)
    }
}

/// One connection of an attempt.
struct Flow<'a> {
    /// Who really sends.
    sender: IpAddr,
    /// What the packet claims.
    source: IpAddr,
    to: SocketAddr,
    protocol: Protocol,
    request: Option<&'a crate::http::Request>,
}

impl Flow<'_> {
    fn expectation(&self, compiled: &Compiled, kernel: bool) -> Expectation {
        if kernel && self.source != self.sender {
            let rule = SPOOFED.to_owned();
            return Expectation { reaches: false, layer: Layer::Kernel, end: End::Source.name(), rule };
        }
        let end = |address: IpAddr| compiled.inventory.endpoint(address);
        let connection = Connection {
            source: end(self.source),
            destination: end(self.to.ip()),
            protocol: self.protocol,
            port: self.to.port(),
        };
        let judge = |exchange: Exchange<'_>, layer: Layer| {
            let judgement = decide(&compiled.program, &connection, exchange, &mut NoTrace);
            let (end, decision) = judgement.deciding();
            let reaches = judgement.verdict() == Verdict::Allow;
            Expectation { reaches, layer, end: end.name(), rule: decision.cause.id().to_owned() }
        };
        let packet = if kernel {
            judge(Exchange::Packet, Layer::Kernel)
        } else {
            let rule = "no host enforcer is in force".to_owned();
            Expectation { reaches: true, layer: Layer::Nobody, end: End::Destination.name(), rule }
        };
        match self.request.filter(|_| packet.reaches && self.filtered()) {
            Some(request) => {
                let (hosts, others): (Vec<_>, Vec<_>) =
                    request.headers.iter().partition(|(name, _)| name.eq_ignore_ascii_case("host"));
                let lines: Vec<_> =
                    others.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
                let request = Request::new(Head {
                    method: Some(request.method.as_bytes()),
                    authority: hosts.first().map(|(_, host)| host.as_bytes()),
                    path: Some(request.target.as_bytes()),
                    headers: Some(&lines),
                    // No proxy here verifies tokens.
                    tokens: Tokens::Unknown,
                    ..Head::default()
                });
                // The destination's filter decides for both ends.
                let verdict = judge(Exchange::Http(&request), Layer::Filter);
                Expectation { end: End::Destination.name(), ..verdict }
            }
            None => packet,
        }
    }

    /// Whether the destination has a filter that sees the request.
    fn filtered(&self) -> bool {
        topology::WORKLOADS
            .iter()
            .any(|it| it.proxy != topology::Proxy::None && it.addresses().contains(&self.to.ip()))
    }
}

fn flows(attempt: &Attempt) -> Result<Vec<Flow<'_>>> {
    let own = topology::external(attempt.from)
        .map(topology::External::addresses)
        .or_else(|| topology::workload(attempt.from).map(topology::Workload::addresses))
        .ok_or_else(|| Error::new(format!("nobody here is called `{}`", attempt.from)))?;
    let sender = |to: IpAddr| {
        let same = own.into_iter().find(|address| address.is_ipv4() == to.is_ipv4());
        same.ok_or_else(|| Error::new(format!("{} has no address to reach {to} from", attempt.from)))
    };
    let flow = |to: SocketAddr, protocol| {
        let sender = sender(to.ip())?;
        Ok(Flow { sender, source: sender, to, protocol, request: None })
    };
    let icmp = |to: IpAddr| if to.is_ipv4() { Protocol::Icmp } else { Protocol::Icmpv6 };
    match &attempt.act {
        Act::Http { to, request } => targets(*to)?
            .into_iter()
            .map(|to| Ok(Flow { request: Some(request), ..flow(to, Protocol::Tcp)? }))
            .collect(),
        Act::Connect { to } => Ok(vec![flow(*to, Protocol::Tcp)?]),
        Act::Datagram { to } => Ok(vec![flow(*to, Protocol::Udp)?]),
        Act::Echo { to } => Ok(vec![flow(SocketAddr::new(*to, 0), icmp(*to))?]),
        Act::Forge(forgery) => {
            let (protocol, port) = match forgery.payload {
                Payload::Syn => (Protocol::Tcp, forgery.to.port()),
                Payload::Datagram => (Protocol::Udp, forgery.to.port()),
                Payload::Echo => (icmp(forgery.to.ip()), 0),
            };
            let to = SocketAddr::new(forgery.to.ip(), port);
            Ok(vec![Flow { source: forgery.source, ..flow(to, protocol)? }])
        }
        Act::Scan { to, ports } => {
            let ports = ports.clone().take(SCAN_LIMIT);
            ports.map(|port| flow(SocketAddr::new(*to, port), Protocol::Tcp)).collect()
        }
    }
}

fn targets(to: Target) -> Result<Vec<SocketAddr>> {
    match to {
        Target::Address(to) => Ok(vec![to]),
        Target::Service(name) => {
            let service = topology::service(name)
                .ok_or_else(|| Error::new(format!("no service is called `{name}`")))?;
            Ok(service.workloads().map(|it| (it.ipv4(), topology::APP_PORT).into()).collect())
        }
    }
}
