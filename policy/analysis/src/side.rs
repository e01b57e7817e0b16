//! Who can be at an end, as the programs that are analysed see them.

use bookend_engine::{Endpoint, Identity, Inventory, IpNet, Location, Principal, Program, WorkloadIdentity};

/// A program and the inventory it is read with.
#[derive(Clone, Copy, Debug)]
pub struct Side<'s> {
    /// The policies.
    pub program: &'s Program,
    /// The workloads.
    pub inventory: &'s Inventory,
}

/// Where somebody is, as far as any rule tells places apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// In this block, and in no smaller one that a rule names.
    Block(IpNet),
    /// In no block that a rule names.
    Elsewhere,
}

impl Place {
    pub(crate) fn location(self) -> Location {
        match self {
            Self::Block(net) => Location::Block(net),
            Self::Elsewhere => Location::Elsewhere,
        }
    }
}

/// Somebody as one side sees them: a workload of its inventory, or somebody outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Seen<'s> {
    pub(crate) identity: Option<&'s WorkloadIdentity>,
    pub(crate) place: Place,
}

impl<'s> Seen<'s> {
    pub(crate) fn namespace(&self) -> Option<&'s str> {
        self.identity.map(|identity| identity.namespace.as_str())
    }

    /// The endpoint the engine is asked about: somebody at its own address, as the kernel sees it, and as a proxy does
    /// that has verified its certificate.
    pub(crate) fn endpoint(&self, inventory: &'s Inventory) -> Endpoint<'s> {
        let (identity, principal) = match self.identity {
            Some(identity) => {
                let trust_domain = inventory.trust_domain();
                (Identity::Workload(identity), Principal::Derived { trust_domain })
            }
            None => (Identity::Outside, Principal::Open),
        };
        Endpoint { identity, location: self.place.location(), principal }
    }
}

/// A workload by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name<'s> {
    /// Its namespace.
    pub namespace: &'s str,
    /// Its name there.
    pub name: &'s str,
}

impl core::fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Everybody between whom no rule makes a difference: a class of workloads, or of addresses of nobody in the inventory.
#[derive(Clone, Debug)]
pub struct Party<'s> {
    /// The workloads, by name; none for those outside.
    pub workloads: Vec<Name<'s>>,
    /// Where those outside are; empty for workloads.
    pub places: Vec<Place>,
    pub(crate) seen: Vec<Seen<'s>>,
}

impl<'s> Party<'s> {
    /// Whether these are workloads, on any side.
    pub fn is_workload(&self) -> bool {
        !self.workloads.is_empty()
    }

    /// What policies of side `side` know them by; none where they are outside of its inventory.
    pub fn identity(&self, side: usize) -> Option<&'s WorkloadIdentity> {
        self.seen.get(side)?.identity
    }

    /// The namespace of workloads.
    pub fn namespace(&self) -> Option<&'s str> {
        self.workloads.first().map(|name| name.namespace)
    }
}
