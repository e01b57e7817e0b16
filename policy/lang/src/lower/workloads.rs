//! Workloads, from manifests and inventories: what several documents say of one is joined.

use core::net::IpAddr;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::{
    Code, Span,
    diagnostic::Report,
    document::{Injection, Kind, Probe, ProbeDocument, Purpose, Rewriting, Spanned, WorkloadDocument},
};
use bookend_engine::{HOST_LABEL, Instance, Workload, WorkloadIdentity};

/// Every workload, by namespace and name, and their probes.
pub(super) fn workloads(
    documents: &[&WorkloadDocument],
    injection: &BTreeMap<&str, bool>,
    report: &mut Report,
) -> (Vec<Workload>, Vec<Probe>) {
    let merged = merge(documents, report);
    refuse_shared_places(&merged, report);
    warn_of_host_network(&merged, report);
    let mut probes = Vec::new();
    let workloads =
        merged.into_iter().map(|workload| lower(workload, injection, &mut probes, report)).collect();
    probes.sort_unstable();
    probes.dedup_by_key(|probe: &mut Probe| {
        (probe.namespace.clone(), probe.workload.clone(), probe.port, probe.purpose)
    });
    (workloads, probes)
}

/// What all documents say of one workload.
struct Merged<'d> {
    /// The name to show: with the kind before it where another workload has the same.
    shown: String,
    document: Cow<'d, WorkloadDocument>,
}

/// Joins what several documents say of one workload; where two contradict each other, neither is believed.
fn merge<'d>(documents: &[&'d WorkloadDocument], report: &mut Report) -> Vec<Merged<'d>> {
    let name = |document: &WorkloadDocument| (document.namespace.clone(), document.name.value.clone());
    let mut sorted = documents.to_vec();
    // Stable: documents of one name stay in the order of their sources.
    sorted.sort_by(|a, b| (&a.namespace, &a.name.value).cmp(&(&b.namespace, &b.name.value)));
    let mut merged = Vec::with_capacity(sorted.len());
    for same_name in sorted.chunk_by(|a, b| a.namespace == b.namespace && a.name.value == b.name.value) {
        if let [only] = same_name {
            merged.push(Merged { shown: only.name.value.clone(), document: Cow::Borrowed(*only) });
            continue;
        }
        let kinds: BTreeSet<Kind> = same_name.iter().filter_map(|document| document.kind).collect();
        if kinds.len() < 2 {
            merged.extend(join(same_name.iter().copied(), report).map(|document| {
                let shown = document.name.value.clone();
                Merged { shown, document: Cow::Owned(document) }
            }));
            continue;
        }
        for kind in &kinds {
            let of_kind = same_name.iter().copied().filter(|document| document.kind == Some(*kind));
            merged.extend(join(of_kind, report).map(|document| {
                let shown = format!("{}/{}", kind.word().to_ascii_lowercase(), document.name.value);
                Merged { shown, document: Cow::Owned(document) }
            }));
        }
        let words: Vec<String> = kinds.iter().map(|kind| format!("`kind: {}`", kind.word())).collect();
        for document in same_name.iter().filter(|document| document.kind.is_none()) {
            let (namespace, name) = name(document);
            let message = format!("there are {} workloads `{name}` in namespace `{namespace}`", kinds.len());
            let cure = format!("say which one is meant: {}", words.join(" or "));
            // What is only seen to run, and a `Host`, are what somebody else may have brought up meanwhile.
            let of_kind = || same_name.iter().filter(|document| document.kind.is_some());
            let newcomer =
                |document: &&&WorkloadDocument| document.seen.is_some() || document.kind == Some(Kind::Host);
            let Some(other) = of_kind().find(newcomer).or_else(|| of_kind().next()) else { continue };
            let related = (other.name.span, "one of them");
            report.add_related(Code::AmbiguousWorkload, document.name.span, message, cure, related);
        }
    }
    merged
}

