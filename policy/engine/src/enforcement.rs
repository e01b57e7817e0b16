//! A configuration put to work in one proxy.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use crate::{
    Configuration, Connection, Decision, End, Endpoint, Exchange, HttpMatch, Identity, Inventory, Labels,
    Location, Needs, Permit, Principal, Program, Protocol, Truth, Verdict, Workload, WorkloadIdentity,
    decide::decide_and_rehearse,
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
    /// Which workloads it may be, where its account and labels leave more than one.
    variants: Vec<WorkloadIdentity>,
    revision: String,
    needs: Needs,
}

impl Enforcement {
    /// Narrows `configuration` to what can concern connections to `own`.
    pub fn new(configuration: Configuration, own: OwnWorkload) -> Self {
        let Configuration { revision, program, inventory } = configuration;
        let (own, variants) = own.identities(&inventory);
        let endpoint = Endpoint {
            identity: Identity::Workload(&own),
            location: Location::Unknown,
            principal: Principal::Unknown,
        };
        let program = program.retaining(
            |rule| rule.to.holds(|peer| peer.holds(&endpoint)) != Truth::No,
            |isolation| isolation.egress || isolation.workloads.selects(&own) != Truth::No,
        );
        let conditions = program.rules().iter().filter_map(|rule| rule.http.alternatives()).flatten();
        let needs = conditions.map(HttpMatch::needs).fold(Needs::default(), Needs::and);
        Self { program: program.indexed(), inventory, own, variants, revision, needs }
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
        let located = local.and_then(|address| self.own_at(address));
        let connection = Connection {
            source: self.inventory.peer_endpoint(peer),
            destination: Endpoint {
                identity: Identity::Workload(located.unwrap_or(&self.own)),
                location: local.map_or(Location::Unknown, Location::of),
                principal: Principal::Derived { trust_domain: self.inventory.trust_domain() },
            },
            protocol: Protocol::Tcp,
            port,
        };
        let (judgement, audit) = decide_and_rehearse(&self.program, &connection, exchange);
        let (end, decision) = judgement.deciding();
        Ruling {
            end,
            decision,
            audit: audit.map(|rehearsed| rehearsed.deciding()),
            permit: judgement.permit(),
        }
    }

    /// The own workload, where its address tells what its account and labels do not: which of several it is.
    fn own_at(&self, address: IpAddr) -> Option<&WorkloadIdentity> {
        if self.variants.is_empty() {
            return None;
        }
        let known = &self.inventory.at(address)?.identity;
        let same = known.namespace == self.own.namespace
            && known.service_account == self.own.service_account
            && self.own.may_be(known);
        self.variants.iter().find(|variant| same && variant.agrees_with(known))
    }
}

impl WorkloadIdentity {
    /// Whether somebody running, with these labels, may be the workload of a manifest: one that is running may have more labels.
    fn may_be(&self, known: &Self) -> bool {
        known.labels.iter().all(|(key, value)| self.labels.get(key) == Some(value))
    }

    /// Whether the inventory says the same of both where only it can tell.
    fn agrees_with(&self, known: &Self) -> bool {
        (self.jwt, &self.ports) == (known.jwt, &known.ports)
    }
}

impl OwnWorkload {
    /// The identity of the proxy's own workload: what it knows of itself, and from the inventory what only that knows. Where
    /// the inventory leaves several, they follow.
    fn identities(self, inventory: &Inventory) -> (WorkloadIdentity, Vec<WorkloadIdentity>) {
        let Self { namespace, service_account, labels } = self;
        let namespace_labels = inventory.namespaces().get(&namespace).cloned();
        let own = WorkloadIdentity {
            namespace,
            service_account,
            labels,
            proxied: true,
            jwt: false,
            ports: None,
            namespace_labels,
        };
        let mut variants: Vec<WorkloadIdentity> = Vec::new();
        for Workload { identity: known, .. } in inventory.under(&own.namespace, &own.service_account) {
            if own.may_be(known) && !variants.iter().any(|variant| variant.agrees_with(known)) {
                variants.push(WorkloadIdentity { jwt: known.jwt, ports: known.ports.clone(), ..own.clone() });
            }
        }
        match variants.len() {
            1 => (variants.pop().unwrap_or(own), variants),
            _ => (own, variants),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Instance, NamedPort, Workload};
    use alloc::{string::ToString, vec};

    #[test]
    fn the_address_tells_which_of_several_workloads_a_proxy_serves() {
        let workload = |name: &str, port, address: &str| {
            let ports = vec![NamedPort { name: "http".to_string(), protocol: Protocol::Tcp, port }];
            let identity =
                WorkloadIdentity { ports: Some(ports), jwt: port == 1, ..WorkloadIdentity::default() };
            let addresses = vec![address.parse().unwrap()];
            Workload {
                name: name.to_string(),
                identity,
                instances: vec![Instance { addresses, interface: None }],
            }
        };
        let inventory = Inventory::default()
            .with_workloads(vec![workload("a", 1, "10.0.0.1"), workload("b", 2, "10.0.0.2")]);
        let configuration = Configuration { revision: String::new(), program: Program::default(), inventory };
        let empty = String::new;
        let own = OwnWorkload { namespace: empty(), service_account: empty(), labels: Labels::new() };
        let enforcement = Enforcement::new(configuration, own);
        assert_eq!((enforcement.own.jwt, &enforcement.own.ports), (false, &None));
        let at = |address: &str| enforcement.own_at(address.parse().unwrap()).cloned();
        assert!(
            at("10.0.0.1").is_some_and(|own| own.jwt && own.ports.is_some_and(|ports| ports[0].port == 1))
        );
        assert!(
            at("10.0.0.2").is_some_and(|own| !own.jwt && own.ports.is_some_and(|ports| ports[0].port == 2))
        );
        assert_eq!(at("10.0.0.3"), None);
    }
}
