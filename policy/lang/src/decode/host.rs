//! `kind: Host`.

use core::net::IpAddr;
use std::collections::BTreeMap;

use super::{
    block,
    fields::{self, Fields, boolean, into_list, optional},
    inventory,
    name::{self, Metadata},
    port,
};
use crate::{
    Code, Span,
    diagnostic::Report,
    document::{
        FailsafeDocument, FailsafePort, HostDocument, Injection, Kind, Rewriting, Spanned, WorkloadDocument,
    },
    limit,
    yaml::{Node, Value},
};
use bookend_engine::{HOST_LABEL, Instance, Protocol, Role};

/// The most interfaces of a host, and the most addresses of one.
const MAX_INTERFACES: usize = 256;

/// The longest name: it is the value of a label.
const MAX_NAME: usize = 63;

/// Reads a host.
pub(super) fn host(mut fields: Fields<'_>, report: &mut Report) -> Option<HostDocument> {
    let metadata = name::metadata(&mut fields, report).and_then(|metadata| described(metadata, report));
    let spec = fields.required("spec", report).and_then(|node| Fields::of(node, "host's spec", report));
    fields.get("status");
    fields.finish(report);
    let mut spec = spec?;
    let labels = spec.get("labels").map(|node| {
        let labels = name::labels(node, "labels", report)?;
        if labels.contains_key(HOST_LABEL) {
            let message = format!("the label `{HOST_LABEL}` is the host's name");
            report.add(Code::BadLabel, node.span, message, "remove it; every host has it by itself");
            return None;
        }
        Some(labels)
    });
    let account = spec.get("serviceAccount").map(|node| name::name(node, "serviceAccount", 253, report));
    let forwards = spec.get("forwards").map(|node| boolean(node, "forwards", report));
    let interfaces = spec.required("interfaces", report).and_then(|node| interfaces(node, report));
    let failsafe = match spec.get("failsafe") {
        None => Some(FailsafeDocument::default()),
        Some(node) => failsafe(node, report),
    };
    spec.finish(report);
    let (namespace, name) = metadata?;
    let role = if optional(forwards)?.unwrap_or(false) { Role::Router } else { Role::Host };
    let mut instances = interfaces?;
    instances.iter_mut().for_each(|instance| instance.value.role = role);
    let workload = WorkloadDocument {
        kind: Some(Kind::Host),
        namespace,
        name,
        service_account: optional(account)?.map(|account| account.value),
        labels: Some(optional(labels)?.unwrap_or_default()),
        // A filter may stand before one of its services, but not before the machine.
        proxied: Some(false),
        jwt: None,
        injection: Injection::Never,
        ports: None,
        host_network: None,
        probes: Vec::new(),
        rewriting: Rewriting::default(),
        instances,
        seen: None,
    };
    Some(HostDocument { workload, failsafe: failsafe? })
}

/// Namespace and name; what describes the document is as it should be.
fn described(metadata: Metadata<'_>, report: &mut Report) -> Option<(String, Spanned<String>)> {
    let Metadata { namespace, name, labels, annotations } = metadata;
    if let Some(node) = labels {
        // Elsewhere these select a pod, so somebody would wonder why they do not select the host.
        let message = "the labels of a host are not those of its document";
        report.add(Code::UnknownField, node.span, message, "write them in `spec.labels`");
        return None;
    }
    name::described(None, annotations, report)?;
    if name.value.len() > MAX_NAME {
        let message = format!("the name of a host has at most {MAX_NAME} characters");
        report.add(Code::HostName, name.span, message, "shorten it; it is the value of a label, too");
        return None;
    }
    Some((namespace, name))
}

/// The instance of each interface.
fn interfaces(node: &Node, report: &mut Report) -> Option<Vec<Spanned<Instance>>> {
    let read = |node: &Node, report: &mut Report| interface(node, report);
    let read: Vec<(Spanned<String>, Spanned<Instance>)> =
        into_list(fields::distinct(Some(node), "interfaces", MAX_INTERFACES, report, read)?);
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    let mut sound = true;
    for (name, _) in &read {
        if let Some(first) = seen.insert(&name.value, name.span) {
            let message = format!("the interface `{}` is named twice", name.value);
            let related = (first, "named first here");
            let cure = "put all its addresses into one entry";
            report.add_related(Code::DuplicateInterface, name.span, message, cure, related);
            sound = false;
        }
    }
    sound.then(|| read.into_iter().map(|(_, instance)| instance).collect())
}

