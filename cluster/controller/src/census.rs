//! Which proxies there are, and where there may be some soon.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bookend_cluster::view::{Filtered, Role};
use bookend_engine::Labels;
use bookend_lang::Compiled;
use bookend_objects::mesh::Gateway;
use tokio::time::Instant;

/// For how long a gateway without pods keeps its filter: one that is replaced, or was scaled to nothing for the night of a test, finds it.
const GRACE: Duration = Duration::from_secs(3600);
/// How many gateways of a namespace get a filter; each costs objects of its own, and whoever labels pods there could ask for any number.
const MOST: usize = 64;

/// Which proxies there are. What had a filter keeps it for a while although nobody of it is there: filters must be there first.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// Gateways, and when each had a pod first and last, by namespace.
    gateways: BTreeMap<String, BTreeMap<Gateway, (Instant, Instant)>>,
    /// How many workloads have sidecars.
    sidecars: BTreeMap<String, usize>,
    /// How many are gateways that cannot be named.
    nameless: BTreeMap<String, usize>,
    /// Namespaces that have filters.
    served: BTreeSet<String>,
}

/// The proxies of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proxies {
    pub(crate) gateways: BTreeSet<Gateway>,
    pub(crate) sidecars: usize,
    pub(crate) nameless: usize,
}

impl Census {
    /// Takes note of where filters were found, and for which gateways.
    pub(crate) fn find(&mut self, namespace: &str, filtered: Option<&Filtered>, now: Instant) {
        self.served.insert(namespace.to_owned());
        for (key, value) in filtered.iter().flat_map(|filtered| &filtered.gateways) {
            let labels = Labels::from([(key.clone(), value.clone())]);
            if let Some(gateway) = Gateway::of(&labels) {
                self.gateways.entry(namespace.to_owned()).or_default().entry(gateway).or_insert((now, now));
            }
        }
    }

    /// Counts the proxies that there are.
    pub(crate) fn count<'p>(
        &mut self,
        proxies: impl Iterator<Item = (&'p str, &'p Labels, Role)>,
        now: Instant,
    ) {
        (self.sidecars, self.nameless) = Default::default();
        for (namespace, labels, role) in proxies {
            let number = match (role, Gateway::of(labels)) {
                (Role::Sidecar, _) => &mut self.sidecars,
                (Role::Gateway, None) => &mut self.nameless,
                (Role::Gateway, Some(gateway)) => {
                    let gateways = self.gateways.entry(namespace.to_owned()).or_default();
                    gateways.entry(gateway).or_insert((now, now)).1 = now;
                    continue;
                }
            };
            *number.entry(namespace.to_owned()).or_default() += 1;
        }
        for gateways in self.gateways.values_mut() {
            gateways.retain(|_, (_, last)| now.duration_since(*last) < GRACE);
        }
        self.gateways.retain(|_, gateways| !gateways.is_empty());
    }

    /// The namespaces that have proxies, or ask for them, or had them once, and what they have.
    pub(crate) fn namespaces<'c>(&'c self, compiled: &'c Compiled) -> BTreeMap<&'c str, Proxies> {
        let mut all: BTreeMap<&str, Proxies> = BTreeMap::new();
        for (namespace, labels) in compiled.inventory.namespaces() {
            // The first pod is to find its filter there.
            let injected = labels.get("istio-injection").map(String::as_str) == Some("enabled")
                || labels.contains_key("istio.io/rev");
            if injected || self.served.contains(namespace) {
                all.insert(namespace, Proxies::default());
            }
        }
        for (namespace, number) in &self.sidecars {
            all.entry(namespace).or_default().sidecars = *number;
        }
        for (namespace, number) in &self.nameless {
            all.entry(namespace).or_default().nameless = *number;
        }
        for (namespace, gateways) in &self.gateways {
            let proxies = all.entry(namespace).or_default();
            // Whoever was there first is not displaced.
            let mut eldest: Vec<(&Gateway, &(Instant, Instant))> = gateways.iter().collect();
            eldest.sort_by_key(|(gateway, (first, _))| (*first, *gateway));
            proxies.nameless += eldest.len().saturating_sub(MOST);
            proxies.gateways = eldest.into_iter().take(MOST).map(|(gateway, _)| gateway.clone()).collect();
        }
        all
    }

    /// Takes note of the namespaces that get filters now.
    pub(crate) fn serve<'n>(&mut self, namespaces: impl Iterator<Item = &'n String>) {
        self.served = namespaces.cloned().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend_lang::{Source, compile};

    const NAMESPACES: &str = r"
apiVersion: v1
kind: Namespace
metadata: { name: meshed, labels: { istio-injection: enabled } }
---
apiVersion: v1
kind: Namespace
metadata: { name: plain }
";

    fn door(name: &str) -> Labels {
        Labels::from([("gateway.networking.k8s.io/gateway-name".to_owned(), name.to_owned())])
    }

    #[test]
    fn what_had_a_filter_keeps_it_and_what_may_need_one_has_it_first() {
        let compiled = compile(&[Source::new("all", NAMESPACES.as_bytes())]).unwrap();
        let (mut census, begin) = (Census::default(), Instant::now());
        let names = |census: &Census| {
            census.namespaces(&compiled).keys().map(|name| (*name).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&census), ["meshed"]);
        census.count([("plain", &door("public"), Role::Gateway)].into_iter(), begin);
        assert_eq!(names(&census), ["meshed", "plain"]);
        census.serve([String::from("plain")].iter());
        census.count(std::iter::empty(), begin + GRACE / 2);
        assert_eq!(census.namespaces(&compiled)["plain"].gateways.len(), 1);
        census.count(std::iter::empty(), begin + GRACE);
        assert_eq!(census.namespaces(&compiled)["plain"], Proxies::default());
        census.serve(std::iter::empty());
        assert_eq!(names(&census), ["meshed"]);
    }

    #[test]
    fn gateways_without_number_do_not_become_objects_without_number() {
        let compiled = compile(&[Source::new("all", NAMESPACES.as_bytes())]).unwrap();
        let labels: Vec<Labels> = (0..100).map(|number| door(&format!("door-{number}"))).collect();
        let wrong = door("No Name");
        let mut census = Census::default();
        let all = labels.iter().chain([&wrong]).map(|labels| ("plain", labels, Role::Gateway));
        census.count(all, Instant::now());
        let proxies = &census.namespaces(&compiled)["plain"];
        assert_eq!((proxies.gateways.len(), proxies.nameless), (MOST, 100 - MOST + 1));
    }
}
