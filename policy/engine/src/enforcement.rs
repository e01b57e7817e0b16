//! A configuration put to work in one proxy.

use alloc::string::String;
use core::net::IpAddr;

use crate::{
    Configuration, Connection, Decision, End, Endpoint, Exchange, HttpMatch, Identity, Inventory, Labels,
    Location, Needs, NoTrace, Permit, Principal, Program, Protocol, Truth, Verdict, WorkloadIdentity, decide,
    rehearse,
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
    /// What would decide if what is only audited were enforced, where that differs (S36).
    pub audit: Option<(End, Decision<'p>)>,
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
    needs: Needs,
}

impl Enforcement {
    /// Narrows `configuration` to what can concern connections to `own`.
    pub fn new(configuration: Configuration, own: OwnWorkload) -> Self {
        let Configuration { revision, program, inventory } = configuration;
        let own = own.identity(&inventory);
        let endpoint = Endpoint {
            identity: Identity::Workload(&own),
            location: Location::Unknown,
            principal: Principal::Unknown,
        };
        let program = program.filtered(
            |rule| rule.to.holds(|peer| peer.holds(&endpoint)) != Truth::No,
            |isolation| isolation.egress || isolation.workloads.selects(&own) != Truth::No,
        );
        let conditions = program.rules().iter().filter_map(|rule| rule.http.alternatives()).flatten();
        let needs = conditions.map(HttpMatch::needs).fold(Needs::default(), Needs::and);
        Self { program: program.indexed(), inventory, own, revision, needs }
    }

    /// The revision of the configuration.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// What of a request must be read for the program to be judged.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// Judges an inbound exchange on `port` of the address `local`.
    pub fn decide<'e>(
        &'e self,
        peer: Peer<'_>,
        local: Option<IpAddr>,
        port: u16,
        exchange: Exchange<'_>,
    ) -> Ruling<'e> {
        let connection = Connection {
            source: self.inventory.peer_endpoint(peer),
            destination: Endpoint {
                identity: Identity::Workload(&self.own),
                location: local.map_or(Location::Unknown, Location::of),
                principal: Principal::Derived { trust_domain: self.inventory.trust_domain() },
            },
            protocol: Protocol::Tcp,
            port,
        };
        let judgement = decide(&self.program, &connection, exchange, &mut NoTrace);
        let audit = rehearse(&self.program, &connection, exchange, &judgement, &mut NoTrace);
        let (end, decision) = judgement.deciding();
        Ruling {
            end,
            decision,
            audit: audit.map(|rehearsed| rehearsed.deciding()),
            permit: judgement.permit(),
        }
    }
}

impl OwnWorkload {
    /// The identity of the proxy's own workload: what it knows of itself, and from the inventory what only that knows. The
    /// inventory's workloads have the labels of their manifests; a running one may have more.
    fn identity(self, inventory: &Inventory) -> WorkloadIdentity {
        let Self { namespace, service_account, labels } = self;
        let mut known = inventory
            .under(&namespace, &service_account)
            .map(|workload| &workload.identity)
            .filter(|known| known.labels.iter().all(|(key, value)| labels.get(key) == Some(value)));
        let first = known.next();
        let (jwt, ports) = match first {
            Some(first) => {
                let (mut jwt, mut ports) = (first.jwt, first.ports.clone());
                for other in known {
                    jwt &= other.jwt;
                    ports = ports.filter(|ports| other.ports.as_ref() == Some(ports));
                }
                (jwt, ports)
            }
            None => (false, None),
        };
        let namespace_labels = inventory.namespaces().get(&namespace).cloned();
        WorkloadIdentity { namespace, service_account, labels, proxied: true, jwt, ports, namespace_labels }
    }
}
