//! Who a rule speaks of: workloads by what they are, and blocks of addresses.

use alloc::vec::Vec;
use ipnet::IpNet;
use serde::Serialize;

use crate::{
    Clause, Endpoint, Identity, Location, PrincipalPattern, Selector, Truth,
    tape::{Mismatch, Read, Value, object},
};

/// One peer of a rule; every part that is present must hold (S39).
///
/// The default says nothing, and so means everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerMatch {
    /// Workloads of the inventory.
    pub workloads: Option<Selector>,
    /// Addresses, those of workloads included (S13, as Kubernetes `ipBlock`): in one of these blocks.
    pub blocks: Clause<Block>,
    /// Verified SPIFFE ids: one of these (S41).
    pub principals: Clause<PrincipalPattern>,
    /// Peers of which none may be meant (S39).
    pub not: Vec<PeerMatch>,
}

impl PeerMatch {
    /// Workloads.
    pub fn workloads(selector: Selector) -> Self {
        Self { workloads: Some(selector), ..Self::default() }
    }

    /// Addresses.
    pub fn block(block: Block) -> Self {
        Self { blocks: Clause::only(block), ..Self::default() }
    }

    /// Everybody but these.
    pub fn none_of(peers: Vec<Self>) -> Self {
        Self { not: peers, ..Self::default() }
    }

    /// Whether `endpoint` is meant.
    pub fn holds(&self, endpoint: &Endpoint<'_>) -> Truth {
        let workloads = self.workloads.as_ref().map_or(Truth::Yes, |s| s.holds(&endpoint.identity));
        if workloads == Truth::No {
            return Truth::No;
        }
        workloads
            .and(self.blocks.holds(|block| block.holds(endpoint.location)))
            .and(self.principals.holds(|pattern| pattern.holds(endpoint)))
            .and(Truth::any(&self.not, |peer| peer.holds(endpoint)).negated())
    }

    /// Every network named in it, exceptions and negations included.
    pub fn nets(&self) -> Vec<IpNet> {
        let mut found = Vec::new();
        self.collect_nets(&mut found);
        found
    }

    fn collect_nets(&self, found: &mut Vec<IpNet>) {
        found.extend(self.blocks.alternatives().unwrap_or_default().iter().flat_map(Block::nets));
        self.not.iter().for_each(|peer| peer.collect_nets(found));
    }

    /// Whether it names a network anywhere.
    pub fn names_blocks(&self) -> bool {
        !self.blocks.is_any() || self.not.iter().any(Self::names_blocks)
    }

    /// Whether it asks for a principal anywhere.
    pub fn asks_for_principal(&self) -> bool {
        !self.principals.is_any() || self.not.iter().any(Self::asks_for_principal)
    }
}

impl Clause<PeerMatch> {
    /// Whether `endpoint` is among these peers. Where it may be one of several workloads, each is tried against all
    /// peers, so that peers which together mean all of them leave no doubt (S22).
    pub fn means(&self, endpoint: &Endpoint<'_>) -> Truth {
        let meant = |endpoint: &Endpoint<'_>| self.holds(|peer| peer.holds(endpoint));
        match &endpoint.identity {
            Identity::Candidates(list) => Truth::agreed(
                list.iter().map(|workload| meant(&endpoint.known_as(Identity::Workload(workload)))),
            ),
            _ => meant(endpoint),
        }
    }
}

/// A block of addresses without some smaller blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Block {
    cidr: IpNet,
    except: Vec<IpNet>,
}

/// A block that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Host bits are set: `10.0.0.1/8`.
    #[error("the block has host bits set")]
    HostBits,
    /// An exception that lies outside the block, or is the block itself.
    #[error("an exception must lie strictly inside its block")]
    ExceptOutside,
    /// An IPv4-mapped IPv6 block, which would never match (S14).
    #[error("an IPv4-mapped block never matches; write the IPv4 block")]
    Mapped,
}

impl Block {
    /// The addresses of `cidr` that lie in none of `except`.
    ///
    /// # Errors
    /// When host bits are set, an exception is not strictly inside, or a block is IPv4-mapped.
    pub fn new(cidr: IpNet, except: Vec<IpNet>) -> Result<Self, BlockError> {
        for net in core::iter::once(&cidr).chain(&except) {
            if net.trunc() != *net {
                return Err(BlockError::HostBits);
            }
            if matches!(net, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some()) {
                return Err(BlockError::Mapped);
            }
        }
        if except.iter().any(|net| !cidr.contains(net) || *net == cidr) {
            return Err(BlockError::ExceptOutside);
        }
        Ok(Self { cidr, except })
    }

    /// The block itself, then its exceptions.
    pub fn nets(&self) -> impl Iterator<Item = IpNet> {
        core::iter::once(self.cidr).chain(self.except.iter().copied())
    }

    /// Whether an address at `location` is meant.
    pub fn holds(&self, location: Location) -> Truth {
        match location {
            Location::Unknown => Truth::Unknown,
            Location::Elsewhere => Truth::No,
            Location::Block(net) => {
                (self.cidr.contains(&net) && !self.except.iter().any(|e| e.contains(&net))).into()
            }
        }
    }
}

object!(PeerMatch { workloads: "workloads", blocks: "blocks", principals: "principals", not: "not" });

impl Read for Block {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let [cidr, except] = value.members(["cidr", "except"])?;
        Self::new(cidr.read()?, except.read()?).map_err(|error| Mismatch::because(&error))
    }
}
