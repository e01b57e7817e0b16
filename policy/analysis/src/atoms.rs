//! Addresses, cut along the blocks that rules name.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

use bookend_engine::IpNet;

use crate::Place;

/// The blocks that rules name.
pub(crate) struct Atoms {
    nets: HashSet<IpNet>,
    /// Prefix lengths in use, longest first.
    lengths: [Vec<u8>; 2],
}

impl Atoms {
    pub(crate) fn new(nets: impl IntoIterator<Item = IpNet>) -> Self {
        let nets: HashSet<IpNet> = nets.into_iter().collect();
        let mut lengths = [BTreeSet::new(), BTreeSet::new()];
        let [v4, v6] = &mut lengths;
        for net in &nets {
            let of_family = if net.addr().is_ipv4() { &mut *v4 } else { &mut *v6 };
            of_family.insert(net.prefix_len());
        }
        Self { nets, lengths: lengths.map(|set| set.into_iter().rev().collect()) }
    }

    /// The smallest named block around the first `below` bits of `address`.
    fn around(&self, address: IpAddr, below: u8) -> Option<IpNet> {
        let [v4, v6] = &self.lengths;
        let lengths = if address.is_ipv4() { v4 } else { v6 };
        lengths
            .iter()
            .filter(|length| **length < below)
            .filter_map(|length| IpNet::new(address, *length).ok())
            .map(|net| net.trunc())
            .find(|net| self.nets.contains(net))
    }

    /// Where an address is.
    pub(crate) fn place(&self, address: IpAddr) -> Place {
        self.around(address.to_canonical(), u8::MAX).map_or(Place::Elsewhere, Place::Block)
    }

    /// The places where somebody outside can be, given the addresses of all workloads: every block in which an
    /// address is left that lies neither in a smaller block nor belongs to a workload, and the rest of the world.
    pub(crate) fn outside(&self, taken: &HashSet<IpAddr>) -> Vec<Place> {
        let mut used: BTreeMap<IpNet, u128> = BTreeMap::new();
        for net in &self.nets {
            if let Some(parent) = self.around(net.addr(), net.prefix_len()) {
                let inside = used.entry(parent).or_default();
                *inside = inside.saturating_add(size(*net));
            }
        }
        for address in taken {
            if let Place::Block(net) = self.place(*address) {
                let inside = used.entry(net).or_default();
                *inside = inside.saturating_add(1);
            }
        }
        let mut nets: Vec<_> = self.nets.iter().copied().collect();
        nets.sort_unstable();
        let has_room = |net: &IpNet| used.get(net).is_none_or(|used| *used < size(*net));
        let mut places: Vec<_> = nets.into_iter().filter(has_room).map(Place::Block).collect();
        places.push(Place::Elsewhere);
        places
    }
}

/// How many addresses a block has; the largest number there is for `::/0`.
fn size(net: IpNet) -> u128 {
    let free = u32::from(net.max_prefix_len() - net.prefix_len());
    1_u128.checked_shl(free).unwrap_or(u128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_in_the_smallest_block_around_it() {
        let atoms = Atoms::new(["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"].map(net));
        assert_eq!(atoms.place("10.1.2.3".parse().unwrap()), Place::Block(net("10.1.0.0/16")));
        assert_eq!(atoms.place("::ffff:10.2.2.3".parse().unwrap()), Place::Block(net("10.0.0.0/8")));
        assert_eq!(atoms.place("2001:db8::1".parse().unwrap()), Place::Block(net("2001:db8::/32")));
        assert_eq!(atoms.place("192.0.2.1".parse().unwrap()), Place::Elsewhere);
    }

    #[test]
    fn nobody_is_in_a_block_of_which_nothing_is_left() {
        let atoms = Atoms::new(["10.0.0.0/31", "10.0.0.0/32", "10.0.1.0/30", "::/0"].map(net));
        let taken = HashSet::from(["10.0.0.1".parse().unwrap()]);
        let expected = [net("10.0.0.0/32"), net("10.0.1.0/30"), net("::/0")].map(Place::Block);
        assert_eq!(atoms.outside(&taken), [&expected[..], &[Place::Elsewhere]].concat());
    }
}
