//! Ports and protocols.

use super::values::{counted, mapping, only};
use crate::{
    Code,
    decode::{
        container::present,
        fields::{Fields, optional, string, word, wrong_type},
        port::{number, port_name},
    },
    diagnostic::Report,
    document::Spanned,
    yaml::{Node, Value},
};
use bookend_engine::{PortMatch, PortRange, Protocol};

const PROTOCOLS: [(&str, Protocol); 3] =
    [("TCP", Protocol::Tcp), ("UDP", Protocol::Udp), ("SCTP", Protocol::Sctp)];

/// An element of `ports` of a NetworkPolicy. Without `port` every port of the protocol is meant, TCP unless it says otherwise.
pub(super) fn network_policy(node: &Node, report: &mut Report) -> Option<Spanned<PortMatch>> {
    let mut fields = mapping(node, "port", report)?;
    let protocol = protocol(&mut fields, report);
    let (port, last) = (present(&mut fields, "port"), present(&mut fields, "endPort"));
    let unknown = fields.has_unknown();
    fields.finish(report);
    // A port can be wrong by itself, whatever its protocol.
    let first = optional(port.map(|node| number_or_name(node, protocol.unwrap_or(Protocol::Tcp), report)));
    let end = optional(last.map(|node| number(node, "endPort", report).map(|end| (node, end))));
    let (protocol, first, end) = (protocol?, first?, end?);
    let value = match (first, end) {
        (None, None) => PortMatch::Range(PortRange::all(protocol)),
        (Some(port), None) => port,
        (Some(PortMatch::Range(start)), Some((node, end))) => {
            return range(protocol, start.first(), (node, end), report)
                .filter(|_| !unknown)
                .map(|value| Spanned { value, span: node.span });
        }
        (None, Some((node, _))) => {
            let cure = "add `port`, where the range starts";
            report.add(Code::MissingField, node.span, "`endPort` without `port`", cure);
            return None;
        }
        (Some(PortMatch::Named(..)), Some((node, _))) => {
            let message = "a port that is named has no `endPort`";
            report.add(Code::Conflict, node.span, message, "remove it, or write the number");
            return None;
        }
    };
    (!unknown).then_some(Spanned { value, span: node.span })
}

/// `protocol`, which is TCP unless it is there.
fn protocol(fields: &mut Fields<'_>, report: &mut Report) -> Option<Protocol> {
    match present(fields, "protocol") {
        None => Some(Protocol::Tcp),
        Some(node) => match &node.value {
            Value::Scalar(scalar) if scalar.kind() == "string" => {
                let known = PROTOCOLS.iter().find(|(name, _)| *name == scalar.text);
                if known.is_none() {
                    let message = format!("`{}` is not a protocol that the API takes", scalar.text);
                    report.add(Code::BadProtocol, node.span, message, "write `TCP`, `UDP` or `SCTP`");
                }
                known.map(|(_, protocol)| *protocol)
            }
            _ => word(node, "protocol", &PROTOCOLS, report),
        },
    }
}

