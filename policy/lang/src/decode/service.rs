//! Services and EndpointSlices, as manifests have them, and Services of an inventory.

use core::net::IpAddr;
use std::collections::BTreeMap;

use super::{
    container::{present, sequence},
    fields::{Fields, boolean, list, optional, string, wrong_type},
    inventory::address,
    name::{self, Metadata},
    port,
};
use crate::{
    Code,
    diagnostic::Report,
    document::{ServiceDocument, ServicePortDocument, SliceDocument, SlicePort, Spanned, Target},
    yaml::{Node, Value},
};
use bookend_engine::{Labels, Protocol};

/// The label by which a slice names its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// A Service, as a manifest has it.
pub(super) fn manifest(mut fields: Fields<'_>, report: &mut Report) -> Option<ServiceDocument> {
    let Metadata { namespace, name, .. } = name::metadata(&mut fields, report)?;
    let mut spec = Fields::of(fields.required("spec", report)?, "service spec", report)?;
    let selector = match present(&mut spec, "selector") {
        None => Labels::new(),
        Some(node) => name::labels(node, "selector", report)?,
    };
    let kind = match present(&mut spec, "type") {
        None => None,
        Some(node) => Some(string(node, "type", report)?.value),
    };
    let mut ports = Vec::new();
    if let Some(node) = present(&mut spec, "ports") {
        for node in sequence(node, "ports", report)? {
            let mut port = Fields::of(node, "service port", report)?;
            ports.push(service_port(&mut port, node, present, report)?);
        }
    }
    // Only what the API server assigned. The others are whatever somebody wrote who may write Services, and on a node that does
    // not translate them packets leave to whoever has the address (S70).
    let mut addresses: Vec<Spanned<IpAddr>> = Vec::new();
    // Another name for a DNS name has no address, whatever else is written.
    if kind.as_deref() != Some("ExternalName") {
        let listed = present(&mut spec, "clusterIPs");
        let single = present(&mut spec, "clusterIP");
        let listed = match listed {
            Some(node) => sequence(node, "clusterIPs", report)?,
            None => single.map(std::slice::from_ref).unwrap_or_default(),
        };
        for node in listed.iter().filter(|node| !is_headless(node)) {
            addresses.push(Spanned { value: address(node, report)?, span: node.span });
        }
        let mut foreign = match present(&mut spec, "externalIPs") {
            None => Vec::new(),
            Some(node) => words(sequence(node, "externalIPs", report)?, "externalIPs", report)?,
        };
        foreign.extend(balanced(&mut fields, report)?);
        if let Some(first) = foreign.first() {
            let shown: Vec<String> = foreign.iter().map(|address| format!("`{}`", address.value)).collect();
            let message = format!(
                "whoever dials {} dials an address outside, and not the Service `{namespace}/{}`",
                shown.join(", "),
                name.value
            );
            let cure = "name it in rules by `cidr`; if every node translates it, describe it in an `Inventory` as a service of another name";
            report.add(Code::ForeignServiceAddress, first.span, message, cure);
        }
    }
    // Most have one of each, and there may be very many.
    addresses.shrink_to_fit();
    ports.shrink_to_fit();
    Some(ServiceDocument {
        namespace,
        name,
        addresses,
        selector,
        backends: Vec::new(),
        ports,
        vouched: false,
    })
}

/// `None`, or not assigned yet.
fn is_headless(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar(scalar) if matches!(scalar.text.as_str(), "None" | ""))
}

/// The addresses of its load balancer, as they are written.
fn balanced(fields: &mut Fields<'_>, report: &mut Report) -> Option<Vec<Spanned<String>>> {
    let mut found = Vec::new();
    let Some(status) = present(fields, "status") else { return Some(found) };
    let mut status = Fields::of(status, "service status", report)?;
    let Some(balancer) = present(&mut status, "loadBalancer") else { return Some(found) };
    let mut balancer = Fields::of(balancer, "load balancer", report)?;
    let Some(ingress) = present(&mut balancer, "ingress") else { return Some(found) };
    for entry in sequence(ingress, "ingress", report)? {
        let mut entry = Fields::of(entry, "load balancer's ingress", report)?;
        let mode = match present(&mut entry, "ipMode") {
            None => None,
            Some(node) => Some(string(node, "ipMode", report)?.value),
        };
        // With `Proxy`, nobody could take the address for the Service's: nodes leave it alone (KEP-1860).
        if mode.as_deref() == Some("Proxy") {
            continue;
        }
        if let Some(node) = present(&mut entry, "ip") {
            found.push(string(node, "ip", report)?);
        }
    }
    Some(found)
}

