//! `kind: Host`: a machine whose own interfaces are policed, and what it must never lose.

use bookend_engine::{IpNet, Protocol};

use super::WorkloadDocument;

/// A machine.
#[derive(Clone, Debug)]
pub(crate) struct HostDocument {
    /// What policies know it by, with one instance for each interface.
    pub(crate) workload: WorkloadDocument,
    pub(crate) failsafe: FailsafeDocument,
}

/// The connections that no policy can deny a host (S75).
#[derive(Clone, Debug)]
pub(crate) struct FailsafeDocument {
    /// Those that others open to it.
    pub(crate) inbound: Vec<FailsafePort>,
    /// Those that it opens.
    pub(crate) outbound: Vec<FailsafePort>,
}

/// Ports of a protocol, of everybody or only of the peers in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FailsafePort {
    pub(crate) peers: Option<IpNet>,
    /// One that has ports.
    pub(crate) protocol: Protocol,
    pub(crate) first: u16,
    /// Not below `first`.
    pub(crate) last: u16,
}

impl FailsafePort {
    const fn of_everybody(protocol: Protocol, port: u16) -> Self {
        Self { peers: None, protocol, first: port, last: port }
    }
}

/// What others must always be able to ask a machine, where its document does not say.
pub(crate) const INBOUND: [FailsafePort; 7] = [
    // ssh: whoever wrote the policy that locks everybody out must get in to correct it.
    FailsafePort::of_everybody(Protocol::Tcp, 22),
    // DHCP and DHCPv6: answers come from another address than the question went to. Without a lease there is no address.
    FailsafePort::of_everybody(Protocol::Udp, 68),
    FailsafePort::of_everybody(Protocol::Udp, 546),
    // BGP: without its routes nobody reaches the machine, by ssh neither.
    FailsafePort::of_everybody(Protocol::Tcp, 179),
    // etcd, its clients and its peers: a cluster that loses its quorum takes no correction.
    FailsafePort::of_everybody(Protocol::Tcp, 2379),
    FailsafePort::of_everybody(Protocol::Tcp, 2380),
    // kube-apiserver: where the correction is made.
    FailsafePort::of_everybody(Protocol::Tcp, 6443),
];

/// What a machine must always be able to ask, where its document does not say.
pub(crate) const OUTBOUND: [FailsafePort; 9] = [
    // DNS: ssh, and whatever fetches the correction, resolve names first.
    FailsafePort::of_everybody(Protocol::Udp, 53),
    FailsafePort::of_everybody(Protocol::Tcp, 53),
    // DHCP and DHCPv6.
    FailsafePort::of_everybody(Protocol::Udp, 67),
    FailsafePort::of_everybody(Protocol::Udp, 547),
    // NTP: with a wrong clock certificates and tokens are refused, and logs cannot be compared.
    FailsafePort::of_everybody(Protocol::Udp, 123),
    FailsafePort::of_everybody(Protocol::Tcp, 179),
    FailsafePort::of_everybody(Protocol::Tcp, 2379),
    FailsafePort::of_everybody(Protocol::Tcp, 2380),
    FailsafePort::of_everybody(Protocol::Tcp, 6443),
];

impl Default for FailsafeDocument {
    fn default() -> Self {
        Self { inbound: INBOUND.to_vec(), outbound: OUTBOUND.to_vec() }
    }
}
