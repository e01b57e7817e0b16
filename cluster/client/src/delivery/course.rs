//! The course of a delivery: stage by stage, and back where it fails.

use serde_json::Value;
use tokio::time::Instant;

use super::change::outcome;
use super::ledger::Pulse;
use super::pruning::stays;
use super::{Delivery, Entry, Key, Outcome, Stage, Step, Tell};
use crate::Trouble;

/// What became of a delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// How many objects were created.
    pub created: usize,
    /// How many were changed.
    pub changed: usize,
    /// How many were as they should be.
    pub same: usize,
    /// How many were deleted.
    pub pruned: usize,
}

/// A delivery that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Why.
    pub trouble: Trouble,
    /// During what.
    pub stage: &'static str,
    /// Whether everything is as it was before, but for what [stays](Stage::stays).
    pub restored: bool,
}

/// An object that this delivery applied.
#[derive(Clone, Debug)]
pub(super) struct Applied {
    pub(super) key: Key,
    pub(super) before: Option<Value>,
    pub(super) after: Value,
    pub(super) stays: bool,
}

impl Delivery {
    /// Applies the stages in order, waits after each for what it should become, prunes, and remembers what it did. Where anything
    /// fails, what was applied is set back.
    ///
    /// # Errors
    /// Whatever the cluster has against it, and how far it went back.
    pub async fn deliver(&self, stages: &[Stage], tell: Tell<'_>) -> Result<Delivered, Failed> {
        let until = Instant::now() + self.timeout;
        let mut applied = Vec::new();
        let (mut stage, mut known) = ("the ledger", None);
        match self.forward(stages, until, &mut applied, (&mut stage, &mut known), &mut *tell).await {
            Ok(pruned) => {
                let count = |wanted: Outcome| {
                    applied.iter().filter(|each| outcome(each.before.as_ref(), &each.after) == wanted).count()
                };
                Ok(Delivered {
                    created: count(Outcome::Created),
                    changed: count(Outcome::Changed),
                    same: count(Outcome::Same),
                    pruned,
                })
            }
            Err(trouble) => {
                let mut restored = self.retreat(applied, &mut *tell).await;
                // What is as it was before needs nobody to complete it.
                if let (true, Some(known)) = (restored, known)
                    && let Err(trouble) = self.finish(&known).await
                {
                    tell(Step::Note(trouble.to_string()));
                    restored = false;
                }
                Err(Failed { trouble, stage, restored })
            }
        }
    }

    async fn forward(
        &self,
        stages: &[Stage],
        until: Instant,
        applied: &mut Vec<Applied>,
        (current, known): (&mut &'static str, &mut Option<Vec<Entry>>),
        tell: Tell<'_>,
    ) -> Result<usize, Trouble> {
        let mut wanted = Vec::new();
        for object in stages.iter().flat_map(|stage| &stage.objects) {
            wanted.push(Key::of(object)?);
        }
        let mut pulse = Pulse::new();
        for stage in stages.iter().filter(|stage| !stage.objects.is_empty()) {
            *current = stage.title;
            tell(Step::Stage(stage.title));
            for object in &stage.objects {
                let key = Key::of(object)?;
                // The ledger lies in the installation's namespace, which may come with this delivery.
                if known.is_none() && key.kind.namespaced {
                    *known = Some(self.take(&wanted, &mut *tell).await?);
                }
                if known.is_some() {
                    pulse.keep(self).await?;
                }
                let before = self.live(&key).await?;
                let after = self.cluster.apply(object, &self.applying).await?;
                tell(Step::Applied(key.clone(), outcome(before.as_ref(), &after)));
                applied.push(Applied { key, before, after, stays: stage.stays });
            }
            self.wait(stage, until, &mut *tell).await?;
        }
        // What is never deleted need not be remembered, and there may be no namespace for it yet.
        if known.is_none() && wanted.iter().all(|key| stays(key).is_some()) {
            return Ok(0);
        }
        let known = match known {
            Some(known) => known,
            None => known.insert(self.take(&wanted, &mut *tell).await?),
        };
        *current = "pruning";
        let (pruned, left) = self.prune(known, &wanted, &mut *tell).await?;
        let mut entries: Vec<Entry> = wanted.iter().map(Entry::of).chain(left).collect();
        entries.sort();
        entries.dedup();
        *current = "the ledger";
        self.finish(&entries).await?;
        Ok(pruned)
    }
}
