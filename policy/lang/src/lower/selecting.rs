//! Services that follow the workloads they select, while these move.

use core::net::IpAddr;
use std::collections::{BTreeSet, HashMap, HashSet};

use super::services::named;
use crate::document::{ServiceDocument, Target};
use bookend_engine::{Backend, Inventory, Protocol};

/// Which Services of an inventory are behind by selectors, and by which.
#[derive(Debug, Default)]
pub(crate) struct Selecting {
    services: Vec<Selector>,
    /// Those that select a workload, by its position.
    by_workload: HashMap<usize, Vec<usize>>,
    /// Every address that documents give a Service, whoever it belongs to.
    pub(super) addresses: HashSet<IpAddr>,
}

/// A Service and those it selects.
#[derive(Debug)]
struct Selector {
    /// Its position in the inventory.
    service: usize,
    /// The positions of the workloads.
    selected: Vec<usize>,
    ports: Vec<(Protocol, To)>,
}

/// The port behind a port.
#[derive(Debug)]
enum To {
    Number(u16),
    Name(String),
}

impl Selecting {
    /// Adds the Service at a position, which selects the workloads at others.
    pub(super) fn add(&mut self, service: usize, selected: &[usize], document: &ServiceDocument) {
        let ports = document.ports.iter().map(|port| {
            let to = match &port.target {
                Target::Number(number) => To::Number(*number),
                Target::Name(name) => To::Name(name.value.clone()),
            };
            (port.protocol, to)
        });
        for workload in selected {
            self.by_workload.entry(*workload).or_default().push(self.services.len());
        }
        self.services.push(Selector { service, selected: selected.to_vec(), ports: ports.collect() });
    }

    /// Whether a Service claims an address.
    pub(super) fn claims(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address.to_canonical())
    }

    /// Puts those behind Services who are there now that some workloads moved. Whether each port has somebody behind it if it
    /// had somebody before; otherwise something else would be said about it.
    pub(super) fn follow(&self, moved: &[usize], inventory: &mut Inventory) -> bool {
        let concerned: BTreeSet<usize> =
            moved.iter().filter_map(|workload| self.by_workload.get(workload)).flatten().copied().collect();
        let mut alike = true;
        for selector in concerned.into_iter().filter_map(|position| self.services.get(position)) {
            for (position, (protocol, to)) in selector.ports.iter().enumerate() {
                let backends = selector.behind(*protocol, to, inventory);
                let known = inventory.services().get(selector.service);
                let before = known.and_then(|service| service.ports.get(position)).map(|port| &port.backends);
                if before == Some(&backends) {
                    continue;
                }
                alike &= before.is_some_and(|before| before.is_empty() == backends.is_empty());
                inventory.replace_backends(selector.service, position, backends);
            }
        }
        alike
    }
}

impl Selector {
    fn behind(&self, protocol: Protocol, to: &To, inventory: &Inventory) -> Vec<Backend> {
        let mut backends = Vec::new();
        for workload in self.selected.iter().filter_map(|position| inventory.workloads().get(*position)) {
            let port = match to {
                To::Number(number) => Some(*number),
                To::Name(name) => named(workload, protocol, name),
            };
            let Some(port) = port else { continue };
            let addresses = workload.instances.iter().flat_map(|instance| &instance.addresses);
            backends.extend(addresses.map(|address| Backend { address: address.to_canonical(), port }));
        }
        backends.sort_unstable();
        backends.dedup();
        backends
    }
}
