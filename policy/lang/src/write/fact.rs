//! What policies refer to, to text: tiers, networks, hosts, and what an inventory adds to a workload.

use super::{
    page::head,
    peer::{Entries, block, list, push},
    tree::{self, Tree},
};
use crate::document::{FailsafeDocument, FailsafePort, HostDocument, NetworkDocument, TierDocument};
use bookend_engine::{HOST_LABEL, Plane, Protocol, Role, Workload};

/// `kind: Tier`.
pub(crate) fn tier(tier: &TierDocument) -> String {
    let TierDocument { name, order, plane, namespaced } = tier;
    let mut spec = Entries::new();
    push(&mut spec, "order", Some(Tree::number(order.value)));
    push(&mut spec, "namespaced", namespaced.then(|| Tree::Plain("true".to_owned())));
    push(&mut spec, "plane", (*plane != Plane::Bookend).then(|| Tree::text(plane.name())));
    document("Tier", None, &name.value, Vec::new(), spec)
}

/// `kind: Network`.
pub(crate) fn network(network: &NetworkDocument) -> String {
    let NetworkDocument { name, labels, blocks } = network;
    let labels = labels.iter().map(|(key, value)| (key.clone(), Tree::text(value))).collect();
    let mut spec = Entries::new();
    let plain = |block: Entries| match block.as_slice() {
        [(_, cidr)] => cidr.clone(),
        _ => Tree::Map(block),
    };
    push(&mut spec, "cidrs", list(blocks.iter().map(|block| plain(self::block(block)))));
    document("Network", None, &name.value, labels, spec)
}

/// `kind: Host`.
pub(crate) fn host(host: &HostDocument) -> String {
    let HostDocument { workload, failsafe } = host;
    let mut spec = Entries::new();
    let labels: Entries = workload
        .labels
        .iter()
        .flatten()
        .filter(|(key, _)| *key != HOST_LABEL)
        .map(|(key, value)| (key.clone(), Tree::text(value)))
        .collect();
    push(&mut spec, "labels", (!labels.is_empty()).then_some(Tree::Map(labels)));
    push(&mut spec, "serviceAccount", workload.service_account.as_ref().map(Tree::text));
    let interfaces = workload.instances.iter().map(|instance| {
        let instance = &instance.value;
        let mut entries = Entries::new();
        push(&mut entries, "name", instance.interface.as_ref().map(Tree::text));
        push(&mut entries, "addresses", list(instance.addresses.iter().map(|a| Tree::text(a.to_string()))));
        Tree::Map(entries)
    });
    push(&mut spec, "interfaces", list(interfaces));
    let forwards = workload.instances.iter().any(|instance| instance.value.role == Role::Router);
    push(&mut spec, "forwards", forwards.then(|| Tree::Plain("true".to_owned())));
    let usual = FailsafeDocument::default();
    let mut entries = Entries::new();
    for (key, own, usual) in
        [("inbound", &failsafe.inbound, usual.inbound), ("outbound", &failsafe.outbound, usual.outbound)]
    {
        let mut sorted = usual;
        sorted.sort_unstable();
        let mut said = own.clone();
        said.sort_unstable();
        let ports = || Tree::List(own.iter().map(failsafe_port).collect());
        push(&mut entries, key, (said != sorted).then(ports));
    }
    push(&mut spec, "failsafe", (!entries.is_empty()).then_some(Tree::Map(entries)));
    document("Host", Some(&workload.namespace), &workload.name.value, Vec::new(), spec)
}

fn failsafe_port(port: &FailsafePort) -> Tree {
    let FailsafePort { peers, protocol, first, last } = port;
    let mut entries = Entries::new();
    push(&mut entries, "cidr", peers.map(|net| Tree::text(net.to_string())));
    push(&mut entries, "port", Some(Tree::number(first)));
    push(&mut entries, "endPort", (first != last).then(|| Tree::number(last)));
    push(&mut entries, "protocol", (*protocol != Protocol::Tcp).then(|| Tree::text(protocol.name())));
    match entries.as_slice() {
        [(_, port)] => port.clone(),
        _ => Tree::Map(entries),
    }
}

/// `kind: Inventory` that says only that the proxies of these workloads verify tokens.
pub(crate) fn inventory<'w>(name: &str, verifying: impl Iterator<Item = &'w Workload>) -> Option<String> {
    let entry = |workload: &Workload| {
        let mut entries = Entries::new();
        push(&mut entries, "name", Some(Tree::text(&workload.name)));
        push(&mut entries, "namespace", Some(Tree::text(&workload.identity.namespace)));
        push(&mut entries, "jwt", Some(Tree::Plain("true".to_owned())));
        Tree::Map(entries)
    };
    let workloads = list(verifying.map(entry))?;
    let mut spec = Entries::new();
    push(&mut spec, "workloads", Some(workloads));
    Some(document("Inventory", None, name, Vec::new(), spec))
}

fn document(kind: &str, namespace: Option<&str>, name: &str, labels: Entries, spec: Entries) -> String {
    let mut out = head(kind, namespace, name, labels);
    tree::entries(&mut out, 0, &[("spec".to_owned(), Tree::Map(spec))]);
    out
}
