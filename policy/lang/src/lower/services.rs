//! Services: who is behind each of their ports.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{facts::unique, selecting::Selecting};
use crate::{
    Code, Span,
    diagnostic::Report,
    document::{
        self, Service, ServiceDocument, ServiceName, ServicePortDocument, SliceDocument, Target,
        WorkloadDocument,
    },
};
use bookend_engine::{Backend, Inventory, Labels, Protocol, ServicePort, Workload};

/// The Services that documents describe: as names, and as addresses.
pub(super) fn services(
    documents: &[&ServiceDocument],
    slices: &[&SliceDocument],
    workloads: &[&WorkloadDocument],
    inventory: &Inventory,
    report: &mut Report,
) -> (Vec<Service>, Vec<bookend_engine::Service>, Option<Selecting>) {
    let names = documents.iter().map(|s| ((s.namespace.as_str(), s.name.value.as_str()), s.name.span));
    unique(names, "service", report);
    let mut sorted = documents.to_vec();
    sorted.sort_by(|a, b| (&a.namespace, &a.name.value).cmp(&(&b.namespace, &b.name.value)));
    let contested = contested(&sorted, workloads, inventory, report);
    let behind = Behind::new(&sorted, slices, inventory, report);
    let named = sorted.iter().map(|document| Service {
        namespace: document.namespace.clone(),
        name: document.name.value.clone(),
        selector: document.selector.clone(),
        ports: document.ports.iter().map(|port| port.port).collect(),
        place: document.name.span,
    });
    let addressed = sorted.iter().filter_map(|document| {
        let own = document.addresses.iter().map(|address| address.value.to_canonical());
        let own: BTreeSet<IpAddr> = own.filter(|at| document.vouched || !contested.contains(at)).collect();
        (!own.is_empty()).then_some((document, own))
    });
    let (mut lowered, mut selecting) = (Vec::new(), Some(Selecting::default()));
    for (document, own) in addressed {
        match behind.follows(document) {
            Follows::Nobody => {}
            Follows::Selected(selected) => {
                if let Some(selecting) = &mut selecting {
                    selecting.add(lowered.len(), &selected, document);
                }
            }
            Follows::Addresses => selecting = None,
        }
        lowered.push(lower(document, own, &behind, report));
    }
    if let Some(selecting) = &mut selecting {
        let all = sorted.iter().flat_map(|document| &document.addresses);
        selecting.addresses = all.map(|address| address.value.to_canonical()).collect();
    }
    (named.collect(), lowered, selecting)
}

/// Who is behind each of the Services that are `named`, as far as they are described.
pub(super) fn behind(
    documents: &[&ServiceDocument],
    slices: &[&SliceDocument],
    inventory: &Inventory,
    named: &BTreeSet<ServiceName>,
) -> BTreeMap<ServiceName, Vec<document::Behind>> {
    if named.is_empty() {
        return BTreeMap::new();
    }
    // What is wrong with them is said where all Services are read.
    let mut report = Report::default();
    let known = Behind::new(documents, slices, inventory, &mut report);
    let mut found: BTreeMap<ServiceName, Vec<document::Behind>> = BTreeMap::new();
    for document in documents {
        let service =
            ServiceName { namespace: document.namespace.clone(), name: document.name.value.clone() };
        if !named.contains(&service) {
            continue;
        }
        let mut all = Vec::new();
        for port in &document.ports {
            let backends = known.port(document, port, &mut report).backends;
            all.extend(backends.into_iter().map(|Backend { address, port: number }| document::Behind {
                protocol: port.protocol,
                port: number,
                address,
            }));
        }
        all.sort_unstable();
        all.dedup();
        found.insert(service, all);
    }
    found
}

fn lower(
    document: &ServiceDocument,
    addresses: BTreeSet<IpAddr>,
    behind: &Behind<'_>,
    report: &mut Report,
) -> bookend_engine::Service {
    let ports: Vec<ServicePort> =
        document.ports.iter().map(|port| behind.port(document, port, report)).collect();
    let shown = format!("`{}/{}`", document.namespace, document.name.value);
    if !behind.is_told(document) {
        let (message, cure) = if document.selector.is_empty() {
            (
                format!("nothing says who is behind the Service {shown}"),
                "add its EndpointSlices, or describe it in an `Inventory` with `backends`",
            )
        } else {
            (
                format!("no workload whose address is known is behind the Service {shown}"),
                "add its pods or its EndpointSlices, or `instances` with `addresses` to the inventory",
            )
        };
        report.add(Code::UnknownBackends, document.name.span, message, cure);
    }
    bookend_engine::Service {
        namespace: document.namespace.clone(),
        name: document.name.value.clone(),
        addresses: addresses.into_iter().collect(),
        ports,
    }
}

