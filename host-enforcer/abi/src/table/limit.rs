//! How much of what a rule allows may come.

use crate::Address;
use bytemuck::{Pod, Zeroable};

/// A rate and a burst, as the generic cell rate algorithm (ITU-T I.371) wants them; see [`crate::rate`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Rate {
    /// Nanoseconds between two at the steady rate; 0: no limit.
    pub interval: u64,
    /// Nanoseconds: the interval times the burst, so at least the interval.
    pub depth: u64,
}

/// Value of `limits`: what one rule's limits are. At every interface they count for themselves.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Limit {
    /// New connections, of all peers together.
    pub connections: Rate,
    /// New connections of each source.
    pub connections_per_source: Rate,
    /// Packets, both directions, of all peers together.
    pub packets: Rate,
    /// Packets, both directions, of connections of each source.
    pub packets_per_source: Rate,
}

/// Key of `buckets`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
pub struct BucketKey {
    /// Index of the host side of the workload's interface.
    pub ifindex: u32,
    /// The key of `limits`.
    pub limit: u32,
    /// [`BucketKey::CONNECTIONS`] or [`BucketKey::PACKETS`].
    pub kind: u32,
    /// Zero.
    pub reserved: u32,
    /// Who opens the connections; `::` for all together.
    pub source: Address,
}

impl BucketKey {
    /// In [`kind`](Self::kind): new connections.
    pub const CONNECTIONS: u32 = 0;
    /// In [`kind`](Self::kind): packets.
    pub const PACKETS: u32 = 1;
}

const _: () = {
    assert!(size_of::<Limit>() == 64);
    assert!(size_of::<BucketKey>() == 32);
};
