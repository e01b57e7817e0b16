//! Ports: `9080`, `http`, or `{ port, endPort, protocol }` as in Kubernetes, and types of ICMP.

use super::fields::{Fields, integer, optional, quoted, string, word, wrong_type};
use crate::{
    Code, Span,
    diagnostic::Report,
    document::Spanned,
    yaml::{Node, Value},
};
use bookend_engine::{PortMatch, PortRange, Protocol};

/// An element of `ports` or `notPorts`.
pub(crate) fn port(node: &Node, report: &mut Report) -> Option<Spanned<PortMatch>> {
    let span = node.span;
    if let Value::Scalar(_) = &node.value {
        return Some(Spanned { value: number_or_name(node, Protocol::Tcp, report)?, span });
    }
    let mut fields = Fields::of(node, "port", report)?;
    let (port, last) = (fields.get("port"), fields.get("endPort"));
    let protocol_node = fields.get("protocol");
    let (kind, code) = (fields.get("type"), fields.get("code"));
    let (place, unknown) = (fields.place(), fields.has_unknown());
    fields.finish(report);
    let protocol = match protocol_node {
        None => Some(Protocol::Tcp),
        Some(node) => protocol(node, report),
    };
    let (Some(protocol), false) = (protocol, unknown) else {
        // Which fields belong to it cannot be told, but what is written can still be wrong by itself.
        port.map(|node| number_or_name(node, Protocol::Tcp, report));
        return None;
    };
    if protocol_node.is_none() && port.is_none() {
        let cure = match (kind, last) {
            (Some(_), _) => "add `protocol: ICMP` or `protocol: ICMPv6`",
            (None, Some(_)) => "add `port`, where the range starts",
            (None, None) => "add `port`; to mean every port, leave the list out",
        };
        report.add(Code::MissingField, place, "the port says neither `port` nor `protocol`", cure);
        return None;
    }
    let value = match protocol {
        Protocol::Icmp | Protocol::Icmpv6 => icmp(protocol, kind, code, port.or(last), report),
        _ => match kind.or(code) {
            Some(node) => {
                let message = format!("{} has ports, not types and codes", protocol.name());
                report.add(Code::Conflict, node.span, message, "write `port`, or `protocol: ICMP`");
                None
            }
            None => range(protocol, port, last, report),
        },
    };
    Some(Spanned { value: value?, span })
}

/// Ports of a protocol that has some.
fn range(
    protocol: Protocol,
    port: Option<&Node>,
    last: Option<&Node>,
    report: &mut Report,
) -> Option<PortMatch> {
    let Some(port) = port else {
        return match last {
            None => Some(PortMatch::Range(PortRange::all(protocol))),
            Some(node) => {
                let cure = "add `port`, where the range starts";
                report.add(Code::MissingField, node.span, "`endPort` without `port`", cure);
                None
            }
        };
    };
    let first = number_or_name(port, protocol, report);
    let end = optional(last.map(|node| number(node, "endPort", report)));
    match (first?, end?, last) {
        (first, None, _) | (first, _, None) => Some(first),
        (PortMatch::Range(start), Some(end), Some(node)) => {
            let first = start.first();
            let range = PortMatch::range(protocol, first, end).ok();
            if range.is_none() {
                let message = format!("`endPort` {end} is below `port` {first}");
                report.add(Code::BadPort, node.span, message, "swap them");
            }
            range
        }
        (_, Some(_), Some(node)) => {
            let related = (port.span, "the name");
            let message = "a port that is named has no `endPort`";
            report.add_related(Code::Conflict, node.span, message, "remove it, or name the number", related);
            None
        }
    }
}

/// Types and codes of ICMP (S45).
fn icmp(
    protocol: Protocol,
    kind: Option<&Node>,
    code: Option<&Node>,
    port: Option<&Node>,
    report: &mut Report,
) -> Option<PortMatch> {
    if let Some(node) = port {
        let message = format!("{} has types and codes, not ports", protocol.name());
        report.add(Code::Conflict, node.span, message, "write `type`, and `code` if only one is meant");
        return None;
    }
    let byte = |node: &Node, what, report: &mut Report| {
        integer(node, what, 0..=255, report).and_then(|number| u8::try_from(number).ok())
    };
    let code_value = optional(code.map(|node| byte(node, "code", report)));
    let Some(kind_node) = kind else {
        return match code {
            None => Some(PortMatch::Range(PortRange::all(protocol))),
            Some(node) => {
                report.add(Code::MissingField, node.span, "`code` without `type`", "add `type`");
                None
            }
        };
    };
    let kind = byte(kind_node, "type", report)?;
    let code = code_value?;
    if let Some((what, cure)) = judged_elsewhere(protocol, kind) {
        let message = format!("type {kind} of {} is {what}", protocol.name());
        report.add(Code::BadIcmp, kind_node.span, message, cure);
        return None;
    }
    Some(PortMatch::Range(PortRange::icmp(protocol == Protocol::Icmpv6, kind, code)))
}