/// What documents say of one workload together.
fn join<'d>(
    mut documents: impl Iterator<Item = &'d WorkloadDocument>,
    report: &mut Report,
) -> Option<WorkloadDocument> {
    let mut joined = documents.next()?.clone();
    joined.write_down();
    for document in documents {
        let jwt = |of: &WorkloadDocument| of.jwt.as_ref().map(|jwt| jwt.value);
        let contradiction = [
            ("labels", differ(&joined.labels, &document.labels)),
            ("service account", differ(&joined.service_account, &document.service_account)),
            ("proxy", differ(&joined.proxied, &document.proxied)),
            ("JSON web tokens", differ(&jwt(&joined), &jwt(document))),
            ("named ports", differ(&joined.ports, &document.ports)),
        ];
        if let Some((what, _)) = contradiction.iter().find(|(_, differ)| *differ) {
            let message = format!(
                "two documents disagree about the {what} of the workload `{}` in namespace `{}`",
                document.name.value, document.namespace
            );
            let related = (joined.name.span, "first described here");
            let cure = format!("say the {what} once");
            report.add_related(Code::DuplicateWorkload, document.name.span, message, cure, related);
            continue;
        }
        let mut more = document.clone();
        more.write_down();
        joined.kind = joined.kind.or(more.kind);
        joined.labels = joined.labels.take().or(more.labels);
        joined.service_account = joined.service_account.take().or(more.service_account);
        joined.proxied = joined.proxied.or(more.proxied);
        joined.jwt = joined.jwt.take().or(more.jwt);
        joined.ports = joined.ports.take().or(more.ports);
        joined.injection = joined.injection.max(more.injection);
        joined.host_network = joined.host_network.or(more.host_network);
        joined.seen = joined.seen.take().or(more.seen);
        joined.probes.extend(more.probes);
        // An inventory says nothing about it, and has the default.
        if joined.rewriting == Rewriting::default() {
            joined.rewriting = more.rewriting;
        }
        join_instances(&mut joined.instances, more.instances, report);
    }
    Some(joined)
}

fn differ<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a != b)
}

/// Adds what another document says of the instances: one that has an address in common with a known one is that one, so
/// that an inventory can name the interface of a Pod.
fn join_instances(known: &mut Vec<Spanned<Instance>>, more: Vec<Spanned<Instance>>, report: &mut Report) {
    let mut by_address: HashMap<IpAddr, usize> = HashMap::new();
    for (position, instance) in known.iter().enumerate() {
        by_address.extend(instance.value.addresses.iter().map(|address| (*address, position)));
    }
    for instance in more {
        let same = instance.value.addresses.iter().find_map(|address| by_address.get(address));
        let Some(same) = same.and_then(|position| known.get_mut(*position)) else {
            known.push(instance);
            continue;
        };
        if differ(&same.value.interface, &instance.value.interface) {
            let message = "two documents name different interfaces of this instance";
            let related = (same.span, "the other document");
            report.add_related(Code::DuplicateAddress, instance.span, message, "keep one", related);
        }
        same.value.interface = same.value.interface.take().or(instance.value.interface);
        for address in instance.value.addresses {
            if !same.value.addresses.contains(&address) {
                same.value.addresses.push(address);
            }
        }
    }
}