fn interface(node: &Node, report: &mut Report) -> Option<(Spanned<String>, Spanned<Instance>)> {
    let mut fields = Fields::of(node, "interface", report)?;
    let name = fields.required("name", report).and_then(|node| {
        let span = node.span;
        inventory::interface(node, "name", report).map(|value| Spanned { value, span })
    });
    let addresses = fields.required("addresses", report);
    let addresses: Option<Vec<IpAddr>> = addresses.and_then(|node| {
        let read = fields::distinct(Some(node), "addresses", MAX_INTERFACES, report, inventory::address);
        read.map(into_list)
    });
    fields.finish(report);
    let (name, addresses) = (name?, addresses?);
    if name.value == "lo" {
        let message = "what a host says to itself over `lo` is not judged";
        let cure = "remove it; addresses that are on `lo` belong to the interfaces they are reached by";
        report.add(Code::LoopbackInterface, name.span, message, cure);
        return None;
    }
    let value = Instance { addresses, interface: Some(name.value.clone()), ..Instance::default() };
    Some((name, Spanned { value, span: node.span }))
}

/// What is never denied. A direction that is left out has its default, and one that is written empty has nothing.
fn failsafe(node: &Node, report: &mut Report) -> Option<FailsafeDocument> {
    let mut fields = Fields::of(node, "failsafe", report)?;
    let (inbound, outbound) = (fields.get("inbound"), fields.get("outbound"));
    let default = FailsafeDocument::default();
    let read = |node: Option<&Node>, what, default, report: &mut Report| match node {
        None => Some(default),
        Some(node) => failsafe_ports(node, what, report),
    };
    let inbound = read(inbound, "inbound", default.inbound, report);
    let outbound = read(outbound, "outbound", default.outbound, report);
    fields.finish(report);
    Some(FailsafeDocument { inbound: inbound?, outbound: outbound? })
}

fn failsafe_ports(node: &Node, what: &'static str, report: &mut Report) -> Option<Vec<FailsafePort>> {
    if let Value::Sequence(items) = &node.value
        && items.is_empty()
    {
        let (lost, cure) = match what {
            "inbound" => (
                "no failsafe for what others open to the host: a wrong policy locks you out",
                "write at least the port of ssh, narrowed by `cidr` if need be",
            ),
            _ => (
                "no failsafe for what the host opens: a wrong policy takes names, leases and time away from it",
                "write at least DNS, DHCP and NTP, narrowed by `cidr` if need be",
            ),
        };
        report.add(Code::NoFailsafe, node.span, lost, cure);
        return Some(Vec::new());
    }
    let mut ports = into_list(fields::distinct(Some(node), what, limit::VALUES, report, failsafe_port)?);
    ports.sort_unstable();
    ports.dedup();
    Some(ports)
}

/// `22`, or `{ port, endPort, protocol, cidr }`.
fn failsafe_port(node: &Node, report: &mut Report) -> Option<FailsafePort> {
    if let Value::Scalar(_) = &node.value {
        let port = port::number(node, "port", report)?;
        return Some(FailsafePort { peers: None, protocol: Protocol::Tcp, first: port, last: port });
    }
    let mut fields = Fields::of(node, "failsafe port", report)?;
    let first = fields.required("port", report).and_then(|node| port::number(node, "port", report));
    let last = fields.get("endPort").map(|node| (port::number(node, "endPort", report), node.span));
    let protocol = match fields.get("protocol") {
        None => Some(Protocol::Tcp),
        Some(node) => port::protocol(node, report).filter(|protocol| {
            if !protocol.has_ports() {
                let message = format!("{} has no ports", protocol.name());
                let cure = "remove it; errors of ICMP pass with the connections that they are about, and neighbour \
                            discovery passes as it is needed";
                report.add(Code::BadFailsafe, node.span, message, cure);
            }
            protocol.has_ports()
        }),
    };
    let peers = fields.get("cidr").map(|node| block::net(node, "cidr", report));
    fields.finish(report);
    let first = first?;
    let last = match last {
        None => first,
        Some((last, span)) => {
            let last = last?;
            if last < first {
                let message = format!("`endPort` {last} is below `port` {first}");
                report.add(Code::BadPort, span, message, "swap them");
                return None;
            }
            last
        }
    };
    let peers = optional(peers)?.map(|net| net.value);
    Some(FailsafePort { peers, protocol: protocol?, first, last })
}
