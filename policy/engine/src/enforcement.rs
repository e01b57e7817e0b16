//! A configuration put to work in one proxy.

use alloc::string::String;
use core::net::IpAddr;

use crate::{
    Configuration, Connection, Decision, End, Endpoint, Exchange, Identity, Inventory, Labels, Location,
    NoTrace, Permit, Program, Protocol, Truth, Verdict, WorkloadIdentity, decide,
};

/// Who the proxy itself is, from its own bootstrap (never from traffic).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnWorkload {
    /// Its namespace.
    pub namespace: String,
    /// Its service account.
    pub service_account: String,
    /// Its labels.
    pub labels: Labels,
}

/// What a proxy knows of the peer of an inbound connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Peer<'a> {
    /// Every URI subject alternative name of the verified peer certificate; empty for plaintext.
    pub uri_sans: &'a [&'a str],
    /// The direct peer address (never one taken from a header), when it can be told.
    pub address: Option<IpAddr>,
}

/// The verdict of a proxy, and the id it reports.
#[derive(Debug)]
pub struct Ruling<'p> {
    /// The end that decided.
    pub end: End,
    /// The decision there.
    pub decision: Decision<'p>,
    /// Permission to continue, when the verdict is allow.
    pub permit: Option<Permit>,
}

impl<'p> Ruling<'p> {
    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        self.decision.verdict
    }

    /// The id of what decided.
    pub fn id(&self) -> &'p str {
        self.decision.cause.id()
    }
}

/// A configuration, narrowed to the connections one proxy accepts.
///
/// The destination's proxy enforces both ends: it is the only place that sees a verified peer and a request
/// together (S26).
#[derive(Clone, Debug)]
pub struct Enforcement {
    program: Program,
    inventory: Inventory,
    own: WorkloadIdentity,
    revision: String,
}

impl Enforcement {
    /// Narrows `configuration` to what can concern connections to `own`.
    pub fn new(configuration: Configuration, own: OwnWorkload) -> Self {
        let Configuration { revision, program, inventory } = configuration;
        let OwnWorkload { namespace, service_account, labels } = own;
        let own = WorkloadIdentity { namespace, service_account, labels, proxied: true };
        let endpoint = Endpoint { identity: Identity::Workload(&own), location: Location::Unknown };
        let program = program.filtered(
            |rule| rule.to.holds(|peer| peer.holds(&endpoint)) != Truth::No,
            |isolation| isolation.egress || isolation.workloads.selects(&own),
        );
        Self { program, inventory, own, revision }
    }

    /// The revision of the configuration.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Judges an inbound exchange on `port` of the address `local`.
    pub fn decide(
        &self,
        peer: Peer<'_>,
        local: Option<IpAddr>,
        port: u16,
        exchange: Exchange<'_>,
    ) -> Ruling<'_> {
        let connection = Connection {
            source: Endpoint {
                identity: self.inventory.behind_peer(peer),
                location: peer.address.map_or(Location::Unknown, Location::of),
            },
            destination: Endpoint {
                identity: Identity::Workload(&self.own),
                location: local.map_or(Location::Unknown, Location::of),
            },
            protocol: Protocol::Tcp,
            port,
        };
        let judgement = decide(&self.program, &connection, exchange, &mut NoTrace);
        let (end, decision) = judgement.deciding();
        Ruling { end, decision, permit: judgement.permit() }
    }
}
