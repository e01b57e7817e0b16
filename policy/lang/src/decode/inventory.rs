//! `kind: Inventory`.

use core::net::IpAddr;

use super::{
    fields::{Fields, boolean, clause, string},
    name,
};
use crate::{
    Code,
    diagnostic::Report,
    document::{Injection, InventoryDocument, Spanned, WorkloadDocument},
    yaml::Node,
};
use bookend_engine::{Instance, Location};

/// Reads an inventory.
pub(super) fn inventory(mut fields: Fields<'_>, report: &mut Report) -> Option<InventoryDocument> {
    let metadata = name::metadata(&mut fields, report);
    let spec = fields.required("spec", report).and_then(|node| Fields::of(node, "inventory's spec", report));
    fields.get("status");
    fields.finish(report);
    let mut spec = spec?;
    let trust_domain = spec.get("trustDomain").map(|node| name::name(node, "trustDomain", 253, report));
    let trust_addresses = spec.get("trustAddresses").map(|node| {
        let value = boolean(node, "trustAddresses", report)?;
        Some(Spanned { value, span: node.span })
    });
    let workloads = clause(spec.get("workloads"), "workloads", report, workload);
    spec.finish(report);
    metadata?;
    Some(InventoryDocument {
        trust_domain: flip(trust_domain)?,
        trust_addresses: flip(trust_addresses)?,
        workloads: workloads?.alternatives().unwrap_or_default().to_vec(),
    })
}

/// A field that may be absent, but must be sound when it is there.
fn flip<T>(field: Option<Option<T>>) -> Option<Option<T>> {
    match field {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

fn workload(node: &Node, report: &mut Report) -> Option<WorkloadDocument> {
    let mut fields = Fields::of(node, "workload", report)?;
    let name = fields.required("name", report).and_then(|node| name::name(node, "name", 253, report));
    let namespace = match fields.get("namespace") {
        None => Some("default".to_owned()),
        Some(node) => name::name(node, "namespace", 63, report).map(|name| name.value),
    };
    let account = fields.get("serviceAccount").map(|node| name::name(node, "serviceAccount", 253, report));
    let labels = fields.get("labels").map(|node| name::labels(node, "labels", report));
    let proxied = fields.get("proxy").map(|node| boolean(node, "proxy", report));
    let instances = clause(fields.get("instances"), "instances", report, instance);
    fields.finish(report);
    Some(WorkloadDocument {
        namespace: namespace?,
        name: name?,
        service_account: flip(account)?.map(|account| account.value),
        labels: flip(labels)?,
        proxied: flip(proxied)?,
        injection: Injection::Never,
        instances: instances?.alternatives().unwrap_or_default().to_vec(),
    })
}

fn instance(node: &Node, report: &mut Report) -> Option<Spanned<Instance>> {
    let mut fields = Fields::of(node, "instance", report)?;
    let addresses = fields
        .required("addresses", report)
        .and_then(|node| clause(Some(node), "addresses", report, address));
    let interface = fields.get("interface").map(|node| interface(node, report));
    fields.finish(report);
    let value = Instance {
        addresses: addresses?.alternatives().unwrap_or_default().to_vec(),
        interface: flip(interface)?,
    };
    Some(Spanned { value, span: node.span })
}

/// The address of one host.
pub(super) fn address(node: &Node, report: &mut Report) -> Option<IpAddr> {
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
            "write a unicast address of the workload",
        );
        return None;
    }
    Some(address)
}

/// The name of a network interface: at most 15 bytes, without `/` and white space (Linux `dev_valid_name`).
fn interface(node: &Node, report: &mut Report) -> Option<String> {
    let text = string(node, "interface", report)?;
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