fn number_or_name(node: &Node, protocol: Protocol, report: &mut Report) -> Option<PortMatch> {
    match &node.value {
        Value::Scalar(scalar) if scalar.kind() == "string" => {
            if !scalar.text.is_empty() && scalar.text.chars().all(|c| c.is_ascii_digit()) {
                let message = format!("`{}` is in quotes, which makes it a name", scalar.text);
                report.add(Code::BadPort, node.span, message, "write the number without quotes");
                return None;
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

/// Both bounds are meant.
fn range(
    protocol: Protocol,
    first: u16,
    (node, last): (&Node, u16),
    report: &mut Report,
) -> Option<PortMatch> {
    let range = PortMatch::range(protocol, first, last).ok();
    if range.is_none() {
        let message = format!("the range ends at {last}, before it starts at {first}");
        report.add(Code::BadPort, node.span, message, "swap them");
    }
    range
}

/// `protocols` of a ClusterNetworkPolicy: each names a protocol, with ports or without, or the name of a port.
pub(super) fn protocols(fields: &mut Fields<'_>, report: &mut Report) -> Option<Vec<Spanned<PortMatch>>> {
    let read = counted(fields, "protocols", (false, 25), report, |node, report| {
        let names = ["tcp", "udp", "sctp", "destinationNamedPort"];
        let (name, inner) = only(node, "protocol", &names, report)?;
        let values = match name {
            "tcp" => vec![destination(inner, Protocol::Tcp, report)?],
            "udp" => vec![destination(inner, Protocol::Udp, report)?],
            "sctp" => vec![destination(inner, Protocol::Sctp, report)?],
            _ => named(inner, name, report)?,
        };
        Some(values.into_iter().map(|value| Spanned { value, span: node.span }).collect::<Vec<_>>())
    });
    read.map(|read| read.unwrap_or_default().into_iter().flatten().collect())
}

/// `destinationPort` of a protocol.
fn destination(node: &Node, protocol: Protocol, report: &mut Report) -> Option<PortMatch> {
    let (_, port) = only(node, "protocol's match", &["destinationPort"], report)?;
    match only(port, "destination port", &["number", "range"], report)? {
        ("number", node) => {
            let port = number(node, "number", report)?;
            PortMatch::range(protocol, port, port).ok()
        }
        (_, node) => ordered(node, protocol, report),
    }
}

/// `start` and `end`, of which the API takes no two that are the same.
fn ordered(node: &Node, protocol: Protocol, report: &mut Report) -> Option<PortMatch> {
    let mut fields = mapping(node, "range", report)?;
    let first = fields.required("start", report).and_then(|node| number(node, "start", report));
    let last = fields.required("end", report).and_then(|node| Some((node, number(node, "end", report)?)));
    let unknown = fields.has_unknown();
    fields.finish(report);
    let (first, last) = (first?, last?);
    if first == last.1 {
        let message = "the range is one port, which the API does not take";
        report.add(Code::BadPort, last.0.span, message, "write the port by itself");
        return None;
    }
    range(protocol, first, last, report).filter(|_| !unknown)
}

/// A port by the name that the pod gives it, whatever its protocol is.
fn named(node: &Node, what: &str, report: &mut Report) -> Option<Vec<PortMatch>> {
    let name = string(node, what, report)?;
    port_name(&name.value, name.span, report)
        .then(|| PROTOCOLS.iter().map(|(_, protocol)| PortMatch::named(*protocol, &name.value)).collect())
}

/// `ports` of an AdminNetworkPolicy.
pub(super) fn admin(fields: &mut Fields<'_>, report: &mut Report) -> Option<Vec<Spanned<PortMatch>>> {
    let read = counted(fields, "ports", (false, 100), report, |node, report| {
        let values = match only(node, "port", &["portNumber", "portRange", "namedPort"], report)? {
            ("portNumber", inner) => vec![single(inner, report)?],
            ("portRange", inner) => vec![admin_range(inner, report)?],
            (name, inner) => named(inner, name, report)?,
        };
        Some(values.into_iter().map(|value| Spanned { value, span: node.span }).collect::<Vec<_>>())
    });
    read.map(|read| read.unwrap_or_default().into_iter().flatten().collect())
}

fn single(node: &Node, report: &mut Report) -> Option<PortMatch> {
    let mut fields = mapping(node, "port number", report)?;
    let protocol = protocol(&mut fields, report);
    let port = fields.required("port", report).and_then(|node| number(node, "port", report));
    let unknown = fields.has_unknown();
    fields.finish(report);
    let (protocol, port) = (protocol?, port?);
    PortMatch::range(protocol, port, port).ok().filter(|_| !unknown)
}

fn admin_range(node: &Node, report: &mut Report) -> Option<PortMatch> {
    let mut fields = mapping(node, "port range", report)?;
    let protocol = protocol(&mut fields, report);
    let first = fields.required("start", report).and_then(|node| number(node, "start", report));
    let last = fields.required("end", report).and_then(|node| Some((node, number(node, "end", report)?)));
    let unknown = fields.has_unknown();
    fields.finish(report);
    let (protocol, first, last) = (protocol?, first?, last?);
    range(protocol, first, last, report).filter(|_| !unknown)
}
