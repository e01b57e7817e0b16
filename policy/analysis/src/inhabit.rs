//! Somebody for every selector: where an inventory has nobody whom a policy speaks of, comparing verdicts compares nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bookend_engine::{
    Instance, Inventory, LabelExpression, LabelMatch, Labels, NamedPort, NamespaceMatch, PeerMatch,
    PortMatch, Program, Selector, Workload, WorkloadIdentity,
};
use serde_json::Value;

/// How many workloads are made up at most.
const MOST: usize = 400;

/// The label that every namespace has. (Kubernetes.)
const NAME: &str = "kubernetes.io/metadata.name";

/// What made-up workloads and namespaces are called.
const MADE_UP: &str = "made-up";

/// An inventory with workloads made up besides its own, and how many: one for each selector of the programs, one for what two selectors
/// ask together, and in each namespace one that has no labels; as many as [`MOST`]. Their proxies judge requests and verify
/// tokens, unless a selector wants others, and they have every port that is named anywhere.
pub fn inhabited(programs: &[&Program], inventory: &Inventory) -> (Inventory, usize) {
    let selectors = selectors(programs);
    let ports = named_ports(programs);
    let mut making = Making {
        namespaces: inventory.namespaces().clone(),
        seen: inventory.workloads().iter().map(|workload| workload.identity.clone()).collect(),
        taken: addresses(inventory),
        next: u32::from(Ipv4Addr::new(198, 18, 0, 1)),
        ports,
        made: Vec::new(),
    };
    for selector in &selectors {
        making.somebody(&[selector]);
    }
    let known: Vec<String> = making.made.iter().map(|made| made.identity.namespace.clone()).collect();
    let all: BTreeSet<String> = known.into_iter().chain(making.namespaces.keys().cloned()).collect();
    for namespace in all {
        making.somebody(&[&Selector::all(NamespaceMatch::Named(namespace))]);
    }
    for (number, first) in selectors.iter().enumerate() {
        for second in selectors.iter().skip(number + 1) {
            if making.made.len() >= MOST {
                break;
            }
            making.somebody(&[first, second]);
        }
    }
    let Making { namespaces, made, .. } = making;
    let count = made.len();
    let workloads = inventory.workloads().iter().cloned().chain(made).collect();
    let inhabited = Inventory::new(
        inventory.trust_domain().to_owned(),
        inventory.trust_addresses(),
        namespaces,
        workloads,
    );
    (inhabited.with_services(inventory.services().to_vec()), count)
}

struct Making {
    namespaces: bookend_engine::Namespaces,
    seen: BTreeSet<WorkloadIdentity>,
    taken: BTreeSet<IpAddr>,
    /// From the block that is for measuring networks (RFC 2544), where nobody lives.
    next: u32,
    ports: Vec<NamedPort>,
    made: Vec<Workload>,
}

impl Making {
    /// Somebody whom all of the selectors mean, if there can be and nobody is like that already.
    fn somebody(&mut self, selectors: &[&Selector]) {
        if self.made.len() >= MOST {
            return;
        }
        let Some((namespace, labels_of_it)) = self.namespace(selectors) else { return };
        let wanted = selectors.iter().map(|selector| (&selector.labels, &selector.expressions));
        let Some(labels) = satisfying(wanted) else { return };
        let mut accounts = selectors.iter().filter_map(|selector| selector.service_accounts.alternatives());
        let account = accounts.next().and_then(<[String]>::first).map_or("default", String::as_str);
        let proxied = selectors.iter().find_map(|selector| selector.proxied).unwrap_or(true);
        let identity = WorkloadIdentity {
            namespace: namespace.clone(),
            service_account: account.to_owned(),
            labels,
            proxied,
            jwt: proxied,
            ports: Some(self.ports.clone()),
            namespace_labels: Some(Arc::clone(&labels_of_it)),
        };
        let meant =
            selectors.iter().all(|selector| selector.selects(&identity) == bookend_engine::Truth::Yes);
        if !meant || !self.seen.insert(identity.clone()) {
            return;
        }
        let Some(address) = self.address() else { return };
        self.namespaces.insert(namespace, labels_of_it);
        let instance = Instance { addresses: vec![address], ..Instance::default() };
        let name = format!("{MADE_UP}-{}", self.made.len() + 1);
        self.made.push(Workload { name, identity, instances: vec![instance] });
    }

    /// A namespace that all of them mean, and its labels.
    fn namespace(&self, selectors: &[&Selector]) -> Option<(String, Arc<Labels>)> {
        let mut named = selectors.iter().filter_map(|selector| match &selector.namespaces {
            NamespaceMatch::Named(name) => Some(name),
            NamespaceMatch::Labelled(_) => None,
        });
        let labelled = selectors.iter().filter_map(|selector| match &selector.namespaces {
            NamespaceMatch::Labelled(wanted) => Some(wanted),
            NamespaceMatch::Named(_) => None,
        });
        let wanted: Vec<&LabelMatch> = labelled.collect();
        let mut labels = satisfying(wanted.iter().map(|wanted| (&wanted.labels, &wanted.expressions)))?;
        let name = match (named.next(), labels.get(NAME)) {
            (Some(name), _) => name.clone(),
            (None, Some(name)) => name.clone(),
            (None, None) if labels.is_empty() => MADE_UP.to_owned(),
            // One that is like it already, or one more.
            (None, None) => {
                let known = self.namespaces.iter().find(|(_, own)| wanted.iter().all(|w| w.holds(own)));
                known.map_or_else(
                    || format!("{MADE_UP}-{}", self.namespaces.len() + 1),
                    |(name, _)| name.clone(),
                )
            }
        };
        if let Some(known) = self.namespaces.get(&name) {
            return Some((name, Arc::clone(known)));
        }
        labels.insert(NAME.to_owned(), name.clone());
        Some((name, Arc::new(labels)))
    }

