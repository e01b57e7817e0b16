//! Ports: `9080`, or `{ port, endPort, protocol }` as in Kubernetes.

use super::fields::{Fields, string, wrong_type};
use crate::{
    Code,
    diagnostic::Report,
    yaml::{Node, Value},
};
use bookend_engine::{PortMatch, Protocol};

/// An element of `ports`.
pub(super) fn port(node: &Node, report: &mut Report) -> Option<PortMatch> {
    if let Value::Scalar(_) = &node.value {
        let port = number(node, report)?;
        return PortMatch::new(Protocol::Tcp, port, port).ok();
    }
    let mut fields = Fields::of(node, "port", report)?;
    let first = fields.required("port", report).and_then(|node| number(node, report));
    let last = match fields.get("endPort") {
        None => first,
        Some(node) => {
            let last = number(node, report);
            if let (Some(first), Some(last)) = (first, last)
                && last < first
            {
                let message = format!("`endPort` {last} is below `port` {first}");
                report.add(Code::BadPort, node.span, message, "swap them");
                return None;
            }
            last
        }
    };
    let protocol = match fields.get("protocol") {
        None => Some(Protocol::Tcp),
        Some(node) => protocol(node, report),
    };
    fields.finish(report);
    PortMatch::new(protocol?, first?, last?).ok()
}

fn number(node: &Node, report: &mut Report) -> Option<u16> {
    let Value::Scalar(scalar) = &node.value else {
        wrong_type(node, "port", "a number", report);
        return None;
    };
    if scalar.kind() != "number" {
        wrong_type(node, "port", "a number", report);
        return None;
    }
    match scalar.integer().and_then(|number| u16::try_from(number).ok()) {
        Some(port @ 1..) => Some(port),
        _ => {
            let message = format!("`{}` is not a port", scalar.text);
            let cure = match scalar.text.len() > 1 && scalar.text.starts_with('0') {
                true => "write a number from 1 to 65535, in decimal digits without a leading zero",
                false => "write a number from 1 to 65535",
            };
            report.add(Code::BadPort, node.span, message, cure);
            None
        }
    }
}

fn protocol(node: &Node, report: &mut Report) -> Option<Protocol> {
    let text = string(node, "protocol", report)?;
    match text.value.as_str() {
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        other => {
            report.add(
                Code::BadProtocol,
                text.span,
                format!("`{other}` is not a protocol with ports"),
                match other.to_ascii_uppercase().as_str() {
                    upper @ ("TCP" | "UDP") => format!("write `{upper}`"),
                    _ => "write `TCP` or `UDP`".to_owned(),
                },
            );
            None
        }
    }
}
