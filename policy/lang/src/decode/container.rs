//! Containers of a pod, and the named ports of a workload.

use std::collections::BTreeMap;

use super::{
    fields::{Fields, list, wrong_type},
    port, probe,
};
use crate::{
    Code, Span,
    diagnostic::Report,
    document::ProbeDocument,
    yaml::{Node, Value},
};
use bookend_engine::{NamedPort, Protocol};

/// The most named ports of a workload.
const MAX_PORTS: usize = 1_000;

/// What the containers of a pod say about it.
pub(crate) struct Containers {
    /// Whether one of them is Istio's proxy.
    pub(crate) sidecar: bool,
    /// Their named ports.
    pub(crate) ports: Vec<NamedPort>,
    /// Their probes.
    pub(crate) probes: Vec<ProbeDocument>,
}

/// Reads the containers of a pod. Of those that run before the others only sidecars are still there when somebody
/// connects, which are those that are restarted always (KEP-753).
pub(crate) fn containers(
    containers: Option<&Node>,
    init: Option<&Node>,
    report: &mut Report,
) -> Option<Containers> {
    let mut names = Names::default();
    let mut found = Containers { sidecar: false, ports: Vec::new(), probes: Vec::new() };
    let mut sound = true;
    for (what, node) in [("containers", containers), ("initContainers", init)] {
        let Some(node) = node else { continue };
        for container in sequence(node, what, report)? {
            let mut container = Fields::of(container, "container", report)?;
            let proxy = present(&mut container, "name").is_some_and(|node| is(node, "istio-proxy"));
            let stays = present(&mut container, "restartPolicy").is_some_and(|node| is(node, "Always"));
            if what == "initContainers" && !stays {
                continue;
            }
            found.sidecar |= proxy;
            let mut own = Vec::new();
            let ports = match present(&mut container, "ports") {
                Some(node) => sequence(node, "ports", report)?,
                None => &[],
            };
            for port in ports {
                let mut port = Fields::of(port, "container port", report)?;
                // A port without a name is one that nothing can refer to.
                let Some(name) = present(&mut port, "name") else { continue };
                let number = port.required("containerPort", report);
                let protocol = present(&mut port, "protocol");
                match names.add(name, number, protocol, report) {
                    Some(port) => own.push(port),
                    None => sound = false,
                }
            }
            match probe::probes(&mut container, &own, report) {
                Some(probes) => found.probes.extend(probes),
                None => sound = false,
            }
        }
    }
    found.ports = names.into_ports();
    sound.then_some(found)
}

/// Reads `ports` of a workload in an inventory.
pub(crate) fn named_ports(node: &Node, report: &mut Report) -> Option<Vec<NamedPort>> {
    let mut names = Names::default();
    let mut sound = true;
    for port in list(node, "ports", report)? {
        let Some(mut port) = Fields::of(port, "named port", report) else {
            sound = false;
            continue;
        };
        let (name, number) = (port.required("name", report), port.required("port", report));
        let protocol = port.get("protocol");
        port.finish(report);
        sound &= name.is_some_and(|name| names.add(name, number, protocol, report).is_some());
    }
    sound.then(|| names.into_ports())
}

/// The named ports of one workload: a name and a protocol mean one number.
#[derive(Default)]
struct Names(BTreeMap<(String, Protocol), (u16, Span)>);

impl Names {
    /// Adds a port, and gives its name and number; nothing when something about it is wrong, which is said.
    fn add<'n>(
        &mut self,
        name: &'n Node,
        number: Option<&Node>,
        protocol: Option<&Node>,
        report: &mut Report,
    ) -> Option<(&'n str, u16)> {
        let name_text = match &name.value {
            Value::Scalar(scalar) if scalar.kind() == "string" => {
                port::port_name(&scalar.text, name.span, report).then_some(&scalar.text)
            }
            _ => {
                wrong_type(name, "name", "a string", report);
                None
            }
        };
        let number = number.and_then(|node| port::number(node, "port", report));
        let protocol = match protocol {
            None => Some(Protocol::Tcp),
            Some(node) => port::protocol(node, report).filter(|protocol| {
                if !protocol.has_ports() {
                    let message = format!("{} has no ports", protocol.name());
                    report.add(Code::BadProtocol, node.span, message, "write `TCP`, `UDP` or `SCTP`");
                }
                protocol.has_ports()
            }),
        };
        let (text, number, protocol) = (name_text?, number?, protocol?);
        if let Some((other, first)) = self.0.get(&(text.clone(), protocol)) {
            if *other != number {
                let message =
                    format!("`{text}` is port {number} here and port {other} elsewhere in the workload");
                let related = (*first, "the other one");
                report.add_related(Code::AmbiguousPort, name.span, message, "rename one of them", related);
                return None;
            }
            return Some((text, number));
        }
        if self.0.len() >= MAX_PORTS {
            let message = format!("the workload has more than {MAX_PORTS} named ports");
            report.add(Code::TooMany, name.span, message, "name only those that policies refer to");
            return None;
        }
        self.0.insert((text.clone(), protocol), (number, name.span));
        Some((text, number))
    }

    fn into_ports(self) -> Vec<NamedPort> {
        let ports = self.0.into_iter();
        ports.map(|((name, protocol), (port, _))| NamedPort { name, protocol, port }).collect()
    }
}

/// A field that is there and not null; Kubernetes takes null for absent.
pub(crate) fn present<'n>(fields: &mut Fields<'n>, name: &'static str) -> Option<&'n Node> {
    fields.get(name).filter(|node| !node.is_null())
}

/// The items of a list, which may be empty, as Kubernetes' may.
pub(crate) fn sequence<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n [Node]> {
    match &node.value {
        Value::Sequence(items) => Some(items),
        _ => {
            wrong_type(node, what, "a list", report);
            None
        }
    }
}

fn is(node: &Node, text: &str) -> bool {
    matches!(&node.value, Value::Scalar(scalar) if scalar.text == text)
}