/// An address belongs to a Service or to a workload, and a port of it to one Service. What an inventory says against that is
/// refused; manifests are not, or whoever may write a Service could keep every policy from being applied. The addresses that
/// they dispute are told, and are not theirs (S70).
fn contested(
    documents: &[&ServiceDocument],
    workloads: &[&WorkloadDocument],
    inventory: &Inventory,
    report: &mut Report,
) -> BTreeSet<IpAddr> {
    let mut contested = BTreeSet::new();
    let mut dialled: HashMap<(IpAddr, Protocol, u16), (&ServiceDocument, Span)> = HashMap::new();
    let of = |vouched: bool| documents.iter().copied().filter(move |document| document.vouched == vouched);
    for document in of(true).chain(of(false)) {
        let shown = format!("{}/{}", document.namespace, document.name.value);
        let mut ports = BTreeMap::new();
        for port in &document.ports {
            if let Some(first) = ports.insert((port.protocol, port.port), port.place) {
                let message =
                    format!("the Service `{shown}` has {} {} twice", port.protocol.name(), port.port);
                let related = (first, "the first one");
                report.add_related(Code::SharedServicePort, port.place, message, "remove one", related);
            }
        }
        for address in &document.addresses {
            let at = address.value.to_canonical();
            if let Some(workload) = inventory.at(at) {
                let owner = format!("{}/{}", workload.identity.namespace, workload.name);
                let (code, message, cure) = if document.vouched {
                    (
                        Code::ServiceAtWorkload,
                        format!(
                            "`{at}` is an address of the Service `{shown}`, and of the workload `{owner}`"
                        ),
                        "give the address to one of them; nobody could tell which of them is dialled",
                    )
                } else {
                    contested.insert(at);
                    (
                        Code::ContestedServiceAddress,
                        format!("`{at}` is the workload's `{owner}`, so it is not the Service's `{shown}`"),
                        "give the Service another address, or mend the addresses of the workload",
                    )
                };
                let said = |of: &&&WorkloadDocument| {
                    of.everywhere().any(|(one, _)| one.addresses.iter().any(|own| own.to_canonical() == at))
                };
                match workloads.iter().find(said) {
                    Some(other) => {
                        let related = (other.name.span, "the workload");
                        report.add_related(code, address.span, message, cure, related);
                    }
                    None => report.add(code, address.span, message, cure),
                }
            }
            for (protocol, port) in ports.keys() {
                let (other, span) = dialled.entry((at, *protocol, *port)).or_insert((document, address.span));
                if std::ptr::eq(*other, document) {
                    continue;
                }
                let rival = format!("{}/{}", other.namespace, other.name.value);
                let dialled = format!("{} {port} at `{at}`", protocol.name());
                let (code, message) = if document.vouched {
                    let message = format!("{dialled} belongs to the Service `{shown}`, and to `{rival}`");
                    (Code::SharedServicePort, message)
                } else {
                    contested.insert(at);
                    let outcome =
                        if other.vouched { "it is not the former's" } else { "the address is neither's" };
                    let message =
                        format!("the Services `{shown}` and `{rival}` both claim {dialled}, so {outcome}");
                    (Code::ContestedServiceAddress, message)
                };
                let cure = "remove one, or give each its own address or port";
                report.add_related(code, address.span, message, cure, (*span, "the other one"));
            }
        }
    }
    contested
}

/// Slices by the namespace and the name of their Service.
type Slices<'d> = HashMap<&'d str, HashMap<&'d str, Vec<&'d SliceDocument>>>;

/// Who can be behind Services.
struct Behind<'d> {
    inventory: &'d Inventory,
    /// The positions of workloads, by namespace and label.
    labelled: HashMap<(&'d str, &'d str, &'d str), Vec<usize>>,
    slices: Slices<'d>,
}

