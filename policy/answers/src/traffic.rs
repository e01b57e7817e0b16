//! The traffic a question is about.

use std::str::FromStr;

use anyhow::{Context, anyhow, bail};
use bookend_engine::{NamedPort, Protocol, Workload};
use bookend_lang::{Compiled, TestPort, split_port};
use serde::Serialize;

use crate::request::Request;
use crate::subject::{Directory, Party, Subject, title};
use crate::unaskable::Unaskable;

/// Who talks to whom, and how, as they are called.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// Who opens the connection: all that [`Directory::resolve`] knows.
    pub from: String,
    /// Who accepts it, named in the same ways; the port may follow.
    pub to: String,
    /// The destination's port, a number or a name; else the Service's own if it has only one.
    pub port: Option<String>,
    /// The SPIFFE id that the source proves, where it is an address or a network outside.
    pub principal: Option<String>,
    /// Whether it connects without mutual TLS, as a process that goes around its proxy would.
    pub plaintext: bool,
}

/// A whole SPIFFE id.
///
/// # Errors
/// When it is none, or a pattern.
pub fn principal(text: &str) -> Result<String, &'static str> {
    if text.starts_with("spiffe://") && !text.contains('*') {
        Ok(text.to_owned())
    } else {
        Err("write a whole SPIFFE id: `spiffe://trust-domain/path`")
    }
}

/// Who is meant at both ends, and on which port.
pub struct Parties<'c> {
    /// Who opens it.
    pub from: Subject<'c>,
    /// Who accepts it.
    pub to: Subject<'c>,
    /// The destination's port.
    pub port: Option<TestPort>,
    /// The destination as it was called, without its port.
    pub called: String,
}

impl Ends {
    /// Everybody at both ends.
    ///
    /// # Errors
    /// When a name means nobody, or is ambiguous; and when the port makes no sense.
    pub fn resolve<'c>(&self, directory: &Directory<'c>) -> anyhow::Result<Parties<'c>> {
        self.with(directory, |called| directory.resolve(called))
    }

    /// Everybody at both ends; who is behind a Service that has an address of its own is dialled there.
    ///
    /// # Errors
    /// When a name means nobody, or is ambiguous; and when the port makes no sense.
    pub fn dialled<'c>(&self, directory: &Directory<'c>) -> anyhow::Result<Parties<'c>> {
        self.with(directory, |called| directory.dialled(None, called))
    }

    fn with<'c>(
        &self,
        directory: &Directory<'c>,
        destination: impl Fn(&str) -> anyhow::Result<Subject<'c>>,
    ) -> anyhow::Result<Parties<'c>> {
        let (called, behind) = split_port(&self.to);
        let port = match (behind, self.port.as_deref()) {
            (Some(_), Some(_)) => {
                return Err(Unaskable::PortTwice.into());
            }
            (None, None) => None,
            (Some(text), None) | (None, Some(text)) => {
                Some(TestPort::from_str(text).map_err(|()| Unaskable::NotAPort(text.to_owned()))?)
            }
        };
        Ok(Parties {
            from: directory.resolve(&self.from)?.proving(self.principal.as_deref())?,
            to: destination(called)?,
            port,
            called: called.to_owned(),
        })
    }
}

/// A transport protocol, as it is asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    #[default]
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// ICMP or ICMPv6, as the addresses are.
    Icmp,
    /// ICMPv6 alone.
    Icmpv6,
}

impl Transport {
    /// The protocol, given the address family.
    pub fn protocol(self, ipv6: bool) -> Protocol {
        match (self, ipv6) {
            (Self::Tcp, _) => Protocol::Tcp,
            (Self::Udp, _) => Protocol::Udp,
            (Self::Sctp, _) => Protocol::Sctp,
            (Self::Icmp, false) => Protocol::Icmp,
            (Self::Icmp, true) | (Self::Icmpv6, _) => Protocol::Icmpv6,
        }
    }

