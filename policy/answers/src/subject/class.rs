//! Addresses that no rule tells apart.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bookend_engine::{Block, IpNet, PeerMatch, Program, Workload};

/// The networks that rules speak of.
pub struct Classes {
    nets: Vec<IpNet>,
}

impl Classes {
    /// Every network named in a program, exceptions and negations included.
    pub fn new(program: &Program) -> Self {
        let clauses = program.rules().iter().flat_map(|rule| [&rule.from, &rule.to]);
        let mut nets: Vec<IpNet> =
            clauses.filter_map(|clause| clause.alternatives()).flatten().flat_map(PeerMatch::nets).collect();
        nets.sort_unstable();
        nets.dedup();
        Self { nets }
    }

    /// The addresses of one instance of each class of instances, of those that have any.
    pub fn distinct(&self, workload: &Workload) -> Vec<Vec<IpAddr>> {
        let with_addresses = workload.instances.iter().filter(|instance| !instance.addresses.is_empty());
        let mut classes: BTreeMap<Vec<(bool, Vec<usize>)>, Vec<IpAddr>> = BTreeMap::new();
        let mut order = Vec::new();
        for instance in with_addresses {
            let mut class: Vec<_> = instance.addresses.iter().map(|address| self.class(*address)).collect();
            class.sort();
            classes.entry(class.clone()).or_insert_with(|| {
                order.push(class);
                instance.addresses.clone()
            });
        }
        order.iter().filter_map(|class| classes.remove(class)).collect()
    }

    /// The family of an address, and the networks it is in.
    fn class(&self, address: IpAddr) -> (bool, Vec<usize>) {
        let address = address.to_canonical();
        let inside = self.nets.iter().enumerate().filter(|(_, net)| net.contains(&address));
        (address.is_ipv6(), inside.map(|(number, _)| number).collect())
    }

    /// Whether a rule speaks of the address.
    pub fn names(&self, address: IpAddr) -> bool {
        self.nets.iter().any(|net| net.contains(&address))
    }
}

/// How many addresses of a block are looked at.
const MOST_TRIED: usize = 4096;

/// An address of a block, not of its exceptions, that satisfies `wanted`.
pub(crate) fn member(block: &Block, wanted: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
    let mut nets = block.nets();
    let whole = nets.next()?;
    let except: Vec<IpNet> = nets.collect();
    let inside = |address: &IpAddr| !except.iter().any(|net| net.contains(address));
    // The address after each exception, for one that is larger than what is looked at.
    let after = except.iter().filter_map(|net| next(net.broadcast()));
    let candidates = whole.hosts().take(MOST_TRIED).chain(after);
    candidates.into_iter().find(|address| whole.contains(address) && inside(address) && wanted(address))
}

fn next(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => Some(std::net::Ipv4Addr::from_bits(address.to_bits().checked_add(1)?).into()),
        IpAddr::V6(address) => Some(std::net::Ipv6Addr::from_bits(address.to_bits().checked_add(1)?).into()),
    }
}
