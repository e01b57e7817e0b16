//! Protocols, ports and types of ICMP in a rule.

use super::{
    entity::End,
    field::{self, inexact},
};
use crate::{
    Code, Span,
    decode::{
        container::present,
        fields::{Fields, integer, quoted, wrong_type},
        port::judged_elsewhere,
    },
    diagnostic::Report,
    document::Spanned,
    yaml::{Node, Value},
};
use bookend_engine::{Action, Clause, PortMatch, PortRange, Protocol};

/// A port as it is written: `80`, `"80:90"`, `http`.
#[derive(Clone, Debug)]
pub(super) enum Written {
    Range(u16, u16),
    Name(String),
}

/// An element of `ports` or `notPorts`.
pub(super) fn written(node: &Node, report: &mut Report) -> Option<Spanned<Written>> {
    let Value::Scalar(scalar) = &node.value else {
        wrong_type(node, "port", "a number, a range or a name", report);
        return None;
    };
    let number = |text: &str| text.parse::<u16>().ok();
    let name = |text: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        (1..=128).contains(&text.len()) && text.chars().all(known) && text.parse::<f64>().is_err()
    };
    let value = match (scalar.kind(), scalar.text.split_once(':')) {
        ("number" | "string", None) if number(&scalar.text).is_some_and(|port| port > 0) => {
            number(&scalar.text).map(|port| Written::Range(port, port))
        }
        ("string", Some((first, last))) => match (number(first), number(last)) {
            // Nobody connects to port 0 (S12).
            (Some(first), Some(last)) if first <= last && last > 0 => {
                Some(Written::Range(first.max(1), last))
            }
            _ => None,
        },
        ("string", None) if name(&scalar.text) => Some(Written::Name(scalar.text.clone())),
        _ => None,
    };
    if value.is_none() {
        let message = format!("`{}` is neither a port nor a range of ports", quoted(&scalar.text));
        let cure = "write a number from 1 to 65535, a range like `8000:8080`, or the name of a port";
        report.add(Code::BadPort, node.span, message, cure);
    }
    Some(Spanned { value: value?, span: node.span })
}

/// `protocol` or `notProtocol`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Named {
    /// One that Bookend tells apart.
    Known(Protocol),
    /// Another.
    Other,
}

/// Reads a protocol, if there is one: by name or by number.
pub(super) fn protocol(
    fields: &mut Fields<'_>,
    field: &'static str,
    report: &mut Report,
) -> Option<Option<Spanned<Named>>> {
    let Some(node) = present(fields, field) else { return Some(None) };
    let Value::Scalar(scalar) = &node.value else {
        wrong_type(node, field, "a name or a number", report);
        return None;
    };
    const NAMES: [(&str, Named); 6] = [
        ("TCP", Named::Known(Protocol::Tcp)),
        ("UDP", Named::Known(Protocol::Udp)),
        ("SCTP", Named::Known(Protocol::Sctp)),
        ("ICMP", Named::Known(Protocol::Icmp)),
        ("ICMPv6", Named::Known(Protocol::Icmpv6)),
        ("UDPLite", Named::Other),
    ];
    let value = match scalar.kind() {
        "number" => match scalar.integer() {
            Some(6) => Some(Named::Known(Protocol::Tcp)),
            Some(17) => Some(Named::Known(Protocol::Udp)),
            Some(132) => Some(Named::Known(Protocol::Sctp)),
            Some(1) => Some(Named::Known(Protocol::Icmp)),
            Some(58) => Some(Named::Known(Protocol::Icmpv6)),
            Some(1..=255) => Some(Named::Other),
            _ => None,
        },
        // Calico reads the names in any case.
        "string" => {
            NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&scalar.text)).map(|(_, named)| *named)
        }
        _ => None,
    };
    if value.is_none() {
        let message = format!("`{}` is not a protocol", quoted(&scalar.text));
        let cure = "write `TCP`, `UDP`, `SCTP`, `ICMP`, `ICMPv6` or `UDPLite`, or a number from 1 to 255";
        report.add(Code::BadProtocol, node.span, message, cure);
    }
    Some(Some(Spanned { value: value?, span: node.span }))
}

/// `icmp` or `notICMP`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Icmp {
    pub(super) span: Span,
    /// `None`: all of it.
    pub(super) kind: Option<u8>,
    pub(super) code: Option<u8>,
}

/// Reads type and code, if there are any.
pub(super) fn icmp(
    fields: &mut Fields<'_>,
    field: &'static str,
    report: &mut Report,
) -> Option<Option<Icmp>> {
    let Some(node) = present(fields, field) else { return Some(None) };
    let mut fields = Fields::of(node, "ICMP condition", report)?;
    let byte = |node: Option<&Node>, what, most, report: &mut Report| match node {
        None => Some(None),
        Some(node) => integer(node, what, 0..=most, report).and_then(|n| u8::try_from(n).ok()).map(Some),
    };
    let (kind, code) = (present(&mut fields, "type"), present(&mut fields, "code"));
    let (kind_value, code_value) = (byte(kind, "type", 254, report), byte(code, "code", 255, report));
    fields.finish(report);
    let (kind_value, code_value) = (kind_value?, code_value?);
    if let (None, Some(code)) = (kind, code) {
        report.add(Code::MissingField, code.span, "`code` without `type`", "add `type`");
        return None;
    }
    Some(Some(Icmp { span: node.span, kind: kind_value, code: code_value }))
}

/// What a rule says of protocols and ports.
pub(super) struct Said {
    pub(super) protocol: Option<Spanned<Named>>,
    pub(super) not_protocol: Option<Spanned<Named>>,
    pub(super) icmp: Option<Icmp>,
    pub(super) not_icmp: Option<Icmp>,
}

