//! What is asked about: a connection, what is known of its ends, and what travels on it.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::net::IpAddr;
use ipnet::IpNet;

use crate::{Labels, Principal, Protocol, Request, WorkloadIdentity};

/// An end of a connection, and with it the direction a rule governs there: egress at the source, ingress
/// at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// Where the connection is opened.
    Source,
    /// Where it is accepted.
    Destination,
}

impl End {
    /// Both ends, in the order a packet meets them.
    pub const BOTH: [Self; 2] = [Self::Source, Self::Destination];

    /// `source` or `destination`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }
}

/// Who is at an end, as far as the observer can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity<'a> {
    /// Certainly none of the workloads of the inventory.
    Outside,
    /// Exactly this workload.
    Workload(&'a WorkloadIdentity),
    /// One of these; which one cannot be told.
    Candidates(Vec<&'a WorkloadIdentity>),
    /// A verified account of which no workload is known: its labels are in doubt.
    Account {
        /// The verified namespace.
        namespace: String,
        /// The verified service account.
        service_account: String,
        /// The labels of the namespace, if the inventory knows it.
        namespace_labels: Option<Arc<Labels>>,
    },
    /// Nothing is known; it may be anyone.
    Anonymous,
    /// Nothing is proven, but it comes from this workload's address. It may be anyone, but if it is that workload
    /// its own policy must hold (S25): an address alone convicts and never acquits.
    Claimed(&'a WorkloadIdentity),
}

/// Where an end is, as far as the observer can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// Somewhere in this block, and in no smaller block that any rule names. An address is a block of one.
    Block(IpNet),
    /// In no block that any rule names.
    Elsewhere,
    /// The address cannot be told.
    Unknown,
}

impl Location {
    /// The location of one address. IPv4-mapped IPv6 addresses are the IPv4 address (RFC 4291, 2.5.5.2).
    pub fn of(address: IpAddr) -> Self {
        Self::Block(IpNet::from(address.to_canonical()))
    }
}

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// Who it is.
    pub identity: Identity<'a>,
    /// Where it is.
    pub location: Location,
    /// What is known of its SPIFFE id.
    pub principal: Principal<'a>,
}

impl<'a> Endpoint<'a> {
    /// The same end, taken for `identity`.
    #[must_use]
    pub fn known_as<'b>(&self, identity: Identity<'b>) -> Endpoint<'b>
    where
        'a: 'b,
    {
        Endpoint { identity, location: self.location, principal: self.principal }
    }
}

/// A connection, from the end that opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection<'a> {
    /// Who opens it.
    pub source: Endpoint<'a>,
    /// Who accepts it.
    pub destination: Endpoint<'a>,
    /// Its protocol.
    pub protocol: Protocol,
    /// The destination's port, 1–65535. For ICMP, `type × 256 + code` of the packet that opens (S45); 0 for other protocols
    /// without ports.
    pub port: u16,
}

impl<'a> Connection<'a> {
    /// The endpoint at `end`.
    pub fn at(&self, end: End) -> &Endpoint<'a> {
        match end {
            End::Source => &self.source,
            End::Destination => &self.destination,
        }
    }
}

/// What is known of the traffic on a connection.
#[derive(Clone, Copy, Debug)]
pub enum Exchange<'a> {
    /// Nothing yet: the packet layer's question (S5, the projection).
    Packet,
    /// A stream that the proxy does not take for HTTP: what travels on it is not known (S34).
    Stream,
    /// An HTTP request.
    Http(&'a Request<'a>),
}
