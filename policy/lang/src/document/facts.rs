//! What documents say about the world: workloads, namespaces, nodes, networks, tiers, names; and how
//! filters work in it.

use std::sync::Arc;

use bookend_engine::{Block, Instance, Labels, NamedPort, Plane, Settings};

use super::{ProbeDocument, Rewriting, ServiceDocument, Spanned};
use crate::Span;

/// `kind: Inventory`.
#[derive(Clone, Debug)]
pub(crate) struct InventoryDocument {
    pub(crate) trust_domain: Option<Spanned<String>>,
    /// Other names of the trust domain.
    pub(crate) trust_domain_aliases: Vec<Spanned<String>>,
    /// The namespace whose policies Istio applies everywhere.
    pub(crate) root_namespace: Option<Spanned<String>>,
    pub(crate) trust_addresses: Option<Spanned<bool>>,
    pub(crate) nodes: Vec<Block>,
    pub(crate) kube_apiserver: Vec<Block>,
    pub(crate) cluster_cidrs: Vec<Block>,
    pub(crate) workloads: Vec<WorkloadDocument>,
    pub(crate) services: Vec<ServiceDocument>,
}

/// A workload, from an inventory or from a Kubernetes manifest. What is `None` may be said elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct WorkloadDocument {
    /// What runs it. Two workloads of one name and different kinds are two.
    pub(crate) kind: Option<Kind>,
    pub(crate) namespace: String,
    pub(crate) name: Spanned<String>,
    pub(crate) service_account: Option<String>,
    pub(crate) labels: Option<Labels>,
    pub(crate) proxied: Option<bool>,
    pub(crate) jwt: Option<Spanned<bool>>,
    pub(crate) injection: Injection,
    /// Sorted; each name and protocol once.
    pub(crate) ports: Option<Vec<NamedPort>>,
    /// Where it is said that its pods use the network of their node.
    pub(crate) host_network: Option<Span>,
    pub(crate) probes: Vec<ProbeDocument>,
    /// Where its probes go once a proxy was injected.
    pub(crate) rewriting: Rewriting,
    pub(crate) instances: Vec<Spanned<Instance>>,
    /// Instances that no document says, and somebody sees; at the place of the name. Nothing of a workload that nobody sees run.
    pub(crate) seen: Option<Arc<[Instance]>>,
}

impl WorkloadDocument {
    /// All its instances, and where each is said.
    pub(crate) fn everywhere(&self) -> impl Iterator<Item = (&Instance, Span)> {
        let seen = self.seen.iter().flat_map(|seen| seen.iter()).map(|instance| (instance, self.name.span));
        self.instances.iter().map(|instance| (&instance.value, instance.span)).chain(seen)
    }

    /// Makes what is seen what is said.
    pub(crate) fn write_down(&mut self) {
        let span = self.name.span;
        let Some(seen) = self.seen.take() else { return };
        self.instances.extend(seen.iter().map(|instance| Spanned { value: instance.clone(), span }));
        // That it was seen is not forgotten.
        self.seen = Some(Arc::default());
    }
}

/// A kind of Kubernetes object that runs pods, or is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    CronJob,
    DaemonSet,
    Deployment,
    /// No object of Kubernetes, and none that an inventory can describe.
    Host,
    Job,
    Pod,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
}

impl Kind {
    /// As a manifest names each.
    pub(crate) const WORDS: [(&'static str, Self); 8] = [
        ("CronJob", Self::CronJob),
        ("DaemonSet", Self::DaemonSet),
        ("Deployment", Self::Deployment),
        ("Job", Self::Job),
        ("Pod", Self::Pod),
        ("ReplicaSet", Self::ReplicaSet),
        ("ReplicationController", Self::ReplicationController),
        ("StatefulSet", Self::StatefulSet),
    ];

    /// As a manifest names it: `Deployment`.
    pub(crate) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, kind)| *kind == self).map_or("Host", |(word, _)| word)
    }

    /// The kind that a manifest names so.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind)
    }
}

/// What Istio's injector does with a workload of which nobody says whether it has a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Injection {
    /// It leaves the workload alone, or it is in doubt whether all inbound TCP passes what it injects.
    Never,
    /// It injects where the namespace asks for it.
    ByNamespace,
    /// The workload asks for it; the namespace may refuse.
    Asked,
}

/// `kind: Namespace`.
#[derive(Clone, Debug)]
pub(crate) struct NamespaceDocument {
    pub(crate) name: Spanned<String>,
    /// The one that every namespace has, its name, included.
    pub(crate) labels: Labels,
    /// Whether it asks for Istio's proxy or refuses it: the label `istio-injection`, or a revision.
    pub(crate) injected: Option<bool>,
}

/// A Kubernetes Node.
#[derive(Clone, Debug)]
pub(crate) struct NodeDocument {
    pub(crate) name: Spanned<String>,
    /// Those it is reached at, by others of the cluster or from outside.
    pub(crate) addresses: Vec<Block>,
}

/// `kind: Network`.
#[derive(Clone, Debug)]
pub(crate) struct NetworkDocument {
    pub(crate) name: Spanned<String>,
    pub(crate) labels: Labels,
    pub(crate) blocks: Vec<Block>,
}

/// `kind: Tier`.
#[derive(Clone, Debug)]
pub(crate) struct TierDocument {
    pub(crate) name: Spanned<String>,
    pub(crate) order: Spanned<u32>,
    pub(crate) plane: Plane,
    pub(crate) namespaced: bool,
}

/// `kind: Reporting`.
#[derive(Clone, Debug)]
pub(crate) struct ReportingDocument {
    pub(crate) name: Spanned<String>,
    pub(crate) settings: Settings,
}
