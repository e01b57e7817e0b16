//! Taking an installation away, so that nothing of it is left: neither on the cluster nor on its nodes.
//!
//! Policies go first, while everybody who enforces them still does: all ends open at the same time, and none keeps half of a
//! policy. Then whoever would write filters anew, then the filters, then what the enforcers left on the nodes; what knows how
//! to clean up goes last.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{Delivery, Goal, Key, Stage, Step, Tell};
use crate::{Deleting, Kind, Propagation, Scope, Trouble, kinds};

/// What is to be removed, and how.
#[derive(Clone, Debug)]
pub struct Removal {
    /// The workload that writes filters.
    pub controller: Key,
    /// What takes the place of the enforcers: it cleans its node, and is ready when that is done.
    pub leaving: Value,
    /// The labels of filters, of whichever installation, as `name=value`.
    pub filters: String,
    /// The label of the ConfigMaps, in the installation's namespace, by which nodes know which proxies have a filter.
    pub notices: String,
    /// The labels of definitions, of whichever installation.
    pub definitions: String,
    /// Whether the definitions, and with them all policies, stay.
    pub keep_definitions: bool,
    /// Whether policies that were not delivered go with their definitions.
    pub all_policies: bool,
    /// Whether nodes that cannot be cleaned are left as they are.
    pub forget_nodes: bool,
}

/// What is left of an installation, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// How many objects were deleted.
    pub deleted: usize,
    /// Nodes that may still hold programs and tables.
    pub nodes: Vec<String>,
    /// Objects that are not the installation's, in its namespace, which is therefore left.
    pub strangers: Vec<Key>,
}

/// How long nodes are given to hear of something, and to enforce it.
const HEARD: Duration = Duration::from_secs(10);

/// The kinds of filters.
const FILTERS: [&Kind; 3] = [&kinds::WASM_PLUGIN, &kinds::TRAFFIC_EXTENSION, &kinds::ENVOY_FILTER];

/// What else an installation may consist of, in the order in which it is deleted.
const PROGRAMS: [&Kind; 12] = [
    &kinds::DEPLOYMENT,
    &kinds::DAEMON_SET,
    &kinds::POD_DISRUPTION_BUDGET,
    &kinds::VALIDATING_ADMISSION_POLICY_BINDING,
    &kinds::VALIDATING_ADMISSION_POLICY,
    &kinds::CLUSTER_ROLE_BINDING,
    &kinds::CLUSTER_ROLE,
    &kinds::ROLE_BINDING,
    &kinds::ROLE,
    &kinds::LEASE,
    &kinds::CONFIG_MAP,
    &kinds::SERVICE_ACCOUNT,
];

/// What shows that a namespace is used by somebody else, too.
const USES: [&Kind; 5] =
    [&kinds::DEPLOYMENT, &kinds::DAEMON_SET, &kinds::STATEFUL_SET, &kinds::SERVICE, &kinds::CONFIG_MAP];

/// ConfigMaps that are in every namespace.
const EVERYWHERE: [&str; 2] = ["kube-root-ca.crt", "istio-ca-root-cert"];

