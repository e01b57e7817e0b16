//! A configuration put to work in one proxy.

use alloc::{string::String, vec::Vec};
use core::net::{IpAddr, SocketAddr};

use crate::{
    Answer, Configuration, ConfigurationError, Connection, Decision, End, Endpoint, Exchange, HttpMatch,
    Identity, Inventory, Labels, Location, Needs, Permit, Principal, Program, Protocol, Rule, Settings,
    Truth, Verdict, Workload, WorkloadIdentity,
    decide::{decide_and_rehearse, decide_and_rehearse_end},
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

    /// What to answer in place of the usual refusal, where what denies says so (S62).
    pub fn answer(&self) -> Option<&'p Answer> {
        self.decision.cause.answer().filter(|_| self.verdict() == Verdict::Deny)
    }
}

/// A configuration, narrowed to the connections that one proxy accepts, or to those that it opens.
///
/// The destination's proxy enforces both ends: it is the only place that sees a verified peer and a request
/// together (S26). The source's enforces that end only, and only earlier than others would (S60).
#[derive(Clone, Debug)]
pub struct Enforcement {
    program: Program,
    inventory: Inventory,
    own: WorkloadIdentity,
    /// Which workloads it may be, where its account and labels leave more than one.
    variants: Vec<WorkloadIdentity>,
    revision: String,
    settings: Settings,
    needs: Needs,
}

impl Enforcement {
    /// What [`new`](Self::new) makes of the configuration in `json`, for a fraction of the memory: what cannot concern the proxy is gone
    /// as soon as it is read, and so is the text before anything is made of it.
    ///
    /// # Errors
    /// As [`Configuration::from_json`].
    pub fn from_json(json: Vec<u8>, own: OwnWorkload) -> Result<Self, ConfigurationError> {
        let identity = own.identity();
        let retained = |rule: &Rule, settings: Option<&Settings>| {
            let concerned = |end| concerns(rule, end, &identity);
            match settings {
                Some(settings) => concerned(settings.end.into()),
                // They may be yet to come.
                None => concerned(End::Destination) || concerned(End::Source),
            }
        };
        let configuration = Configuration::from_json_where(&json, &retained)?;
        drop(json);
        Ok(Self::new(configuration, own))
    }

    /// Narrows `configuration` to what can concern connections to `own`, or from `own` if that is the end that its settings
    /// name.
    pub fn new(configuration: Configuration, own: OwnWorkload) -> Self {
        let Configuration { revision, program, inventory, settings } = configuration;
        let end = End::from(settings.end);
        let (own, variants) = own.identities(&inventory);
        let program = program.retaining(
            |rule| concerns(rule, end, &own),
            |isolation| match end {
                // Whoever comes in may be isolated as the source.
                End::Destination => isolation.egress || isolation.workloads.selects(&own) != Truth::No,
                End::Source => isolation.egress && isolation.workloads.selects(&own) != Truth::No,
            },
        );
        let conditions = program.rules().iter().filter_map(|rule| rule.http.alternatives()).flatten();
        let needs = conditions.map(HttpMatch::needs).fold(Needs::default(), Needs::and);
        Self { program: program.indexed(), inventory, own, variants, revision, settings, needs }
    }