    /// Whether it has ports.
    pub fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp | Self::Sctp)
    }

    /// The address families it exists for, the preferred one first: whether each is IPv6.
    pub fn families(self, family: Option<Family>) -> &'static [bool] {
        match (self, family) {
            (Self::Icmpv6, _) | (_, Some(Family::V6)) => &[true],
            (_, Some(Family::V4)) => &[false],
            _ => &[false, true],
        }
    }
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Type and code of an ICMP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Its code.
    pub code: u8,
}

impl FromStr for Message {
    type Err = String;

    /// Reads `8` or `8/0`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, code) = text.split_once('/').unwrap_or((text, "0"));
        let byte = |text: &str| {
            text.parse().map_err(|_| "write it as `type` or `type/code`, each from 0 to 255".to_owned())
        };
        Ok(Self { kind: byte(kind)?, code: byte(code)? })
    }
}

/// What is sent on the connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// Nothing yet: only the packet that opens it is asked about.
    Packet,
    /// Something that is not HTTP.
    Stream,
    /// An HTTP request.
    Request(Request),
}

impl Payload {
    /// The request, if it is one.
    pub fn request(&self) -> Option<&Request> {
        match self {
            Self::Request(request) => Some(request),
            Self::Packet | Self::Stream => None,
        }
    }
}

/// What travels.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// The protocol, but for its family.
    pub transport: Transport,
    /// The only family that is meant, if one is.
    pub family: Option<Family>,
    /// The destination's port, where the protocol has ports.
    pub port: Option<TestPort>,
    /// The ICMP message; an echo request where none is said.
    pub message: Option<Message>,
    /// What is sent.
    pub payload: Payload,
    /// Whether the source speaks without mutual TLS.
    pub plaintext: bool,
    /// What the destination was called, without its port.
    pub called: String,
    /// The port of the Service that was dialled, where the destination is somebody behind it.
    pub dialled: Option<u16>,
}

impl Traffic {
    /// The port of one destination: 1–65535; for ICMP, type × 256 + code.
    ///
    /// # Errors
    /// When the destination has no port of that name.
    pub fn port_of(&self, to: &Party<'_>, protocol: Protocol) -> anyhow::Result<u16> {
        if protocol.is_icmp() {
            let echo = Message { kind: if protocol == Protocol::Icmp { 8 } else { 128 }, code: 0 };
            let Message { kind, code } = self.message.unwrap_or(echo);
            return Ok(u16::from_be_bytes([kind, code]));
        }
        match &self.port {
            Some(TestPort::Number(number)) => self.has_port(*number, to, protocol).map(|()| *number),
            Some(TestPort::Name(name)) if to.service.is_some() => named_there(name, to, protocol),
            Some(TestPort::Name(name)) => named(name, to, protocol),
            None => bail!("which port of `{}`? Say it", to.name),
        }
    }

    /// Refuses a port that a Service, which was called by its name, does not have: no name tells an address by itself.
    fn has_port(&self, number: u16, to: &Party<'_>, protocol: Protocol) -> anyhow::Result<()> {
        let Some(service) = to.service else { return Ok(()) };
        if self.called.parse::<std::net::IpAddr>().is_ok() || service.port(protocol, number).is_some() {
            return Ok(());
        }
        let ports = service.ports.iter().map(|port| format!("{} {}", port.protocol.name(), port.port));
        let ports = ports.collect::<Vec<_>>().join(", ");
        bail!("the Service `{}` has no {} port {number}; it has {ports}", to.name, protocol.name())
    }