impl Delivery {
    /// Removes an installation.
    ///
    /// # Errors
    /// When policies that were not delivered would go with their definitions and nobody said so; when a node is not clean in time; when
    /// another installation cannot be told apart; see [`Trouble`]. What was done stays done: running it again goes on.
    pub async fn remove(&self, removal: &Removal, tell: Tell<'_>) -> Result<Remains, Trouble> {
        let until = Instant::now() + self.timeout;
        let mut remains = Remains::default();
        let neighbours = self.neighbours().await?;
        self.tell_apart(&neighbours)?;
        // What several installations share stays with those that are left.
        let keep_definitions = removal.keep_definitions || !neighbours.is_empty();
        if let Some(neighbour) = neighbours.first() {
            tell(Step::Note(format!(
                "the definitions stay, because the installation {neighbour} needs them"
            )));
        }
        if !keep_definitions && !removal.all_policies {
            self.refuse_strangers().await?;
        }
        if self.ledger().await?.is_some() {
            // Nobody deploys meanwhile.
            self.take(&[], &mut *tell).await?;
        }
        tell(Step::Stage("policies"));
        for kind in kinds::DOCUMENTS {
            let scope = if keep_definitions { self.own() } else { Scope::all() };
            remains.deleted += self.delete_all(kind, &scope, &mut *tell).await?;
        }
        tell(Step::Stage("the controller"));
        if self.delete(&removal.controller, &mut *tell).await? {
            remains.deleted += 1;
            self.gone(&removal.controller, until).await?;
        }
        // Nodes leave to filters what they were told that filters do. That is taken back before the filters go.
        let notices = Scope::within(self.namespace.clone()).with_labels(removal.notices.clone());
        if self.delete_all(&kinds::CONFIG_MAP, &notices, &mut *tell).await? > 0 {
            tokio::time::sleep(HEARD).await;
        }
        tell(Step::Stage("filters"));
        for kind in FILTERS {
            let scope =
                Scope::all().with_labels(format!("{},{}={}", removal.filters, self.label, self.install));
            remains.deleted += self.delete_all(kind, &scope, &mut *tell).await?;
        }
        tell(Step::Stage("nodes"));
        let nodes = self.nodes(&Key::of(&removal.leaving)?).await?;
        remains.nodes = self.clean_nodes(removal, until, &mut *tell).await?;
        if !remains.nodes.is_empty() && !removal.forget_nodes {
            return Err(Trouble::Unusable {
                what: "the nodes".to_owned(),
                reason: format!(
                    "{} cannot be reached, so that what is enforced there stays; bring them back and run this again, or leave them as \
                     they are with `--forget-nodes`",
                    remains.nodes.join(", ")
                ),
            });
        }
        tell(Step::Stage("the installation"));
        for kind in PROGRAMS {
            remains.deleted += self.delete_all(kind, &self.own(), &mut *tell).await?;
        }
        for (key, _) in self.keys(&kinds::ENFORCER, &Scope::all()).await? {
            // What another installation's nodes say of themselves is theirs.
            if neighbours.is_empty() || nodes.contains(&key.name) {
                remains.deleted += usize::from(self.delete(&key, &mut *tell).await?);
            }
        }
        if !keep_definitions {
            // Whichever installation brought them, there is none left.
            let scope = Scope::all().with_labels(removal.definitions.clone());
            remains.deleted +=
                self.delete_all(&kinds::CUSTOM_RESOURCE_DEFINITION, &scope, &mut *tell).await?;
        }
        remains.strangers = self.strangers().await?;
        if remains.strangers.is_empty() {
            remains.deleted += self.delete_all(&kinds::NAMESPACE, &self.own(), &mut *tell).await?;
        }
        Ok(remains)
    }

    /// What bears the installation's label.
    fn own(&self) -> Scope {
        Scope::all().with_labels(format!("{}={}", self.label, self.install))
    }

    /// Policies that somebody else applied are not taken away with their definitions unless that is wanted.
    async fn refuse_strangers(&self) -> Result<(), Trouble> {
        let mut strangers = Vec::new();
        for kind in kinds::DOCUMENTS {
            let scope = Scope::all().with_labels(format!("{}!={}", self.label, self.install));
            strangers.extend(self.keys(kind, &scope).await?.into_iter().map(|(key, _)| key.to_string()));
        }
        if strangers.is_empty() {
            return Ok(());
        }
        let shown = strangers.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let more =
            if strangers.len() > 5 { format!(" and {} more", strangers.len() - 5) } else { String::new() };
        Err(Trouble::Unusable {
            what: "the definitions".to_owned(),
            reason: format!(
                "with them {shown}{more} would be deleted, which `bookend deploy` did not apply; keep them with `--keep-crds`, or let them \
                 go with `--all-policies`"
            ),
        })
    }

    /// All objects of a kind; none where the kind is not served.
    async fn keys(&self, kind: &Kind, scope: &Scope) -> Result<Vec<(Key, Value)>, Trouble> {
        let objects: Vec<Value> = match self.cluster.list(kind, scope).await {
            Err(Trouble::NoSuchKind { .. }) => return Ok(Vec::new()),
            listed => listed?,
        };
        let text =
            |object: &Value, path: &str| object.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let keys = objects.into_iter().filter_map(|object| {
            let name = text(&object, "/metadata/name")?;
            let namespace = text(&object, "/metadata/namespace");
            Some((Key { kind: kind.clone(), namespace, name }, object))
        });
        Ok(keys.collect())
    }