fn words(nodes: &[Node], what: &str, report: &mut Report) -> Option<Vec<Spanned<String>>> {
    nodes.iter().map(|node| string(node, what, report)).collect()
}

/// A port of a Service. `optional` reads a field that may be left out.
fn service_port<'n>(
    port: &mut Fields<'n>,
    node: &'n Node,
    optional: fn(&mut Fields<'n>, &'static str) -> Option<&'n Node>,
    report: &mut Report,
) -> Option<ServicePortDocument> {
    let name = match optional(port, "name") {
        None => None,
        Some(node) => Some(string(node, "name", report)?.value).filter(|name| !name.is_empty()),
    };
    let number = self::port::number(port.required("port", report)?, "port", report)?;
    let protocol = match optional(port, "protocol") {
        None => Protocol::Tcp,
        Some(node) => ported(node, report)?,
    };
    let target = match optional(port, "targetPort") {
        None => Target::Number(number),
        Some(node) => target(node, report)?,
    };
    Some(ServicePortDocument { name, protocol, port: number, target, place: node.span })
}

/// A protocol that has ports.
fn ported(node: &Node, report: &mut Report) -> Option<Protocol> {
    let protocol = port::protocol(node, report)?;
    if !protocol.has_ports() {
        let message = format!("{} has no ports", protocol.name());
        report.add(Code::BadProtocol, node.span, message, "write `TCP`, `UDP` or `SCTP`");
        return None;
    }
    Some(protocol)
}

fn target(node: &Node, report: &mut Report) -> Option<Target> {
    match &node.value {
        Value::Scalar(scalar) if scalar.kind() == "number" => {
            port::number(node, "targetPort", report).map(Target::Number)
        }
        Value::Scalar(scalar) if scalar.kind() == "string" => {
            let named = port::port_name(&scalar.text, node.span, report);
            named.then(|| Target::Name(Spanned { value: scalar.text.clone(), span: node.span }))
        }
        _ => {
            wrong_type(node, "targetPort", "a number or a name", report);
            None
        }
    }
}

/// An EndpointSlice. One that belongs to no Service is left out, as kube-proxy does.
pub(super) fn slice(mut fields: Fields<'_>, report: &mut Report) -> Option<SliceDocument> {
    let Metadata { namespace, name, labels, .. } = name::metadata(&mut fields, report)?;
    let labels = match labels.filter(|node| !node.is_null()) {
        None => Labels::new(),
        Some(node) => name::labels(node, "labels", report)?,
    };
    let family = string(fields.required("addressType", report)?, "addressType", report)?;
    let names = match family.value.as_str() {
        "IPv4" | "IPv6" => false,
        "FQDN" => true,
        other => {
            let message = format!("`{other}` is not a value of `addressType`");
            report.add(Code::UnknownWord, family.span, message, "write `IPv4`, `IPv6` or `FQDN`");
            return None;
        }
    };
    let mut ports = Vec::new();
    if let Some(node) = present(&mut fields, "ports") {
        for node in sequence(node, "ports", report)? {
            let mut fields = Fields::of(node, "endpoint port", report)?;
            let name = match present(&mut fields, "name") {
                None => None,
                Some(node) => Some(string(node, "name", report)?.value).filter(|name| !name.is_empty()),
            };
            let protocol = match present(&mut fields, "protocol") {
                None => Protocol::Tcp,
                Some(node) => ported(node, report)?,
            };
            // One without a number means none that a Service could have.
            if let Some(node) = present(&mut fields, "port") {
                ports.push(SlicePort { name, protocol, port: port::number(node, "port", report)? });
            }
        }
    }
    let mut addresses = Vec::new();
    if let Some(node) = present(&mut fields, "endpoints").filter(|_| !names) {
        for endpoint in sequence(node, "endpoints", report)? {
            let mut endpoint = Fields::of(endpoint, "endpoint", report)?;
            let used = is_used(&mut endpoint, report)?;
            let listed = sequence(endpoint.required("addresses", report)?, "addresses", report)?;
            for node in listed.iter().filter(|_| used) {
                addresses.push(address(node, report)?);
            }
        }
    }
    let Some(service) = labels.get(SERVICE_NAME).cloned() else {
        let message = format!("`{}` belongs to no Service, so it was not used", name.value);
        let cure = format!("give it the label `{SERVICE_NAME}`, or leave it out");
        report.add(Code::Unread, name.span, message, cure);
        return None;
    };
    let service = Spanned { value: service, span: name.span };
    Some(SliceDocument { namespace, service, addresses, ports })
}

