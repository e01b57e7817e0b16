//! Ports that rules name, and what Services say of them.

use std::collections::HashMap;
use std::net::IpAddr;

use bookend_engine::{Plane, Protocol, Service, ServicePort};

use super::{Clash, Planes, numbers};
use crate::engine::conditions;
use crate::ground::Indexed;
use crate::side::{Name, Party};

/// Prefixes of the names of Services' ports by which Istio takes what they carry for something other than requests it can read
/// (istio.io, "Explicit protocol selection").
const OPAQUE: [&str; 6] = ["tcp", "tls", "https", "mongo", "mysql", "redis"];

/// How many workloads of a class are looked at.
const MAX_WORKLOADS: usize = 8;

/// The ports of Services that lead to an address, and to which port there.
type Served<'s> = HashMap<IpAddr, Vec<(&'s Service, &'s ServicePort, u16)>>;

impl<'s> Planes<'_, 's> {
    /// Ports of Services where ports of pods are meant, and requests on ports that carry none.
    pub(super) fn ports(&self) -> Vec<Clash<'s>> {
        let mut served: Served<'s> = HashMap::new();
        for service in self.side.inventory.services() {
            for port in service.ports.iter().filter(|port| port.protocol == Protocol::Tcp) {
                for backend in &port.backends {
                    served.entry(backend.address).or_default().push((service, port, backend.port));
                }
            }
        }
        if served.is_empty() {
            return Vec::new();
        }
        let mut addresses: HashMap<Name<'s>, Vec<IpAddr>> = HashMap::new();
        for workload in self.side.inventory.workloads() {
            let name = Name { namespace: &workload.identity.namespace, name: &workload.name };
            let own = workload.instances.iter().flat_map(|instance| &instance.addresses);
            addresses.entry(name).or_default().extend(own);
        }
        let behind = |party: &Party<'s>| {
            let own = party.workloads.iter().take(MAX_WORKLOADS).filter_map(|name| addresses.get(name));
            own.flatten().filter_map(|at| served.get(at)).flatten().copied().collect::<Vec<_>>()
        };
        let mut known: HashMap<u32, Vec<(&'s Service, &'s ServicePort, u16)>> = HashMap::new();
        let mut found = Vec::new();
        for rule in self.rules(Plane::Network).chain(self.rules(Plane::Mesh)) {
            let destinations = self.destinations(rule);
            for (class, party) in &destinations {
                known.entry(*class).or_insert_with(|| behind(party));
            }
            let there: Vec<_> = destinations
                .iter()
                .map(|(class, party)| (*party, known.get(class).map_or(&[][..], Vec::as_slice)))
                .collect();
            found.extend(service_port(rule, &there));
            if rule.rule.plane == Plane::Mesh {
                found.extend(without_requests(rule, &there));
            }
        }
        found
    }
}

/// A destination, and the ports of Services that lead to it.
type There<'p, 's> = (&'p Party<'s>, &'p [(&'s Service, &'s ServicePort, u16)]);

/// A number that is a Service's, and that nobody behind it listens on as far as anything says.
fn service_port<'s>(rule: &Indexed<'s>, there: &[There<'_, 's>]) -> Option<Clash<'s>> {
    numbers(rule.rule).into_iter().find_map(|number| {
        let used = there.iter().any(|(party, served)| {
            let own = party.identity(0).and_then(|identity| identity.ports.as_ref());
            let named = own.is_some_and(|ports| ports.iter().any(|port| port.port == number));
            named || served.iter().any(|(.., target)| *target == number)
        });
        let all = there.iter().flat_map(|(_, served)| *served);
        let (service, _, target) = all.filter(|_| !used).find(|(_, port, _)| port.port == number)?;
        Some(Clash::ServicePort { rule: &rule.rule.id, service, port: number, target: *target })
    })
}

/// A port by whose name Istio knows that no requests come there.
fn without_requests<'s>(rule: &Indexed<'s>, there: &[There<'_, 's>]) -> Option<Clash<'s>> {
    if conditions(rule.rule).is_empty() {
        return None;
    }
    let opaque = |port: &'s ServicePort| {
        let name = port.name.as_deref()?;
        let protocol = name.split_once('-').map_or(name, |(protocol, _)| protocol);
        OPAQUE.contains(&protocol).then_some(name)
    };
    let numbers = numbers(rule.rule);
    let meant = |target: u16| rule.rule.ports.is_any() || numbers.contains(&target);
    let mut all = there.iter().flat_map(|(_, served)| *served).filter(|(.., target)| meant(*target));
    // A rule for every port is meant for those that carry requests, if there are any.
    if rule.rule.ports.is_any() && all.clone().any(|(_, port, _)| opaque(port).is_none()) {
        return None;
    }
    let (service, name) = all.find_map(|(service, port, _)| Some((*service, opaque(port)?)))?;
    Some(Clash::NoRequests { rule: &rule.rule.id, action: rule.rule.action, service, name })
}