    /// The authority of a request to `to` that names no host: what the destination was called, and the port.
    pub fn authority(&self, to: &Party<'_>, port: u16) -> String {
        let plain = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
        };
        let port = self.dialled.unwrap_or(port);
        let called = self.called.as_str();
        match called.parse::<std::net::IpAddr>() {
            Ok(std::net::IpAddr::V6(address)) => return format!("[{address}]:{port}"),
            Ok(std::net::IpAddr::V4(address)) => return format!("{address}:{port}"),
            Err(_) => {}
        }
        let host = match called.split_once('/') {
            None if plain(called) => called.to_owned(),
            Some((namespace, name)) if plain(namespace) && plain(name) => format!("{name}.{namespace}"),
            _ => to.workload.map_or_else(|| to.name.clone(), |workload| workload.name.clone()),
        };
        format!("{host}:{port}")
    }
}

/// The port of a Service that has this name.
fn named_there(name: &str, to: &Party<'_>, protocol: Protocol) -> anyhow::Result<u16> {
    let ports = to.service.into_iter().flat_map(|service| &service.ports);
    let over = |port: &&bookend_engine::ServicePort| port.protocol == protocol;
    let found = ports.clone().filter(over).find(|port| port.name.as_deref() == Some(name));
    found.map(|port| port.port).ok_or_else(|| {
        let names: Vec<_> = ports.filter(over).map(|port| format!("`{}`", port.port)).collect();
        anyhow!(
            "the Service `{}` has no {} port `{name}`; it has {}",
            to.name,
            protocol.name(),
            names.join(", ")
        )
    })
}

fn named(name: &str, to: &Party<'_>, protocol: Protocol) -> anyhow::Result<u16> {
    let workload = to.workload.with_context(|| {
        format!("`{}` is outside, so its ports have no names here; write a number", to.name)
    })?;
    let unknown =
        || anyhow!("the inventory does not say what `{}` calls its ports; write a number", title(workload));
    let ports = workload.identity.ports.as_ref().ok_or_else(unknown)?;
    let over = |port: &&NamedPort| port.protocol == protocol;
    ports.iter().filter(over).find(|port| port.name == name).map(|port| port.port).ok_or_else(|| {
        let names: Vec<_> = ports.iter().filter(over).map(|port| format!("`{}`", port.name)).collect();
        let known = if names.is_empty() {
            "it names none".to_owned()
        } else {
            format!("it names {}", names.join(", "))
        };
        anyhow!("`{}` has no {} port `{name}`; {known}", title(workload), protocol.name())
    })
}

/// The port that is meant, where the protocol has ports.
///
/// # Errors
/// When it cannot be told, or makes no sense.
pub fn asked_port(
    transport: Transport,
    port: Option<TestPort>,
    to: &Subject<'_>,
    called: &str,
    compiled: &Compiled,
) -> anyhow::Result<Option<TestPort>> {
    match (transport.has_ports(), port) {
        (false, None) => Ok(None),
        (false, Some(_)) => Err(Unaskable::NoPorts.into()),
        (true, Some(port)) => Ok(Some(port)),
        (true, None) => match implied(to, compiled) {
            Some(port) => Ok(Some(port)),
            None => Err(Unaskable::WhichPort(called.to_owned()).into()),
        },
    }
}

/// The port that must be meant where none is written: the only one of the Service that was named, or of all Services
/// before the destination.
pub fn implied(to: &Subject<'_>, compiled: &Compiled) -> Option<TestPort> {
    to.port.or_else(|| served(to, compiled)).map(TestPort::Number)
}

/// The only port of all Services before the destination.
fn served(to: &Subject<'_>, compiled: &Compiled) -> Option<u16> {
    let behind = |workload: &Workload, namespace: &str, selector: &bookend_engine::Labels| {
        let labels = &workload.identity.labels;
        workload.identity.namespace == namespace
            && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    let mut ports = compiled
        .services
        .iter()
        .filter(|service| {
            !service.selector.is_empty()
                && to
                    .parties
                    .iter()
                    .filter_map(|party| party.workload)
                    .any(|workload| behind(workload, &service.namespace, &service.selector))
        })
        .flat_map(|service| service.ports.iter().copied());
    let first = ports.next()?;
    ports.all(|port| port == first).then_some(first)
}