/// What a type is that other rules decide about, and what to do instead.
pub(crate) fn judged_elsewhere(protocol: Protocol, kind: u8) -> Option<(&'static str, &'static str)> {
    const ERROR: (&str, &str) =
        ("an error", "remove it; an error passes iff the packet it quotes belongs to a connection");
    const DISCOVERY: (&str, &str) =
        ("neighbour discovery", "remove it; it passes as far as the workload's own addresses need it");
    const REPLY: (&str, &str) = ("a reply", "allow the request; its reply passes with it");
    match (protocol, kind) {
        // Destination unreachable, source quench, redirect, time exceeded, parameter problem.
        (Protocol::Icmp, 3 | 4 | 5 | 11 | 12) => Some(ERROR),
        // RFC 4443, 2.1: errors are those below 128.
        (Protocol::Icmpv6, 0..=127) => Some(ERROR),
        (Protocol::Icmpv6, 133..=137) => Some(DISCOVERY),
        (Protocol::Icmp, 0 | 14) | (Protocol::Icmpv6, 129) => Some(REPLY),
        _ => None,
    }
}

fn number_or_name(node: &Node, protocol: Protocol, report: &mut Report) -> Option<PortMatch> {
    match &node.value {
        Value::Scalar(scalar) if scalar.kind() == "string" => {
            if !scalar.text.is_empty() && scalar.text.chars().all(|c| c.is_ascii_digit() || c == '-') {
                // A number in quotes, or a range as other systems write it.
                return range_in_words(node, &scalar.text, report);
            }
            port_name(&scalar.text, node.span, report).then(|| PortMatch::named(protocol, &scalar.text))
        }
        Value::Scalar(scalar) if scalar.kind() == "number" => {
            let port = number(node, "port", report)?;
            PortMatch::range(protocol, port, port).ok()
        }
        _ => {
            wrong_type(node, "port", "a number or a name", report);
            None
        }
    }
}

fn range_in_words<T>(node: &Node, text: &str, report: &mut Report) -> Option<T> {
    let cure = match text.split_once('-') {
        Some((first, last)) if !first.is_empty() && !last.is_empty() => {
            format!("write `{{ port: {first}, endPort: {last} }}`")
        }
        _ => "write the number without quotes".to_owned(),
    };
    let message = format!("`{}` is neither the number nor the name of a port", quoted(text));
    report.add(Code::BadPort, node.span, message, cure);
    None
}

/// Whether `text` is a service name (RFC 6335, section 5.1); says so if it is none.
pub(crate) fn port_name(text: &str, span: Span, report: &mut Report) -> bool {
    let good = (1..=15).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && text.chars().any(|c| c.is_ascii_lowercase())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--");
    if !good {
        let message = format!("`{}` is not the name of a port", quoted(text));
        let cure = "use 1 to 15 of `a`–`z`, `0`–`9` and single `-`, with a letter among them";
        report.add(Code::BadPortName, span, message, cure);
    }
    good
}

/// The number of a port.
pub(crate) fn number(node: &Node, what: &str, report: &mut Report) -> Option<u16> {
    let scalar = match &node.value {
        Value::Scalar(scalar) if scalar.kind() == "number" => scalar,
        _ => {
            wrong_type(node, what, "a number", report);
            return None;
        }
    };
    match scalar.integer().and_then(|number| u16::try_from(number).ok()) {
        Some(port @ 1..) => Some(port),
        _ => {
            let message = format!("`{}` is not a port", quoted(&scalar.text));
            let cure = match scalar.text.len() > 1 && scalar.text.starts_with('0') {
                true => "write a number from 1 to 65535, in decimal digits without a leading zero",
                false => "write a number from 1 to 65535",
            };
            report.add(Code::BadPort, node.span, message, cure);
            None
        }
    }
}

/// A protocol that a policy can name.
pub(crate) fn protocol(node: &Node, report: &mut Report) -> Option<Protocol> {
    const PROTOCOLS: [(&str, Protocol); 5] = [
        ("TCP", Protocol::Tcp),
        ("UDP", Protocol::Udp),
        ("SCTP", Protocol::Sctp),
        ("ICMP", Protocol::Icmp),
        ("ICMPv6", Protocol::Icmpv6),
    ];
    let text = string(node, "protocol", report)?;
    if PROTOCOLS.iter().any(|(name, _)| *name == text.value) {
        return word(node, "protocol", &PROTOCOLS, report);
    }
    let same = PROTOCOLS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&text.value));
    let cure = match same {
        Some((name, _)) => format!("write `{name}`"),
        None => "write `TCP`, `UDP`, `SCTP`, `ICMP` or `ICMPv6`".to_owned(),
    };
    let message = format!("`{}` is not a protocol of ports", quoted(&text.value));
    report.add(Code::BadProtocol, text.span, message, cure);
    None
}
