//! Deleting what was delivered once and is no longer wanted.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Change, Delivery, Entry, Key, Outcome, Step, Tell};
use crate::{Deleting, Trouble, kinds};

impl Delivery {
    /// What was delivered before and is not wanted any more, and is still the installation's: it bears its label. Newest first.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn unwanted(&self, known: &[Entry], wanted: &[Key]) -> Result<Vec<(Key, Value)>, Trouble> {
        let wanted: BTreeSet<&Key> = wanted.iter().collect();
        let mut unwanted = Vec::new();
        let concerns = |key: &Key| self.about.contains(&key.kind) && !wanted.contains(key);
        for key in known.iter().filter_map(Entry::key).filter(concerns) {
            let live = match self.live(&key).await {
                Err(Trouble::NoSuchKind { .. }) => None,
                found => found?,
            };
            let own = |object: &Value| {
                let labels = object.pointer("/metadata/labels");
                labels.and_then(|labels| labels.get(self.label)).is_some_and(|name| *name == *self.install)
            };
            unwanted.extend(live.filter(own).map(|object| (key, object)));
        }
        // Policies before who enforces them, and that before what it is made of.
        unwanted.sort_by_key(|(key, _)| (order(key), key.clone()));
        Ok(unwanted)
    }

    /// What would be deleted: what the ledger has and is not wanted.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn pruned(&self, wanted: &[Key]) -> Result<Vec<Change>, Trouble> {
        let known = match self.ledger().await {
            Ok(ledger) => ledger.map(|ledger| ledger.entries).unwrap_or_default(),
            Err(trouble) if trouble.is_absent() => Vec::new(),
            Err(trouble) => return Err(trouble),
        };
        let unwanted = self.unwanted(&known, wanted).await?;
        let unwanted = unwanted.into_iter().filter(|(key, _)| stays(key).is_none());
        let changes = unwanted.map(|(key, before)| Change {
            key,
            outcome: Outcome::Pruned,
            before: Some(before),
            after: None,
        });
        Ok(changes.collect())
    }

    /// Deletes what is unwanted, if that is wanted. Returns how many were, and what is still there.
    pub(super) async fn prune(
        &self,
        known: &[Entry],
        wanted: &[Key],
        tell: Tell<'_>,
    ) -> Result<(usize, Vec<Entry>), Trouble> {
        let others = |entry: &&Entry| entry.key().is_none_or(|key| !self.about.contains(&key.kind));
        let (mut pruned, mut left) = (0, known.iter().filter(others).cloned().collect::<Vec<_>>());
        for (key, object) in self.unwanted(known, wanted).await? {
            let stays = stays(&key).or_else(|| (!self.prune).then_some("`--prune` deletes it"));
            if let Some(reason) = stays {
                left.push(Entry::of(&key));
                tell(Step::Left(key, reason));
                continue;
            }
            let uid = object.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
            let deleting = Deleting { uid, ..Deleting::default() };
            self.cluster.delete(&key.kind, key.namespace.as_deref(), &key.name, &deleting).await?;
            pruned += 1;
            tell(Step::Pruned(key));
        }
        Ok((pruned, left))
    }
}

/// Why an object is never pruned, if it is not.
pub(super) fn stays(key: &Key) -> Option<&'static str> {
    if key.kind == kinds::CUSTOM_RESOURCE_DEFINITION {
        return Some("deleting a definition deletes all its objects");
    }
    (key.kind == kinds::NAMESPACE).then_some("deleting a namespace deletes all that is in it")
}

fn order(key: &Key) -> u8 {
    match &*key.kind.group {
        kinds::GROUP => 0,
        "extensions.istio.io" | "networking.istio.io" => 1,
        "apps" => 2,
        "policy" => 3,
        "rbac.authorization.k8s.io" | "admissionregistration.k8s.io" => 4,
        _ => 5,
    }
}