impl<'d> Behind<'d> {
    fn new(
        documents: &[&'d ServiceDocument],
        slices: &[&'d SliceDocument],
        inventory: &'d Inventory,
        report: &mut Report,
    ) -> Self {
        let names = documents.iter().map(|d| (d.namespace.as_str(), d.name.value.as_str()));
        let names: HashSet<_> = names.collect();
        let mut by_service: Slices<'d> = HashMap::new();
        for slice in slices {
            let service = (slice.namespace.as_str(), slice.service.value.as_str());
            if !names.contains(&service) {
                let message =
                    format!("the Service `{}/{}` of this slice is in no document", service.0, service.1);
                let cure = "add the Service, or leave its slices out";
                report.add(Code::Unread, slice.service.span, message, cure);
            }
            by_service.entry(service.0).or_default().entry(service.1).or_default().push(slice);
        }
        let mut labelled: HashMap<_, Vec<usize>> = HashMap::new();
        if !documents.is_empty() {
            for (position, workload) in inventory.workloads().iter().enumerate() {
                let identity = &workload.identity;
                for (key, value) in &identity.labels {
                    let key = (identity.namespace.as_str(), key.as_str(), value.as_str());
                    labelled.entry(key).or_default().push(position);
                }
            }
        }
        Self { inventory, labelled, slices: by_service }
    }

    fn slices_of(&self, document: &ServiceDocument) -> Option<&Vec<&'d SliceDocument>> {
        self.slices.get(document.namespace.as_str())?.get(document.name.value.as_str())
    }

    /// Whether it is told who is behind a Service, even if that is nobody.
    fn is_told(&self, document: &ServiceDocument) -> bool {
        let mut selected = self.selected(&document.namespace, &document.selector);
        self.slices_of(document).is_some()
            || !document.backends.is_empty()
            || selected.any(|workload| workload.instances.iter().any(|i| !i.addresses.is_empty()))
    }

    /// Whose places decide who is behind a Service.
    fn follows(&self, document: &ServiceDocument) -> Follows {
        if self.slices_of(document).is_some() {
            return Follows::Nobody;
        }
        if !document.backends.is_empty() {
            return Follows::Addresses;
        }
        Follows::Selected(self.positions(&document.namespace, &document.selector))
    }

    /// The workloads that a selector means, as Kubernetes selects them.
    fn selected(&self, namespace: &str, selector: &Labels) -> impl Iterator<Item = &'d Workload> {
        let positions = self.positions(namespace, selector).into_iter();
        positions.filter_map(|at| self.inventory.workloads().get(at))
    }

    /// The positions of the workloads that a selector means.
    fn positions(&self, namespace: &str, selector: &Labels) -> Vec<usize> {
        let having = selector.iter().map(|(key, value)| {
            self.labelled.get(&(namespace, key.as_str(), value.as_str())).map_or(&[][..], Vec::as_slice)
        });
        let fewest = having.min_by_key(|positions| positions.len()).unwrap_or_default();
        let carries = |at: &usize| {
            self.inventory.workloads().get(*at).is_some_and(|workload| {
                selector.iter().all(|(key, value)| workload.identity.labels.get(key) == Some(value))
            })
        };
        fewest.iter().copied().filter(carries).collect()
    }

    fn port(
        &self,
        document: &ServiceDocument,
        port: &ServicePortDocument,
        report: &mut Report,
    ) -> ServicePort {
        let mut backends: BTreeSet<Backend> = BTreeSet::new();
        let mut add = |address: IpAddr, port: u16| {
            backends.insert(Backend { address: address.to_canonical(), port });
        };
        if let Some(slices) = self.slices_of(document) {
            for slice in slices {
                let same = |other: &&crate::document::SlicePort| {
                    (other.protocol, &other.name) == (port.protocol, &port.name)
                };
                for target in slice.ports.iter().filter(same) {
                    slice.addresses.iter().for_each(|address| add(*address, target.port));
                }
            }
        } else {
            let mut nameless: Option<&Workload> = None;
            let mut reached = |workload: Option<&'d Workload>, address: IpAddr| match &port.target {
                Target::Number(number) => add(address, *number),
                Target::Name(name) => match workload.map(|w| (w, named(w, port.protocol, &name.value))) {
                    Some((_, Some(number))) => add(address, number),
                    // Kubernetes sends nothing to whoever has no port of the name.
                    Some((workload, None)) => nameless = nameless.or(Some(workload)),
                    None => {}
                },
            };
            for address in &document.backends {
                reached(self.inventory.at(*address), *address);
            }
            for workload in self.selected(&document.namespace, &document.selector) {
                let addresses = workload.instances.iter().flat_map(|instance| &instance.addresses);
                addresses.for_each(|address| reached(Some(workload), *address));
            }
            let somebody = !document.backends.is_empty() || nameless.is_some();
            if let (Target::Name(name), true, true) = (&port.target, backends.is_empty(), somebody) {
                let message = format!(
                    "nobody behind the Service `{}/{}` has a {} port named `{}`",
                    document.namespace,
                    document.name.value,
                    port.protocol.name(),
                    name.value
                );
                let cure = "check the name against the `ports` of the workloads, or write the number";
                report.add(Code::NoTargetPort, name.span, message, cure);
            }
        }
        ServicePort {
            name: port.name.clone(),
            protocol: port.protocol,
            port: port.port,
            backends: backends.into_iter().collect(),
        }
    }
}

/// Whose places decide who is behind a Service.
enum Follows {
    /// Nobody's: it is written.
    Nobody,
    /// Those of workloads, by position, and what their ports are called.
    Selected(Vec<usize>),
    /// Those of whoever has some addresses.
    Addresses,
}

/// The number of a port that a workload gives this name.
pub(super) fn named(workload: &Workload, protocol: Protocol, name: &str) -> Option<u16> {
    let ports = workload.identity.ports.as_ref()?;
    ports.iter().find(|port| port.protocol == protocol && port.name == name).map(|port| port.port)
}