    async fn delete_all(&self, kind: &Kind, scope: &Scope, tell: Tell<'_>) -> Result<usize, Trouble> {
        let mut deleted = 0;
        for (key, _) in self.keys(kind, scope).await? {
            deleted += usize::from(self.delete(&key, &mut *tell).await?);
        }
        Ok(deleted)
    }

    async fn delete(&self, key: &Key, tell: Tell<'_>) -> Result<bool, Trouble> {
        let deleting = Deleting { propagation: Propagation::Foreground, ..Deleting::default() };
        let deleted = self.cluster.delete(&key.kind, key.namespace.as_deref(), &key.name, &deleting).await?;
        if deleted {
            tell(Step::Pruned(key.clone()));
        }
        Ok(deleted)
    }

    /// Waits until an object is gone, and all that it owns.
    async fn gone(&self, key: &Key, until: Instant) -> Result<(), Trouble> {
        while self.live(key).await?.is_some() {
            if Instant::now() >= until {
                return Err(Trouble::Unusable {
                    what: key.to_string(),
                    reason: format!(
                        "it is still being deleted after {} s; look at its finalizers",
                        self.timeout.as_secs()
                    ),
                });
            }
            tokio::time::sleep(self.pace).await;
        }
        Ok(())
    }

    /// The nodes on which pods of a workload are.
    async fn nodes(&self, key: &Key) -> Result<BTreeSet<String>, Trouble> {
        let Some(object) = self.live(key).await? else { return Ok(BTreeSet::new()) };
        Ok(self.pods(key, &object).await?.iter().map(|pod| super::waiting::node(pod).to_owned()).collect())
    }

    /// Lets every node clean itself. Returns those that are not clean.
    async fn clean_nodes(
        &self,
        removal: &Removal,
        until: Instant,
        tell: Tell<'_>,
    ) -> Result<Vec<String>, Trouble> {
        let key = Key::of(&removal.leaving)?;
        if self.live(&key).await?.is_none() {
            tell(Step::Note(format!("there is no {key}, so no node is asked to clean up")));
            return Ok(Vec::new());
        }
        // The account of the pods may have been deleted by an earlier try; they need nothing of the API server.
        let applying = self.applying.clone().forced(true);
        self.cluster.apply(&removal.leaving, &applying).await?;
        let stage = Stage {
            title: "nodes",
            objects: vec![removal.leaving.clone()],
            goal: Goal::RolledOut,
            stays: true,
        };
        match self.wait(&stage, until, &mut *tell).await {
            Ok(()) => {}
            Err(trouble) if removal.forget_nodes => tell(Step::Note(trouble.to_string())),
            Err(trouble) => return Err(trouble),
        }
        self.unclean(&key).await
    }

    /// The nodes whose pod does not say that it is done.
    async fn unclean(&self, key: &Key) -> Result<Vec<String>, Trouble> {
        let mut nodes: BTreeSet<String> = self.absent().await?.into_iter().collect();
        let Some(object) = self.live(key).await? else { return Ok(nodes.into_iter().collect()) };
        for pod in self.pods(key, &object).await? {
            let node = super::waiting::node(&pod).to_owned();
            if super::waiting::is_ready(&pod) {
                nodes.remove(&node);
            } else {
                nodes.insert(node);
            }
        }
        Ok(nodes.into_iter().filter(|node| !node.is_empty()).collect())
    }

    /// What in the installation's namespace is somebody else's.
    async fn strangers(&self) -> Result<Vec<Key>, Trouble> {
        let mut strangers = Vec::new();
        let scope = Scope::within(self.namespace.clone());
        for kind in USES {
            let found = self.keys(kind, &scope).await?;
            let others = found.into_iter().filter(|(key, object)| {
                let label = object.pointer("/metadata/labels").and_then(|labels| labels.get(self.label));
                label.is_none_or(|name| *name != *self.install) && !EVERYWHERE.contains(&&*key.name)
            });
            strangers.extend(others.map(|(key, _)| key));
        }
        Ok(strangers)
    }
}
