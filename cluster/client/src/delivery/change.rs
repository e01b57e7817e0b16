//! What would become of a cluster's objects.

use serde_json::Value;

use super::{Delivery, Key, Stage, clean};
use crate::{Cluster, Kind, Trouble, kinds};

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was none.
    Created,
    /// It is another one than before.
    Changed,
    /// Nothing.
    Same,
    /// It is no longer wanted.
    Pruned,
}

/// What would become of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What it is called.
    pub key: Key,
    /// What.
    pub outcome: Outcome,
    /// As the server has it.
    pub before: Option<Value>,
    /// As the server would have it; for what it cannot say yet, because the kind or the namespace comes with the same delivery, as
    /// it is wanted.
    pub after: Option<Value>,
}

impl Delivery {
    /// What would become of the objects of the stages, by the server's own word: everything is applied, and nothing kept.
    ///
    /// # Errors
    /// What the server has against any of them.
    pub async fn preview(&self, stages: &[Stage]) -> Result<Vec<Change>, Trouble> {
        let mut changes = Vec::new();
        for object in stages.iter().flat_map(|stage| &stage.objects) {
            changes.push(self.change(object, stages).await?);
        }
        Ok(changes)
    }

    async fn change(&self, object: &Value, stages: &[Stage]) -> Result<Change, Trouble> {
        let key = Key::of(object)?;
        let before = match self.live(&key).await {
            Err(Trouble::NoSuchKind { .. }) if brings(stages, &key.kind) => None,
            found => found?,
        };
        if let Some(before) = &before {
            self.refuse_neighbours(&key, before)?;
        }
        let after = match self.cluster.apply(object, &self.applying.clone().dry(true)).await {
            Ok(after) => after,
            // A definition and a namespace that come with the same delivery are not there when it is only tried.
            Err(Trouble::NoSuchKind { .. }) if brings(stages, &key.kind) => object.clone(),
            Err(Trouble::NotFound { resource, name, .. })
                if resource == "namespaces" && makes(stages, &name) =>
            {
                object.clone()
            }
            Err(trouble) => return Err(trouble),
        };
        let outcome = outcome(before.as_ref(), &after);
        Ok(Change { key, outcome, before, after: Some(after) })
    }

    /// What another installation applied is not taken over without being told to. Definitions are shared.
    fn refuse_neighbours(&self, key: &Key, live: &Value) -> Result<(), Trouble> {
        let label = live.pointer("/metadata/labels").and_then(|labels| labels.get(self.label)?.as_str());
        match label.filter(|label| *label != self.install) {
            Some(other) if !self.applying.force && key.kind != kinds::CUSTOM_RESOURCE_DEFINITION => {
                Err(Trouble::Unusable {
                    what: key.to_string(),
                    reason: format!(
                        "it belongs to the installation `{other}`; deploy it as that one with `--name`, give it another name, or take it over \
                         with `--force`"
                    ),
                })
            }
            _ => Ok(()),
        }
    }

    /// The object as the server has it.
    pub(super) async fn live(&self, key: &Key) -> Result<Option<Value>, Trouble> {
        live(&self.cluster, key).await
    }
}

/// The object of this name, as the server has it.
pub(super) async fn live(cluster: &Cluster, key: &Key) -> Result<Option<Value>, Trouble> {
    cluster.get(&key.kind, key.namespace.as_deref(), &key.name).await
}

/// What became of an object.
pub(super) fn outcome(before: Option<&Value>, after: &Value) -> Outcome {
    match before {
        None => Outcome::Created,
        Some(before) if clean(before) == clean(after) => Outcome::Same,
        Some(_) => Outcome::Changed,
    }
}

/// Whether the definition of a kind is among the objects.
fn brings(stages: &[Stage], kind: &Kind) -> bool {
    let name = kind.resource();
    among(stages, &kinds::CUSTOM_RESOURCE_DEFINITION, &name)
}

/// Whether a namespace is among the objects.
fn makes(stages: &[Stage], name: &str) -> bool {
    among(stages, &kinds::NAMESPACE, name)
}

fn among(stages: &[Stage], kind: &Kind, name: &str) -> bool {
    stages.iter().flat_map(|stage| &stage.objects).any(|object| {
        object.get("kind").is_some_and(|of| *of == *kind.kind)
            && object.pointer("/metadata/name").is_some_and(|of| of == name)
    })
}
