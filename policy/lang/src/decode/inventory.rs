//! `kind: Inventory`.

use core::net::IpAddr;

use super::{
    container,
    fields::{self, Fields, boolean, optional, string, word},
    name, network, service,
};
use crate::{
    Code,
    diagnostic::Report,
    document::{Injection, InventoryDocument, Kind, Rewriting, Spanned, WorkloadDocument},
    limit,
    yaml::Node,
};
use bookend_engine::{Instance, Location};

/// Reads an inventory.
pub(crate) fn inventory(mut fields: Fields<'_>, report: &mut Report) -> Option<InventoryDocument> {
    let metadata = name::metadata(&mut fields, report)
        .and_then(|metadata| name::described(metadata.labels, metadata.annotations, report));
    let spec = fields.required("spec", report).and_then(|node| Fields::of(node, "inventory's spec", report));
    fields.get("status");
    fields.finish(report);
    let mut spec = spec?;
    let trust_domain = spec.get("trustDomain").map(|node| name::name(node, "trustDomain", 253, report));
    let aliases = fields::distinct(
        spec.get("trustDomainAliases"),
        "trustDomainAliases",
        limit::VALUES,
        report,
        |node, report| name::name(node, "trustDomainAliases", 253, report),
    );
    let root_namespace = spec.get("rootNamespace").map(|node| name::name(node, "rootNamespace", 63, report));
    let trust_addresses = spec.get("trustAddresses").map(|node| flag(node, "trustAddresses", report));
    let nodes = network::addresses(spec.get("nodes"), "nodes", report);
    let kube_apiserver = network::addresses(spec.get("kubeApiserver"), "kubeApiserver", report);
    let cluster_cidrs = network::blocks(spec.get("clusterCidrs"), "clusterCidrs", report);
    let workloads = listed(spec.get("workloads"), "workloads", report, workload);
    let services = listed(spec.get("services"), "services", report, service::entry);
    spec.finish(report);
    metadata?;
    Some(InventoryDocument {
        trust_domain: optional(trust_domain)?,
        trust_domain_aliases: fields::into_list(aliases?),
        root_namespace: optional(root_namespace)?,
        trust_addresses: optional(trust_addresses)?,
        nodes: nodes?,
        kube_apiserver: kube_apiserver?,
        cluster_cidrs: cluster_cidrs?,
        workloads: workloads?,
        services: services?,
    })
}

/// `true` or `false`, and where it stands.
fn flag(node: &Node, what: &str, report: &mut Report) -> Option<Spanned<bool>> {
    Some(Spanned { value: boolean(node, what, report)?, span: node.span })
}

/// A list, which may not be empty; nothing where the field is left out.
fn listed<T>(
    node: Option<&Node>,
    what: &str,
    report: &mut Report,
    mut element: impl FnMut(&Node, &mut Report) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(node) = node else { return Some(Vec::new()) };
    // Every element is read, so that all that is wrong is said at once.
    let mut sound = true;
    let mut read = Vec::new();
    for item in fields::list(node, what, report)? {
        match element(item, report) {
            Some(value) => read.push(value),
            None => sound = false,
        }
    }
    sound.then_some(read)
}

fn workload(node: &Node, report: &mut Report) -> Option<WorkloadDocument> {
    let mut fields = Fields::of(node, "workload", report)?;
    let name = fields.required("name", report).and_then(|node| name::name(node, "name", 253, report));
    let namespace = match fields.get("namespace") {
        None => Some("default".to_owned()),
        Some(node) => name::name(node, "namespace", 63, report).map(|name| name.value),
    };
    let kind = fields.get("kind").map(|node| word(node, "kind", &Kind::WORDS, report));
    let account = fields.get("serviceAccount").map(|node| name::name(node, "serviceAccount", 253, report));
    let labels = fields.get("labels").map(|node| name::labels(node, "labels", report));
    let proxied = fields.get("proxy").map(|node| boolean(node, "proxy", report));
    let jwt = fields.get("jwt").map(|node| flag(node, "jwt", report));
    let ports = fields.get("ports").map(|node| container::named_ports(node, report));
    let instances = listed(fields.get("instances"), "instances", report, instance);
    fields.finish(report);
    Some(WorkloadDocument {
        kind: optional(kind)?,
        namespace: namespace?,
        name: name?,
        service_account: optional(account)?.map(|account| account.value),
        labels: optional(labels)?,
        proxied: optional(proxied)?,
        jwt: optional(jwt)?,
        injection: Injection::Never,
        ports: optional(ports)?,
        host_network: None,
        probes: Vec::new(),
        rewriting: Rewriting::default(),
        instances: instances?,
        seen: None,
    })
}

fn instance(node: &Node, report: &mut Report) -> Option<Spanned<Instance>> {
    let mut fields = Fields::of(node, "instance", report)?;
    let addresses = fields.required("addresses", report);
    let addresses = addresses.and_then(|node| listed(Some(node), "addresses", report, address));
    let interface = fields.get("interface").map(|node| interface(node, "interface", report));
    fields.finish(report);
    let value = Instance { addresses: addresses?, interface: optional(interface)?, ..Instance::default() };
    Some(Spanned { value, span: node.span })
}

/// The address of one host.
pub(crate) fn address(node: &Node, report: &mut Report) -> Option<IpAddr> {
    let text = string(node, "addresses", report)?;
    let Ok(address) = text.value.parse::<IpAddr>() else {
        report.add(
            Code::BadAddress,
            text.span,
            format!("`{}` is not an address", text.value),
            "write an IPv4 or IPv6 address without a prefix length",
        );
        return None;
    };
    let odd = address.is_unspecified()
        || address.is_multicast()
        || address.is_loopback()
        || matches!(address, IpAddr::V4(v4) if v4.is_broadcast())
        || address.to_canonical() != address;
    if odd || Location::of(address) == Location::Unknown {
        report.add(
            Code::BadAddress,
            text.span,
            format!("`{address}` is not the address of one host"),
            "write the unicast address of one host",
        );
        return None;
    }
    Some(address)
}

/// The name of a network interface: at most 15 bytes, without `/` and white space (Linux `dev_valid_name`).
pub(crate) fn interface(node: &Node, what: &str, report: &mut Report) -> Option<String> {
    let text = string(node, what, report)?;
    let valid = (1..=15).contains(&text.value.len())
        && !matches!(text.value.as_str(), "." | "..")
        && !text.value.contains(|c: char| c == '/' || c == ':' || c.is_whitespace());
    if !valid {
        report.add(
            Code::BadName,
            text.span,
            format!("`{}` is not an interface name", text.value),
            "use at most 15 characters, without `/`, `:` and spaces",
        );
        return None;
    }
    Some(text.value)
}