    /// What is enforced of the program: what can concern its workload.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// How the filter is to work.
    pub fn settings(&self) -> &Settings {
        &self.settings
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
            destination: self.own_endpoint(local),
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

    /// Judges an exchange that the own workload opens from the address `local` to `destination`, at the source end only (S60).
    /// `None` leaves it to the kernel: a stream to an address of no workload may go to a Service, behind which anybody may
    /// be (S61). A request is asked about when its endpoint is chosen, so its address tells.
    pub fn decide_outbound<'e>(
        &'e self,
        local: Option<IpAddr>,
        destination: SocketAddr,
        exchange: Exchange<'_>,
    ) -> Option<Ruling<'e>> {
        let told = matches!(exchange, Exchange::Http(_)) || self.inventory.at(destination.ip()).is_some();
        let connection = Connection {
            source: self.own_endpoint(local),
            destination: self.inventory.endpoint(destination.ip()),
            protocol: Protocol::Tcp,
            port: destination.port(),
        };
        let judge = || decide_and_rehearse_end(&self.program, End::Source, &connection, exchange);
        let (decision, audit) = told.then(judge)?;
        let audit = audit.map(|rehearsed| (End::Source, rehearsed));
        Some(Ruling { end: End::Source, decision, audit, permit: decision.permit() })
    }

    /// The end where the own workload is.
    fn own_endpoint(&self, local: Option<IpAddr>) -> Endpoint<'_> {
        let located = local.and_then(|address| self.own_at(address));
        Endpoint {
            identity: Identity::Workload(located.unwrap_or(&self.own)),
            location: local.map_or(Location::Unknown, Location::of),
            principal: Principal::Derived { trust_domain: self.inventory.trust_domain() },
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

/// Whether a rule can concern connections of which `own` is the `end`. The less is known of it, the more rules can.
fn concerns(rule: &Rule, end: End, own: &WorkloadIdentity) -> bool {
    let endpoint = Endpoint {
        identity: Identity::Workload(own),
        location: Location::Unknown,
        principal: Principal::Unknown,
    };
    rule.peers(end).holds(|peer| peer.holds(&endpoint)) != Truth::No
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
    /// What it knows of itself, without an inventory.
    fn identity(&self) -> WorkloadIdentity {
        WorkloadIdentity {
            namespace: self.namespace.clone(),
            service_account: self.service_account.clone(),
            labels: self.labels.clone(),
            proxied: true,
            jwt: false,
            ports: None,
            namespace_labels: None,
        }
    }

    /// The identity of the proxy's own workload: what it knows of itself, and from the inventory what only that knows. Where
    /// the inventory leaves several, they follow.
    fn identities(self, inventory: &Inventory) -> (WorkloadIdentity, Vec<WorkloadIdentity>) {
        let mut own = self.identity();
        own.namespace_labels = inventory.namespaces().get(&own.namespace).cloned();
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
    use crate::{
        Action, Clause, DEFAULT_TIER, Ends, FilterEnd, Instance, Mode, NamedPort, NamespaceMatch, PeerMatch,
        Plane, Selector,
    };
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
                instances: vec![Instance { addresses, ..Instance::default() }],
            }
        };
        let inventory = Inventory::default()
            .with_workloads(vec![workload("a", 1, "10.0.0.1"), workload("b", 2, "10.0.0.2")]);
        let configuration = Configuration {
            revision: String::new(),
            program: Program::default(),
            inventory,
            settings: Settings::default(),
        };
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

    #[test]
    fn a_filter_at_the_source_judges_that_end_by_the_endpoint_that_was_chosen() {
        let identity = |name: &str| WorkloadIdentity {
            labels: Labels::from([("app".to_string(), name.to_string())]),
            proxied: true,
            ..WorkloadIdentity::default()
        };
        let workload = |name: &str, address: &str| Workload {
            name: name.to_string(),
            identity: identity(name),
            instances: vec![Instance { addresses: vec![address.parse().unwrap()], ..Instance::default() }],
        };
        let inventory = Inventory::default().with_workloads(vec![
            workload("a", "10.0.0.1"),
            workload("b", "10.0.0.2"),
            workload("c", "10.0.0.3"),
        ]);
        let meant = |name: &str| {
            let labels = Labels::from([("app".to_string(), name.to_string())]);
            Clause::only(PeerMatch::workloads(Selector { labels, ..Selector::all(NamespaceMatch::any()) }))
        };
        let rule = |id: &str, action, from: &str, to: &str| Rule {
            id: id.to_string(),
            plane: Plane::Bookend,
            tier: DEFAULT_TIER,
            priority: 0,
            action,
            mode: Mode::Enforce,
            at: Ends::BOTH,
            namespace: None,
            from: meant(from),
            to: meant(to),
            ports: Clause::Any,
            not_ports: Vec::new(),
            http: Clause::Any,
            answer: None,
            limits: None,
        };
        let rules = vec![rule("deny", Action::Deny, "a", "b"), rule("foreign", Action::Deny, "c", "b")];
        let settings = Settings { end: FilterEnd::Source, ..Settings::default() };
        let program = Program::new(rules, Vec::new());
        let configuration = Configuration { revision: String::new(), program, inventory, settings };
        let labels = identity("a").labels;
        let own = OwnWorkload { namespace: String::new(), service_account: String::new(), labels };
        let read = Enforcement::from_json(configuration.to_json().unwrap(), own.clone()).unwrap();
        let enforcement = Enforcement::new(configuration, own);
        assert_eq!(enforcement.program().rules().len(), 1);
        assert_eq!(read.program(), enforcement.program());
        let to =
            |address: &str| enforcement.decide_outbound(None, address.parse().unwrap(), Exchange::Stream);
        let denied = to("10.0.0.2:80").unwrap();
        assert_eq!((denied.end, denied.id(), denied.permit.is_some()), (End::Source, "deny", false));
        assert!(to("10.0.0.3:80").unwrap().permit.is_some());
        assert!(to("10.96.0.1:80").is_none(), "may be a Service");
    }
}
