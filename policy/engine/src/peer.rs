//! Who a rule speaks of: workloads by what they are, and blocks of addresses.

use alloc::{string::String, vec::Vec};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Clause, Endpoint, Identity, LabelExpression, Labels, Location, Truth, WorkloadIdentity};

/// One peer of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PeerMatch {
    /// Workloads of the inventory.
    Workloads(Selector),
    /// Addresses, those of workloads included (S13, as Kubernetes `ipBlock`).
    Block(Block),
}

impl PeerMatch {
    /// Whether `endpoint` is meant.
    pub fn holds(&self, endpoint: &Endpoint<'_>) -> Truth {
        match self {
            Self::Workloads(selector) => selector.holds(&endpoint.identity),
            Self::Block(block) => block.holds(endpoint.location),
        }
    }
}

impl Clause<PeerMatch> {
    /// Whether `endpoint` is among these peers. Where it may be one of several workloads, each is tried against all
    /// peers, so that peers which together mean all of them leave no doubt (S22).
    pub fn means(&self, endpoint: &Endpoint<'_>) -> Truth {
        let meant = |endpoint: &Endpoint<'_>| self.holds(|peer| peer.holds(endpoint));
        match &endpoint.identity {
            Identity::Candidates(list) => Truth::agreed(list.iter().map(|workload| {
                meant(&Endpoint { identity: Identity::Workload(workload), location: endpoint.location })
            })),
            _ => meant(endpoint),
        }
    }
}

/// Selects workloads; every part that is present must hold (S11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Selector {
    /// The namespace.
    pub namespace: String,
    /// Labels the workload must have, with these values.
    pub labels: Labels,
    /// Expressions over its labels, all of which must hold.
    pub expressions: Vec<LabelExpression>,
    /// Service accounts, one of which it must run under.
    pub service_accounts: Clause<String>,
}

impl Selector {
    /// Whether the selector means a workload that is known exactly.
    pub fn selects(&self, workload: &WorkloadIdentity) -> bool {
        self.account_holds(&workload.namespace, &workload.service_account)
            && self.labels.iter().all(|(key, value)| workload.labels.get(key) == Some(value))
            && self.expressions.iter().all(|expression| expression.holds(&workload.labels))
    }

    /// Whether the selector means whoever is known by `identity`.
    pub fn holds(&self, identity: &Identity<'_>) -> Truth {
        match identity {
            Identity::Outside => Truth::No,
            Identity::Workload(workload) => self.selects(workload).into(),
            Identity::Candidates(list) => Truth::agreed(list.iter().map(|w| self.selects(w).into())),
            Identity::Account { namespace, service_account } => {
                let any_labels = self.labels.is_empty() && self.expressions.is_empty();
                match (self.account_holds(namespace, service_account), any_labels) {
                    (false, _) => Truth::No,
                    (true, true) => Truth::Yes,
                    (true, false) => Truth::Unknown,
                }
            }
            Identity::Anonymous | Identity::Claimed(_) => Truth::Unknown,
        }
    }

    fn account_holds(&self, namespace: &str, service_account: &str) -> bool {
        self.namespace == namespace
            && self
                .service_accounts
                .alternatives()
                .is_none_or(|list| list.iter().any(|a| a == service_account))
    }
}

/// A block of addresses without some smaller blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawBlock", into = "RawBlock")]
pub struct Block {
    cidr: IpNet,
    except: Vec<IpNet>,
}

/// The serialized form of [`Block`], before it is checked.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawBlock {
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

impl TryFrom<RawBlock> for Block {
    type Error = BlockError;

    fn try_from(raw: RawBlock) -> Result<Self, BlockError> {
        Self::new(raw.cidr, raw.except)
    }
}

impl From<Block> for RawBlock {
    fn from(Block { cidr, except }: Block) -> Self {
        Self { cidr, except }
    }
}
