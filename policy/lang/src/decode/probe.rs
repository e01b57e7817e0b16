//! Probes of a container.

use super::{
    container::present,
    fields::{Fields, quoted, string, wrong_type},
    port,
};
use crate::{
    Code,
    diagnostic::Report,
    document::{ProbeDocument, Purpose},
    yaml::{Node, Value},
};

/// Where a container's probes are written.
const FIELDS: [(&str, Purpose); 3] = [
    ("startupProbe", Purpose::Startup),
    ("livenessProbe", Purpose::Liveness),
    ("readinessProbe", Purpose::Readiness),
];

/// Reads the probes of a container that open a connection to its pod, given the names of its ports. A command needs no
/// connection, and a probe of another host is none of the pod's.
pub(super) fn probes(
    container: &mut Fields<'_>,
    names: &[(&str, u16)],
    report: &mut Report,
) -> Option<Vec<ProbeDocument>> {
    let mut found = Vec::new();
    for (field, purpose) in FIELDS {
        let Some(node) = present(container, field) else { continue };
        let mut probe = Fields::of(node, field, report)?;
        for mechanism in ["httpGet", "tcpSocket", "grpc"] {
            let Some(node) = present(&mut probe, mechanism) else { continue };
            let mut action = Fields::of(node, mechanism, report)?;
            if let Some(host) = present(&mut action, "host")
                && !string(host, "host", report)?.value.is_empty()
            {
                continue;
            }
            let port = action.required("port", report)?;
            let number = match mechanism {
                "grpc" => Some(port::number(port, "port", report)?),
                _ => number_or_name(port, names, report)?,
            };
            found.extend(number.map(|number| ProbeDocument { purpose, port: number, place: node.span }));
        }
    }
    Some(found)
}

/// The number of a port; of a name, the one that a port of the same container has (Kubernetes `ResolveContainerPort`,
/// which takes a text of digits for a number if no port is called so). `Some(None)` where there is none, which is said.
#[expect(clippy::option_option, reason = "unsound, or sound and without a number")]
fn number_or_name(node: &Node, names: &[(&str, u16)], report: &mut Report) -> Option<Option<u16>> {
    let text = match &node.value {
        Value::Scalar(scalar) if scalar.kind() == "string" => &scalar.text,
        Value::Scalar(scalar) if scalar.kind() == "number" => {
            return port::number(node, "port", report).map(Some);
        }
        _ => {
            wrong_type(node, "port", "a number or a name", report);
            return None;
        }
    };
    let named = names.iter().find(|(name, _)| name == text).map(|(_, number)| *number);
    let number = named.or_else(|| text.parse().ok().filter(|number| *number != 0));
    if number.is_none() {
        let message =
            format!("no port of the container is named `{}`, so its probe always fails", quoted(text));
        let cure = "check the name against the `ports` of the container, or write the number";
        report.add(Code::NoSuchPort, node.span, message, cure);
    }
    Some(number)
}