/// Whether packets may be sent to an endpoint: it is ready, or it ends and still serves. (Kubernetes `EndpointConditions`;
/// kube-proxy takes the latter where nobody is ready.)
fn is_used(endpoint: &mut Fields<'_>, report: &mut Report) -> Option<bool> {
    let Some(node) = present(endpoint, "conditions") else { return Some(true) };
    let mut conditions = Fields::of(node, "conditions", report)?;
    let mut condition = |name: &'static str| match present(&mut conditions, name) {
        None => Some(None),
        Some(node) => boolean(node, name, report).map(Some),
    };
    let (ready, serving, terminating) =
        (condition("ready")?, condition("serving")?, condition("terminating")?);
    // One that says nothing is ready, serves as it is ready, and does not end.
    let ready = ready.unwrap_or(true);
    Some(ready || (serving.unwrap_or(ready) && terminating.unwrap_or(false)))
}

/// An entry of an inventory's `services`.
pub(super) fn entry(node: &Node, report: &mut Report) -> Option<ServiceDocument> {
    let mut fields = Fields::of(node, "service", report)?;
    let name = fields.required("name", report).and_then(|node| name::name(node, "name", 253, report));
    let namespace = match fields.get("namespace") {
        None => Some("default".to_owned()),
        Some(node) => name::name(node, "namespace", 63, report).map(|name| name.value),
    };
    let addresses = fields
        .required("addresses", report)
        .and_then(|node| each(node, "addresses", report, spanned).filter(|all| distinct(all, report)));
    let (place, behind) = (fields.place(), (fields.get("selector"), fields.get("backends")));
    let selector = optional(behind.0.map(|node| name::labels(node, "selector", report)));
    let backends =
        behind.1.map(|node| each(node, "backends", report, spanned).filter(|all| distinct(all, report)));
    let backends = optional(backends);
    let ports = fields.required("ports", report).and_then(|node| {
        each(node, "ports", report, |node, report| {
            let mut port = Fields::of(node, "service port", report)?;
            let named = port.get("name").is_none_or(|node| match &node.value {
                Value::Scalar(name) => port::port_name(&name.text, node.span, report),
                _ => true,
            });
            let read = service_port(&mut port, node, |fields, name| fields.get(name), report);
            port.finish(report);
            read.filter(|_| named)
        })
    });
    fields.finish(report);
    match behind {
        (Some(_), None) | (None, Some(_)) => {}
        (Some(_), Some(backends)) => {
            let cure = "keep `selector` for workloads of the inventory, or `backends` for others";
            let message = "the service says twice who is behind it";
            report.add(Code::Conflict, backends.span, message, cure);
            return None;
        }
        (None, None) => {
            let cure = "add `selector` for workloads of the inventory, or `backends` for others";
            report.add(Code::MissingField, place, "the service does not say who is behind it", cure);
            return None;
        }
    }
    if let (Some(node), Some(Some(labels))) = (behind.0, &selector)
        && labels.is_empty()
    {
        let message = "an empty selector could mean everybody or nobody";
        report.add(Code::EmptyMapping, node.span, message, "name the labels of who is behind the service");
        return None;
    }
    Some(ServiceDocument {
        namespace: namespace?,
        name: name?,
        addresses: addresses?,
        selector: selector?.unwrap_or_default(),
        backends: backends?.unwrap_or_default().into_iter().map(|address| address.value).collect(),
        ports: ports?,
        vouched: true,
    })
}

fn spanned(node: &Node, report: &mut Report) -> Option<Spanned<IpAddr>> {
    Some(Spanned { value: address(node, report)?, span: node.span })
}

/// Whether no address is there twice; says so of one that is.
fn distinct(addresses: &[Spanned<IpAddr>], report: &mut Report) -> bool {
    let mut seen = BTreeMap::new();
    let mut sound = true;
    for Spanned { value, span } in addresses {
        if let Some(first) = seen.insert(*value, *span) {
            let message = format!("`{value}` is in the list twice");
            report.add_related(Code::DuplicateEntry, *span, message, "remove one", (first, "the first one"));
            sound = false;
        }
    }
    sound
}

/// The entries of a list, which may not be empty; all are read, so that all that is wrong is said at once.
fn each<T>(
    node: &Node,
    what: &str,
    report: &mut Report,
    mut element: impl FnMut(&Node, &mut Report) -> Option<T>,
) -> Option<Vec<T>> {
    let read: Vec<Option<T>> = list(node, what, report)?.iter().map(|item| element(item, report)).collect();
    read.into_iter().collect()
}
