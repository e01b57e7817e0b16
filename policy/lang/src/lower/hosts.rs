//! What hosts must never lose, as rules (S75).

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{FailsafePort, HostDocument};
use bookend_engine::{
    Action, Block, Clause, Ends, FAILSAFE, FAILSAFE_TIER, HOST_LABEL, IpNet, LabelExpression, Labels, Mode,
    NamespaceMatch, PeerMatch, Plane, PortMatch, Rule, Selector,
};

/// Hosts, by namespace.
type Hosts<'d> = BTreeMap<&'d str, BTreeSet<&'d str>>;

/// The rules of all hosts' failsafe. Hosts that have the same share theirs.
pub(super) fn failsafe(hosts: &[&HostDocument]) -> Vec<Rule> {
    let inbound = rules(hosts, Ends { source: false, destination: true }, |host| &host.failsafe.inbound);
    let outbound = rules(hosts, Ends { source: true, destination: false }, |host| &host.failsafe.outbound);
    inbound.into_iter().chain(outbound).collect()
}

fn rules(hosts: &[&HostDocument], at: Ends, ports: fn(&HostDocument) -> &Vec<FailsafePort>) -> Vec<Rule> {
    let mut alike: BTreeMap<&[FailsafePort], Hosts<'_>> = BTreeMap::new();
    for host in hosts {
        let named = alike.entry(ports(host)).or_default().entry(&host.workload.namespace).or_default();
        named.insert(&host.workload.name.value);
    }
    let mut rules = Vec::new();
    for (ports, hosts) in alike {
        let mut by_peers: BTreeMap<Option<IpNet>, Vec<PortMatch>> = BTreeMap::new();
        for port in ports {
            let range = PortMatch::range(port.protocol, port.first, port.last);
            // Ports were checked when they were read.
            by_peers.entry(port.peers).or_default().extend(range.ok());
        }
        rules.extend(by_peers.into_iter().filter_map(|(peers, ports)| rule(&hosts, at, peers, ports)));
    }
    rules
}

fn rule(hosts: &Hosts<'_>, at: Ends, peers: Option<IpNet>, ports: Vec<PortMatch>) -> Option<Rule> {
    let own =
        Clause::one_of(hosts.iter().map(|(namespace, names)| meaning(namespace, names)).collect()).ok()?;
    let others = match peers {
        None => Clause::Any,
        Some(net) => Clause::only(PeerMatch::block(Block::new(net, Vec::new()).ok()?)),
    };
    let (from, to) = if at.source { (own, others) } else { (others, own) };
    Some(Rule {
        id: FAILSAFE.to_owned(),
        plane: Plane::Bookend,
        tier: FAILSAFE_TIER,
        priority: 0,
        action: Action::Allow,
        mode: Mode::Enforce,
        at,
        namespace: None,
        from,
        to,
        ports: Clause::one_of(ports).ok()?,
        not_ports: Vec::new(),
        http: Clause::Any,
        answer: None,
        limits: None,
    })
}

/// These hosts of a namespace, and nobody else: no other workload has the label.
fn meaning(namespace: &str, names: &BTreeSet<&str>) -> PeerMatch {
    let all = Selector::all(NamespaceMatch::Named(namespace.to_owned()));
    let key = HOST_LABEL.to_owned();
    let mut names = names.iter().map(|name| (*name).to_owned());
    PeerMatch::workloads(match (names.len(), names.next()) {
        (1, Some(name)) => Selector { labels: Labels::from([(key, name)]), ..all },
        (_, first) => {
            let values = Clause::one_of(first.into_iter().chain(names).collect()).unwrap_or_default();
            Selector { expressions: vec![LabelExpression::In { key, values }], ..all }
        }
    })
}
