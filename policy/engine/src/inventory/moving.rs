//! Workloads that move: the same inventory, with other places.

use alloc::{collections::BTreeSet, vec::Vec};
use core::net::IpAddr;

use super::{Backend, Instance, Inventory};

impl Inventory {
    /// Has workloads, by position and each at most once, run at other places, at the cost of what moves and of one look at all addresses.
    /// A position that nobody has is left alone. No two workloads may have an address in common, before or after.
    pub fn move_workloads(&mut self, moves: Vec<(usize, Vec<Instance>)>) {
        let moving: BTreeSet<usize> = moves.iter().map(|(position, _)| *position).collect();
        let mut come: Vec<(IpAddr, usize)> = Vec::new();
        for (position, instances) in moves {
            let Some(workload) = self.workloads.get_mut(position) else { continue };
            let addresses = instances.iter().flat_map(|instance| &instance.addresses);
            come.extend(addresses.map(|address| (address.to_canonical(), position)));
            workload.instances = instances;
        }
        come.sort_unstable();
        let mut come = come.into_iter().peekable();
        let mut all = Vec::with_capacity(self.index.by_address.len() + come.len());
        let stay = core::mem::take(&mut self.index.by_address);
        for place in stay.into_iter().filter(|(_, position)| !moving.contains(position)) {
            while let Some(first) = come.next_if(|first| *first < place) {
                all.push(first);
            }
            all.push(place);
        }
        all.extend(come);
        // Of workloads that share an address the first counts.
        all.dedup_by_key(|(address, _)| *address);
        self.index.by_address = all;
    }

    /// Puts others behind a port of a Service, both by position. Without such a port nothing happens.
    pub fn replace_backends(&mut self, service: usize, port: usize, backends: Vec<Backend>) {
        let port = self.services.get_mut(service).and_then(|service| service.ports.get_mut(port));
        if let Some(port) = port {
            port.backends = backends;
        }
    }

    /// The position of the workload at `address`, if any.
    pub fn position_at(&self, address: IpAddr) -> Option<usize> {
        let address = address.to_canonical();
        let by_address = &self.index.by_address;
        let place = by_address.binary_search_by(|(known, _)| known.cmp(&address)).ok()?;
        by_address.get(place).map(|(_, position)| *position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Workload, WorkloadIdentity};
    use alloc::{format, vec};

    fn at(addresses: &[&str]) -> Vec<Instance> {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        vec![Instance { addresses, ..Instance::default() }]
    }

    #[test]
    fn an_inventory_whose_workloads_moved_is_the_one_that_always_had_them_there() {
        let places: [&[&str]; 4] =
            [&["10.0.0.1", "fd00::1"], &["10.0.0.2"], &["10.0.0.3"], &["::ffff:10.0.0.4"]];
        let workload = |(number, places): (usize, &&[&str])| Workload {
            name: format!("w{number}"),
            identity: WorkloadIdentity::default(),
            instances: at(places),
        };
        let workloads: Vec<Workload> = places.iter().enumerate().map(workload).collect();
        let mut moved = Inventory::default().with_workloads(workloads.clone());
        let moves = vec![
            (0, at(&["10.0.0.9", "fd00::1"])),
            (2, Vec::new()),
            (3, at(&["10.0.0.1", "10.0.0.3"])),
            (17, at(&["10.0.0.2"])),
        ];
        moved.move_workloads(moves.clone());
        let mut expected = workloads;
        for (position, instances) in moves {
            if let Some(workload) = expected.get_mut(position) {
                workload.instances = instances;
            }
        }
        assert_eq!(moved, Inventory::default().with_workloads(expected));
        assert_eq!(moved.position_at("10.0.0.1".parse().unwrap()), Some(3));
    }
}
