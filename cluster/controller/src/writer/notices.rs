//! What nodes are told of filters: a ConfigMap for each namespace in which proxies have one (S122).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bookend_cluster::view::{Filtered, Notice};
use bookend_cluster::{Applying, Cluster, Deleting, Scope, Trouble, kinds};
use bookend_objects::install::INSTALL;
use serde_json::json;
use tokio::time::Instant;

use super::MANAGER;

/// A part of a namespace's proxies: the gateways of a label, and otherwise the sidecars.
type Part = Option<(String, String)>;

/// What nodes are told.
#[derive(Debug, Default)]
pub(super) struct Notices {
    install: String,
    /// The namespace of the installation, in which they lie.
    namespace: String,
    /// What is told now, by namespace.
    told: BTreeMap<String, Filtered>,
    /// Since when parts have what they need, of which nothing is told yet.
    since: BTreeMap<(String, Part), Instant>,
}

impl Notices {
    /// Nothing yet, of this installation in this namespace.
    pub(super) fn new(install: &str, namespace: &str) -> Self {
        Self { install: install.to_owned(), namespace: namespace.to_owned(), ..Self::default() }
    }

    /// Looks what is told.
    ///
    /// # Errors
    /// When that cannot be known.
    pub(super) async fn take(&mut self, cluster: &Cluster) -> Result<(), Trouble> {
        self.since.clear();
        self.look(cluster).await.map(drop)
    }

    /// Looks again. The namespaces of which something else is told than was told here.
    ///
    /// # Errors
    /// When that cannot be known.
    pub(super) async fn look(&mut self, cluster: &Cluster) -> Result<BTreeSet<String>, Trouble> {
        let (label, value) = Filtered::LABEL;
        let labels = format!("{INSTALL}={},{label}={value}", self.install);
        let scope = Scope::within(&self.namespace).with_labels(labels);
        let listed: Vec<Notice> = cluster.list(&kinds::CONFIG_MAP, &scope).await?;
        let found: BTreeMap<String, Filtered> = listed.iter().filter_map(Notice::read).collect();
        let all: BTreeSet<&String> = found.keys().chain(self.told.keys()).collect();
        let differ = all.into_iter().filter(|namespace| found.get(*namespace) != self.told.get(*namespace));
        let differ = differ.cloned().collect();
        self.told = found;
        Ok(differ)
    }

    /// What is told.
    pub(super) fn told(&self) -> &BTreeMap<String, Filtered> {
        &self.told
    }

    /// Forgets what waits beyond this: what is not there is not on its way either. Whether more is told than this.
    pub(super) fn exceed(&mut self, about: &str, all: &Filtered) -> bool {
        self.since.retain(|(namespace, part), _| {
            namespace != about
                || match part {
                    None => all.sidecars,
                    Some(label) => all.gateways.contains(label),
                }
        });
        self.told.get(about).is_some_and(|told| told.shared(all) != *told)
    }

    /// Tells no more of a namespace than this.
    ///
    /// # Errors
    /// When it cannot be taken back. Then nothing may be taken from the proxies either.
    pub(super) async fn retract(
        &mut self,
        cluster: &Cluster,
        about: &str,
        all: &Filtered,
    ) -> Result<(), Trouble> {
        let Some(told) = self.told.get(about) else { return Ok(()) };
        let kept = told.shared(all);
        self.say(cluster, about, kept).await
    }

    /// Proxies have what they need for all of this: tells what they have had for so long that they know it. Returns when there is more to tell.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) async fn tell(
        &mut self,
        cluster: &Cluster,
        about: &str,
        all: &Filtered,
        after: Duration,
    ) -> Result<Option<Instant>, Trouble> {
        let mut told = self.told.get(about).cloned().unwrap_or_default();
        let gateways = all.gateways.iter().filter(|label| !told.gateways.contains(*label)).cloned().map(Some);
        let sidecars = (all.sidecars && !told.sidecars).then_some(None);
        let (now, mut next, mut more) = (Instant::now(), None::<Instant>, false);
        let missing: Vec<Part> = gateways.chain(sidecars).collect();
        self.since.retain(|(namespace, part), _| namespace != about || missing.contains(part));
        for part in missing {
            let due = *self.since.entry((about.to_owned(), part.clone())).or_insert(now) + after;
            if due > now {
                next = Some(next.map_or(due, |next| next.min(due)));
                continue;
            }
            more = true;
            match part {
                None => told.sidecars = true,
                Some(label) => _ = told.gateways.insert(label),
            }
        }
        if more {
            self.say(cluster, about, told).await?;
        }
        Ok(next)
    }

    async fn say(&mut self, cluster: &Cluster, about: &str, filtered: Filtered) -> Result<(), Trouble> {
        let name = Notice::name(about);
        if filtered.is_empty() {
            let deleting = Deleting::default();
            cluster.delete(&kinds::CONFIG_MAP, Some(&self.namespace), &name, &deleting).await?;
            self.told.remove(about);
            return Ok(());
        }
        let (label, value) = Filtered::LABEL;
        let object = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "labels": {
                    "app.kubernetes.io/name": "bookend",
                    "app.kubernetes.io/managed-by": "bookend",
                    label: value,
                    INSTALL: self.install,
                },
            },
            "data": filtered.data(about),
        });
        // Nobody else has anything to say here.
        cluster.apply(&object, &Applying::by(MANAGER).forced(true)).await?;
        self.told.insert(about.to_owned(), filtered);
        Ok(())
    }
}