    fn address(&mut self) -> Option<IpAddr> {
        loop {
            let address = IpAddr::V4(Ipv4Addr::from(self.next));
            self.next = self.next.checked_add(1)?;
            if self.taken.insert(address) {
                return Some(address);
            }
        }
    }
}

/// Labels that satisfy all conditions, as far as taking the first way that each can be met finds them.
fn satisfying<'c>(
    conditions: impl Iterator<Item = (&'c Labels, &'c Vec<LabelExpression>)>,
) -> Option<Labels> {
    let mut labels = Labels::new();
    let mut all = Vec::new();
    for (required, expressions) in conditions {
        for (key, value) in required {
            if labels.insert(key.clone(), value.clone()).is_some_and(|other| other != *value) {
                return None;
            }
        }
        all.extend(expressions);
    }
    for expression in &all {
        if expression.holds(&labels) {
            continue;
        }
        // As it is serialized, it is written.
        let written = serde_json::to_value(expression).ok()?;
        let key = written.get("key").and_then(Value::as_str)?;
        let values = written.get("values").and_then(Value::as_array);
        let first = values.and_then(|values| values.first()).and_then(Value::as_str).unwrap_or("x");
        if !labels.contains_key(key) {
            labels.insert(key.to_owned(), first.to_owned());
        }
    }
    all.iter().all(|expression| expression.holds(&labels)).then_some(labels)
}

fn selectors(programs: &[&Program]) -> Vec<Selector> {
    let mut found: BTreeMap<String, Selector> = BTreeMap::new();
    let mut add = |selector: &Selector| {
        found.entry(format!("{selector:?}")).or_insert_with(|| selector.clone());
    };
    fn of_peer(peer: &PeerMatch, add: &mut impl FnMut(&Selector)) {
        peer.workloads.iter().for_each(&mut *add);
        peer.not.iter().for_each(|peer| of_peer(peer, add));
    }
    for program in programs {
        program.isolations().iter().for_each(|isolation| add(&isolation.workloads));
        for rule in program.rules() {
            let peers =
                [&rule.from, &rule.to].into_iter().filter_map(|clause| clause.alternatives()).flatten();
            peers.for_each(|peer| of_peer(peer, &mut add));
        }
    }
    found.into_values().collect()
}

/// Every port that a rule names, each with a number of its own.
fn named_ports(programs: &[&Program]) -> Vec<NamedPort> {
    let rules = programs.iter().flat_map(|program| program.rules());
    let ports =
        rules.flat_map(|rule| rule.ports.alternatives().unwrap_or_default().iter().chain(&rule.not_ports));
    let named: BTreeSet<_> = ports
        .filter_map(|port| match port {
            PortMatch::Named(named) => Some((named.name.clone(), named.protocol)),
            PortMatch::Range(_) => None,
        })
        .collect();
    let numbered = named.into_iter().zip(20_000..);
    numbered.map(|((name, protocol), port)| NamedPort { name, protocol, port }).collect()
}

fn addresses(inventory: &Inventory) -> BTreeSet<IpAddr> {
    let instances = inventory.workloads().iter().flat_map(|workload| &workload.instances);
    instances.flat_map(|instance| &instance.addresses).map(IpAddr::to_canonical).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend_engine::Truth;
    use bookend_lang::{Source, compile};

    #[test]
    fn every_selector_has_somebody() {
        let text = "
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: p, namespace: shop }
spec:
  isolate: [{ workloads: {} }]
  allow:
  - name: a
    from:
    - workloads: { namespaces: { labels: { team: a }, matchExpressions: [{ key: b, operator: Exists }] }, labels: { app: web } }
    - workloads: { namespace: other, matchExpressions: [{ key: c, operator: NotIn, values: [d] }] }
      not: [{ workloads: { namespaces: {}, serviceAccounts: [e] } }]
    to: [{ workloads: { labels: { app: db }, matchExpressions: [{ key: stage, operator: In, values: [live, test] }] } }]
    ports: [http]
";
        let compiled = compile(&[Source::new("x", text)]).unwrap();
        let (inventory, made) = inhabited(&[&compiled.program], &compiled.inventory);
        assert_eq!(inventory.workloads().len(), made);
        let selectors = selectors(&[&compiled.program]);
        assert_eq!(selectors.len(), 5);
        for selector in selectors {
            let meant = |workload: &&Workload| selector.selects(&workload.identity) == Truth::Yes;
            assert!(inventory.workloads().iter().any(|workload| meant(&workload)), "{selector:?}");
        }
        let bare = inventory.workloads().iter().filter(|workload| workload.identity.labels.is_empty());
        assert!(bare.count() >= 2);
    }
}
