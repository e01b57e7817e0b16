//! What the proxies of a namespace are to know.

use std::collections::{BTreeMap, BTreeSet};

use bookend_engine::{Configuration, FAILSAFE, MESH_AGENT};
use bookend_lang::Compiled;
use bookend_objects::mesh::Gateway;
use sha2::{Digest, Sha256};

use crate::census::{Census, Proxies};

/// A policy by its namespace, if it lies in one, and its name.
pub(crate) type PolicyName = (Option<String>, String);

/// What the proxies of a namespace are to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// The configuration; its revision is a hash of the rest.
    pub(crate) configuration: Configuration,
    /// The gateways among the proxies.
    pub(crate) gateways: Vec<Gateway>,
    /// How many workloads there have sidecars.
    pub(crate) sidecars: usize,
    /// How many are gateways that get no filter: nothing says which, or there are too many.
    pub(crate) nameless: usize,
}

impl Share {
    /// The policies that it has rules and isolations of.
    pub(crate) fn policies(&self) -> BTreeSet<PolicyName> {
        let program = &self.configuration.program;
        let rules = program.rules().iter().filter(|rule| !is_built_in(&rule.id));
        let rules = rules.map(|rule| policy_of(&rule.id, rule.namespace.as_deref()));
        let isolations = program.isolations().iter().map(|isolation| {
            // An isolation does not say whose it is: the id of one in a namespace has a part more.
            let namespaced = isolation.id.matches('/').count() >= 2;
            policy_of(&isolation.id, isolation.id.split('/').next().filter(|_| namespaced))
        });
        rules.chain(isolations).collect()
    }
}

/// The policy of a rule or an isolation: `namespace/policy/rule`, or `policy/rule` for one of all namespaces.
fn policy_of(id: &str, namespace: Option<&str>) -> PolicyName {
    let rest = namespace.and_then(|namespace| id.strip_prefix(namespace)?.strip_prefix('/')).unwrap_or(id);
    let name = rest.rsplit_once('/').map_or(rest, |(policy, _)| policy);
    (namespace.map(str::to_owned), name.to_owned())
}

fn is_built_in(id: &str) -> bool {
    id == FAILSAFE || id == MESH_AGENT
}

/// What each namespace gets that has proxies, or may have some soon, and of which some policy says something.
pub(crate) fn shares(compiled: &Compiled, census: &Census) -> BTreeMap<String, Share> {
    let whole = compiled.configuration();
    let mut shares = BTreeMap::new();
    for (namespace, proxies) in census.namespaces(compiled) {
        let mut configuration = whole.for_namespace(namespace);
        let says = configuration.program.rules().iter().any(|rule| !is_built_in(&rule.id))
            || !configuration.program.isolations().is_empty();
        if says {
            configuration.revision = revision(&mut configuration);
            let Proxies { gateways, sidecars, nameless } = proxies;
            let gateways = gateways.into_iter().collect();
            shares.insert(namespace.to_owned(), Share { configuration, gateways, sidecars, nameless });
        }
    }
    shares
}

/// A name for what a configuration says: 12 hexadecimal digits, which proxies tell as a number.
fn revision(configuration: &mut Configuration) -> String {
    configuration.revision.clear();
    let json = configuration.to_json().unwrap_or_default();
    Sha256::digest(&json).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend_cluster::view::Role;
    use bookend_lang::{Source, compile};
    use tokio::time::Instant;

    const CLUSTER: &str = r"
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: web, namespace: shop }
spec:
  isolate: [{ workloads: {}, directions: [ingress] }]
  allow: [{ name: anybody, to: [{ workloads: { labels: { app: web } } }] }]
---
apiVersion: bookend.dev/v1alpha1
kind: ClusterPolicy
metadata: { name: floor }
spec:
  deny: [{ name: traces, at: [destination], to: [{ workloads: { namespace: shop } }], http: [{ methods: [TRACE] }] }]
---
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: { name: all }
spec:
  workloads:
  - { name: web, namespace: shop, labels: { app: web }, proxy: true, instances: [{ addresses: [10.0.1.1] }] }
  - { name: door, namespace: shop, labels: { istio: ingressgateway }, proxy: true, instances: [{ addresses: [10.0.1.2] }] }
  - { name: plain, namespace: shop, labels: { app: plain }, instances: [{ addresses: [10.0.1.3] }] }
  - { name: other, namespace: other, proxy: true, instances: [{ addresses: [10.0.2.1] }] }
";

    fn census() -> Census {
        let labels = BTreeMap::from([("istio".to_owned(), "ingressgateway".to_owned())]);
        let none = BTreeMap::new();
        let mut census = Census::default();
        let proxies = [
            ("shop", &none, Role::Sidecar),
            ("shop", &labels, Role::Gateway),
            ("other", &none, Role::Sidecar),
        ];
        census.count(proxies.into_iter(), Instant::now());
        census
    }

    #[test]
    fn a_namespace_of_which_no_policy_says_anything_gets_nothing() {
        let compiled = compile(&[Source::new("all", CLUSTER.as_bytes())]).unwrap();
        let shares = shares(&compiled, &census());
        assert_eq!(shares.keys().collect::<Vec<_>>(), ["shop"]);
        let share = shares.get("shop").unwrap();
        assert_eq!(
            (share.gateways.as_slice(), share.sidecars),
            ([Gateway::Istio("ingressgateway".to_owned())].as_slice(), 1)
        );
        assert_eq!(share.configuration.revision.len(), 12);
        let policies: Vec<_> = share.policies().into_iter().collect();
        assert_eq!(policies, [(None, "floor".to_owned()), (Some("shop".to_owned()), "web".to_owned())]);
    }

    #[test]
    fn a_revision_names_what_is_said_and_nothing_else() {
        let revision = |text: &str| {
            let compiled = compile(&[Source::new("all", text.as_bytes())]).unwrap();
            shares(&compiled, &census()).remove("shop").unwrap().configuration.revision
        };
        let elsewhere = CLUSTER.replace("10.0.2.1", "10.0.2.7").replace("name: other,", "name: another,");
        assert_eq!(revision(CLUSTER), revision(&elsewhere));
        assert_ne!(revision(CLUSTER), revision(&CLUSTER.replace("TRACE", "DELETE")));
    }
}
