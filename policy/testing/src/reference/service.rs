//! Services: who is behind what is dialled, and what holds at the source then (S70–S74).

use core::net::{IpAddr, Ipv4Addr};

use bookend_engine::{Protocol, Verdict};
use serde_json::Value;

use super::document::{Action, Documents, list, text};
use super::{Facts, Ruling, named, protocol};

/// A Service, as it is written in an inventory or a manifest.
#[derive(Clone, Debug, Default)]
pub(super) struct Service {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) selector: Value,
    pub(super) backends: Vec<IpAddr>,
    pub(super) ports: Vec<Value>,
    /// Whether an inventory says it.
    pub(super) vouched: bool,
}

/// An EndpointSlice.
#[derive(Clone, Debug)]
pub(super) struct Slice {
    pub(super) namespace: String,
    pub(super) service: String,
    pub(super) body: Value,
}

/// An address that nobody has, and that stands for one that no rule names.
pub(super) const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::BROADCAST);

/// The addresses in a list.
pub(super) fn addresses(value: &Value, field: &str) -> Vec<IpAddr> {
    list(value, field).iter().filter_map(|a| a.as_str()?.parse().ok()).collect()
}

impl Service {
    /// A Service of an inventory.
    pub(super) fn of_inventory(entry: &Value) -> Self {
        let namespace = entry.get("namespace").and_then(Value::as_str).unwrap_or("default");
        Self {
            namespace: namespace.to_owned(),
            name: text(entry, "name").to_owned(),
            addresses: addresses(entry, "addresses"),
            selector: entry.get("selector").cloned().unwrap_or_default(),
            backends: addresses(entry, "backends"),
            ports: list(entry, "ports").to_vec(),
            vouched: true,
        }
    }

    /// A Service as a manifest has it.
    pub(super) fn of_manifest(namespace: String, name: String, document: &Value) -> Self {
        let nothing = Value::Null;
        let spec = document.get("spec").unwrap_or(&nothing);
        let mut found = addresses(spec, "clusterIP");
        found.extend(addresses(spec, "clusterIPs"));
        if text(spec, "type") == "ExternalName" {
            found.clear();
        }
        let selector = spec.get("selector").cloned().unwrap_or_default();
        let ports = list(spec, "ports").to_vec();
        Self { namespace, name, addresses: found, selector, backends: Vec::new(), ports, vouched: false }
    }
}

/// Everybody whom somebody may reach who dials this, and at which port.
pub(super) fn behind(documents: &Documents, at: IpAddr, over: Protocol, dialled: u16) -> Vec<(IpAddr, u16)> {
    let mut found = Vec::new();
    let mut there: Vec<&Service> = documents.services.iter().filter(|s| s.addresses.contains(&at)).collect();
    let contests = |one: &&Service, other: &&Service| {
        let same = |a: &Value, b: &Value| protocol(a) == protocol(b) && a.get("port") == b.get("port");
        !std::ptr::eq(*one, *other) && one.ports.iter().any(|a| other.ports.iter().any(|b| same(a, b)))
    };
    // What manifests contest is no manifest's (S70).
    if there.iter().any(|one| !one.vouched && there.iter().any(|other| contests(one, other))) {
        there.retain(|service| service.vouched);
    }
    for service in there {
        for port in &service.ports {
            if protocol(port) != over || port.get("port").and_then(Value::as_u64) != Some(dialled.into()) {
                continue;
            }
            found.extend(backends(documents, service, port));
        }
    }
    found.retain(|(address, _)| address.is_ipv6() == at.is_ipv6());
    found
}

fn backends(documents: &Documents, service: &Service, port: &Value) -> Vec<(IpAddr, u16)> {
    let ours = |slice: &&Slice| (&slice.namespace, &slice.service) == (&service.namespace, &service.name);
    let slices: Vec<&Slice> = documents.slices.iter().filter(ours).collect();
    let number = |value: &Value| value.as_u64().and_then(|number| u16::try_from(number).ok());
    let mut found = Vec::new();
    for slice in &slices {
        let same =
            |other: &&Value| text(other, "name") == text(port, "name") && protocol(other) == protocol(port);
        for target in list(&slice.body, "ports").iter().filter(same).filter_map(|p| number(p.get("port")?)) {
            for endpoint in list(&slice.body, "endpoints").iter().filter(|endpoint| is_used(endpoint)) {
                found.extend(addresses(endpoint, "addresses").into_iter().map(|address| (address, target)));
            }
        }
    }
    if !slices.is_empty() {
        return found;
    }
    let mut reached = service.backends.clone();
    if let Some(wanted) = service.selector.as_object().filter(|labels| !labels.is_empty()) {
        for workload in documents.workloads.iter().filter(|w| w.namespace == service.namespace) {
            if wanted.iter().all(|(key, value)| workload.labels.get(key) == Some(value)) {
                reached.extend(&workload.addresses);
            }
        }
    }
    for address in reached {
        let own = documents.at(address).and_then(|workload| workload.ports.as_ref());
        let target = match port.get("targetPort").or_else(|| port.get("port")) {
            Some(Value::String(name)) => own.into_iter().flatten().find_map(|own| {
                let (known, number, over) = named(own)?;
                (known == name && over == protocol(port)).then_some(number)
            }),
            target => target.and_then(Value::as_u64),
        };
        found.extend(target.and_then(|number| u16::try_from(number).ok()).map(|number| (address, number)));
    }
    found
}

fn is_used(endpoint: &Value) -> bool {
    let condition = |name: &str| endpoint.get("conditions")?.get(name)?.as_bool();
    let ready = condition("ready").unwrap_or(true);
    ready || (condition("serving").unwrap_or(ready) && condition("terminating").unwrap_or(false))
}

impl Facts<'_> {
    /// What holds at the source, and so altogether, for whoever dials a Service that has these behind it.
    pub(super) fn through(&self, behind: &[(IpAddr, u16)], dialled: IpAddr, rehearsal: bool) -> Ruling {
        let (mut naming, mut rulings) = (Vec::new(), Vec::new());
        for (address, port) in behind {
            let mut facts = self.toward(*address, *port);
            rulings.push(facts.decide(rehearsal));
            facts.destination.address = Some(dialled);
            facts.port = self.port;
            facts.naming = true;
            let denied = facts.decide(rehearsal);
            let by_rule = self.documents.rules.iter().find(|rule| rule.id == denied.id);
            naming.extend(by_rule.filter(|rule| rule.action == Action::Deny).map(|_| denied));
        }
        let first = |rulings: &[Ruling], wanted: &dyn Fn(&Ruling) -> bool| {
            rulings.iter().filter(|ruling| wanted(ruling)).min_by(|a, b| a.id.cmp(&b.id)).cloned()
        };
        first(&naming, &|_| true)
            .or_else(|| first(&rulings, &|ruling| ruling.verdict == Verdict::Deny))
            .or_else(|| first(&rulings, &|ruling| ruling.id != super::UNRULED))
            .unwrap_or_else(Ruling::default)
    }

    /// Whether a deny rule says something of the destination because of where it is (S72).
    pub(super) fn is_named(&self, rule: &super::Rule) -> bool {
        let mut elsewhere = self.toward(NOWHERE, self.port);
        elsewhere.destination.candidates.clone_from(&self.destination.candidates);
        elsewhere.destination.principals.clone_from(&self.destination.principals);
        self.means(rule) != elsewhere.means(rule)
    }
}