/// Ports of a rule.
pub(super) struct Ports {
    pub(super) ports: Clause<Spanned<PortMatch>>,
    pub(super) not_ports: Vec<Spanned<PortMatch>>,
    /// Whether something cannot be said.
    pub(super) inexact: bool,
    /// Whether the rule can match anything.
    pub(super) idle: bool,
}

/// What protocols and ports say together.
pub(super) fn together(
    said: &Said,
    source: &End,
    destination: &End,
    action: Action,
    report: &mut Report,
) -> Option<Ports> {
    let protocol = said.protocol.as_ref().map(|protocol| protocol.value);
    let mut sound = ports_have_a_protocol(protocol, source, destination, report);
    sound &= icmp_has_a_protocol(protocol, [said.icmp, said.not_icmp], report);
    if !sound {
        return None;
    }
    let mut read = Ports { ports: Clause::Any, not_ports: Vec::new(), inexact: false, idle: false };
    if let Some(port) = source.ports.first().or(source.not_ports.first()) {
        inexact(action, port.span, "a rule cannot ask for the port that a connection comes from", report);
        read.inexact = true;
    }
    for other in [&said.protocol, &said.not_protocol].into_iter().flatten() {
        if matches!(other.value, Named::Other) {
            let message = "of the protocols without ports only ICMP is told apart";
            inexact(action, other.span, message, report);
            read.inexact = true;
        }
    }
    let place = said.protocol.as_ref().map(|protocol| protocol.span);
    read.ports = match (protocol, place) {
        (None, _) | (_, None) => Clause::Any,
        (Some(Named::Other), Some(span)) => {
            Clause::only(Spanned { value: PortMatch::Range(PortRange::all(Protocol::Other)), span })
        }
        (Some(Named::Known(known)), Some(span)) => {
            let listed: Vec<_> = destination.ports.iter().filter_map(|port| of(known, port)).collect();
            let whole = PortMatch::Range(PortRange::all(known));
            match said.icmp {
                Some(icmp) => {
                    read.idle |= is_idle(known, icmp, report);
                    Clause::only(Spanned { value: types(known, icmp), span: icmp.span })
                }
                None => Clause::one_of(listed).unwrap_or(Clause::only(Spanned { value: whole, span })),
            }
        }
    };
    if let Some(Named::Known(known)) = protocol {
        read.not_ports.extend(destination.not_ports.iter().filter_map(|port| of(known, port)));
        read.not_ports
            .extend(said.not_icmp.map(|icmp| Spanned { value: types(known, icmp), span: icmp.span }));
    }
    if let Some(Spanned { value: Named::Known(known), span }) = said.not_protocol {
        read.not_ports.push(Spanned { value: PortMatch::Range(PortRange::all(known)), span });
    }
    Some(read)
}

fn ports_have_a_protocol(
    protocol: Option<Named>,
    source: &End,
    destination: &End,
    report: &mut Report,
) -> bool {
    let some = |end: &End| end.ports.first().or(end.not_ports.first()).map(|port| port.span);
    let Some(span) = some(destination).or_else(|| some(source)) else { return true };
    let has = matches!(protocol, Some(Named::Known(protocol)) if protocol.has_ports());
    // UDPLite has some too, and is refused already.
    if !has && !matches!(protocol, Some(Named::Other)) {
        let message = "ports without a protocol that has some";
        report.add(Code::MissingField, span, message, "add `protocol: TCP`, `UDP` or `SCTP` to the rule");
        return false;
    }
    true
}

fn icmp_has_a_protocol(protocol: Option<Named>, said: [Option<Icmp>; 2], report: &mut Report) -> bool {
    let Some(icmp) = said.into_iter().flatten().next() else { return true };
    let has = matches!(protocol, Some(Named::Known(protocol)) if protocol.is_icmp());
    if !has {
        let message = "a type of ICMP without the protocol";
        report.add(
            Code::MissingField,
            icmp.span,
            message,
            "add `protocol: ICMP` or `protocol: ICMPv6` to the rule",
        );
    }
    has
}

fn of(protocol: Protocol, port: &Spanned<Written>) -> Option<Spanned<PortMatch>> {
    let value = match &port.value {
        Written::Range(1, u16::MAX) => PortMatch::Range(PortRange::all(protocol)),
        Written::Range(first, last) => PortMatch::range(protocol, *first, *last).ok()?,
        Written::Name(name) => PortMatch::named(protocol, name),
    };
    Some(Spanned { value, span: port.span })
}

fn types(protocol: Protocol, icmp: Icmp) -> PortMatch {
    PortMatch::Range(match icmp.kind {
        None => PortRange::all(protocol),
        Some(kind) => PortRange::icmp(protocol == Protocol::Icmpv6, kind, icmp.code),
    })
}

/// Whether a type is one that no rule decides about, to Calico's connection tracking neither; says so.
fn is_idle(protocol: Protocol, icmp: Icmp, report: &mut Report) -> bool {
    let Some((kind, (what, _))) = icmp.kind.and_then(|kind| Some((kind, judged_elsewhere(protocol, kind)?)))
    else {
        return false;
    };
    let message = format!("type {kind} of {} is {what}, about which no rule decides", protocol.name());
    report.add(
        Code::IdleCalico,
        icmp.span,
        message,
        "remove the rule; such a packet passes with its connection",
    );
    true
}

/// Reads nothing but the name of the field, for what says nothing about traffic.
pub(super) fn annotations(fields: &mut Fields<'_>, report: &mut Report) -> Option<()> {
    let Some(node) = present(fields, "metadata") else { return Some(()) };
    if !field::is_mapping(node) {
        wrong_type(node, "metadata", "a mapping", report);
        return None;
    }
    Some(())
}