/// What tells who sent a packet.
#[derive(PartialEq, Eq, Hash)]
enum Place<'d> {
    Address(IpAddr),
    Interface(&'d str),
    /// Which machine an interface belongs to is known of hosts only.
    OfHost(&'d str, &'d str, &'d str),
}

/// An address or an interface belongs to one instance only.
fn refuse_shared_places(workloads: &[Merged<'_>], report: &mut Report) {
    // Nearly no address comes twice, and there are very many.
    let shared = shared_addresses(workloads);
    let mut seen: HashMap<Place<'_>, (&Merged<'_>, Span)> = HashMap::new();
    for workload in workloads {
        for (instance, span_of) in workload.document.everywhere() {
            let addresses = instance.addresses.iter().filter(|address| shared.contains(*address));
            let addresses = addresses.map(|address| Place::Address(*address));
            let interface = instance.interface.iter().map(|interface| match instance.role.is_own() {
                true => Place::OfHost(&workload.document.namespace, &workload.shown, interface),
                false => Place::Interface(interface),
            });
            for place in addresses.chain(interface) {
                let Some((other, span)) = seen.get(&place) else {
                    seen.insert(place, (workload, span_of));
                    continue;
                };
                // A host is reached at all of its addresses by all of its interfaces (RFC 1122, 3.3.4.2).
                if workload.is_host() && std::ptr::eq(*other, workload) {
                    continue;
                }
                let what = match &place {
                    Place::Address(address) => format!("address `{address}`"),
                    Place::Interface(interface) | Place::OfHost(.., interface) => {
                        format!("interface `{interface}`")
                    }
                };
                let message = format!(
                    "the {what} belongs to `{}` and to `{}`",
                    other.named(workload),
                    workload.named(other)
                );
                let (code, cure) = match workload.is_host() || other.is_host() {
                    true => {
                        (Code::HostAddress, "an address belongs to one machine or pod; correct one of them")
                    }
                    false => (Code::DuplicateAddress, "give each instance its own"),
                };
                let related = (*span, "the other instance");
                report.add_related(code, span_of, message, cure, related);
            }
        }
    }
}

/// The addresses that are said more than once.
fn shared_addresses(workloads: &[Merged<'_>]) -> HashSet<IpAddr> {
    let instances = workloads.iter().flat_map(|workload| workload.document.everywhere());
    let mut all: Vec<IpAddr> = instances.flat_map(|(instance, _)| &instance.addresses).copied().collect();
    all.sort_unstable();
    all.chunk_by(|a, b| a == b).filter(|same| same.len() > 1).flatten().copied().collect()
}

impl Merged<'_> {
    fn is_host(&self) -> bool {
        self.document.kind == Some(Kind::Host)
    }

    /// Its name beside that of `other`: with the namespace where they differ in it.
    fn named(&self, other: &Self) -> String {
        match self.document.namespace == other.document.namespace {
            true => self.shown.clone(),
            false => format!("{}/{}", self.document.namespace, self.shown),
        }
    }
}

/// Says once that pods which use their node's network are known by nothing that a packet shows.
fn warn_of_host_network(workloads: &[Merged<'_>], report: &mut Report) {
    let mut using = workloads.iter().filter_map(|w| Some((w, w.document.host_network?)));
    let Some((first, span)) = using.next() else { return };
    let name = format!("`{}/{}`", first.document.namespace, first.shown);
    let message = match using.count() {
        0 => format!("{name} uses the network of its node, so its packets are the node's"),
        1 => format!(
            "{name} and another workload use the network of their node, so their packets are the node's"
        ),
        more => {
            format!(
                "{name} and {more} other workloads use the network of their node, so their packets are the node's"
            )
        }
    };
    let cure = "write rules about `entities: [node]` for them, where packets are concerned";
    report.add(Code::HostNetwork, span, message, cure);
}

fn lower(
    merged: Merged<'_>,
    injection: &BTreeMap<&str, bool>,
    probes: &mut Vec<Probe>,
    report: &mut Report,
) -> Workload {
    let Merged { shown, document } = merged;
    let WorkloadDocument {
        kind,
        namespace,
        name,
        service_account,
        labels,
        proxied,
        jwt,
        injection: injected,
        ports,
        host_network,
        probes: written,
        rewriting,
        instances,
        seen,
    } = &*document;
    let asked = injection.get(namespace.as_str()).copied();
    let proxied = proxied.unwrap_or(match injected {
        Injection::Never => false,
        Injection::ByNamespace => asked == Some(true),
        Injection::Asked => asked != Some(false),
    });
    // A workload that is seen has a proxy at one time and none at another, whatever was written of it.
    let verifies = jwt.as_ref().is_some_and(|jwt| jwt.value) && (proxied || seen.is_none());
    if let Some(jwt) = jwt.as_ref().filter(|jwt| jwt.value && !proxied && seen.is_none()) {
        let message = format!("`{}` has no proxy, so none verifies its tokens", name.value);
        let cure = "add `proxy: true`, or remove `jwt`";
        report.add(Code::JwtWithoutProxy, jwt.span, message, cure);
    }
    if let (Some(host_network), Some(instance)) = (*host_network, instances.first()) {
        let message =
            format!("`{}` uses the network of its node and has no addresses of its own", name.value);
        let cure = "remove `instances`, and name the node's address in `nodes`";
        let related = (host_network, "its network is said here");
        report.add_related(Code::HostNetworkAddress, instance.span, message, cure, related);
    }
    if host_network.is_none() {
        // Who is asked at the address of its node is judged by nobody.
        let injected = proxied && *injected != Injection::Never;
        probes.extend(asked_for(written, *rewriting, injected).map(|(purpose, port, place)| Probe {
            namespace: namespace.clone(),
            workload: shown.clone(),
            port,
            purpose,
            place,
        }));
    }
    let mut labels = labels.clone().unwrap_or_default();
    if *kind == Some(Kind::Host) {
        labels.insert(HOST_LABEL.to_owned(), name.value.clone());
    } else if labels.remove(HOST_LABEL).is_some() {
        let message = format!("`{shown}` is no host, so its label `{HOST_LABEL}` is left out");
        report.add(Code::HostLabel, name.span, message, "remove the label; only a `Host` has it, by itself");
    }
    Workload {
        name: shown,
        identity: WorkloadIdentity {
            service_account: service_account.clone().unwrap_or_else(|| "default".to_owned()),
            labels,
            proxied,
            jwt: verifies,
            ports: ports.clone(),
            namespace_labels: None,
            namespace: namespace.clone(),
        },
        instances: match seen {
            // What is collected from a known number is no larger than that.
            Some(seen) if instances.is_empty() => seen.to_vec(),
            _ => document.everywhere().map(|(instance, _)| instance.clone()).collect(),
        },
    }
}

/// What a kubelet asks for of a workload: what its manifest says, or, where Istio injects the proxy, what the injector makes
/// of it. A manifest that has the proxy already has what was made of its probes, too.
fn asked_for(
    written: &[ProbeDocument],
    rewriting: Rewriting,
    injected: bool,
) -> impl Iterator<Item = (Purpose, u16, Span)> {
    written.iter().map(move |probe| {
        let port = match rewriting {
            Rewriting::To(agent) if injected => agent,
            _ => probe.port,
        };
        (probe.purpose, port, probe.place)
    })
}
