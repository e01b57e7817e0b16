//! Edits during which something can pass that is denied before and after them (S116).

use std::collections::BTreeMap;

use anyhow::anyhow;
use bookend_analysis::Side;
use bookend_answers::Documents;
use bookend_answers::diff::{Sides, crossings};
use bookend_cluster::delivery::{Delivery, Key};
use bookend_lang::Source;
use serde_json::Value;

use super::facts;
use super::told::Told;
use crate::command::diff::text::MAX_SHOWN;

/// Compares the policies that the cluster has with those that it would have, for whoever there is.
///
/// # Errors
/// When there are crossings, and nobody accepted them.
pub(super) async fn refuse(
    delivery: &Delivery,
    wanted: &[Value],
    known: &[Source],
    prune: bool,
    accepted: bool,
    told: &Told,
) -> anyhow::Result<()> {
    let before = match facts::policies(&delivery.cluster).await {
        Ok(before) if !before.is_empty() => before,
        Ok(_) => return Ok(()),
        Err(trouble) => {
            told.say(&format!("note: the edit is not compared with what the cluster has: {trouble}"));
            return Ok(());
        }
    };
    let mut after: BTreeMap<Key, &Value> = BTreeMap::new();
    for object in before.iter().chain(wanted) {
        after.insert(Key::of(object)?, object);
    }
    if prune {
        let keys: Vec<Key> = wanted.iter().map(Key::of).collect::<Result<_, _>>()?;
        for change in delivery.pruned(&keys).await? {
            after.remove(&change.key);
        }
    }
    let compile = |objects: &mut dyn Iterator<Item = &Value>| {
        let mut sources = known.to_vec();
        sources.push(facts::source("<policies of the cluster>", objects));
        let compiled = bookend_lang::compile(&sources);
        compiled.map(|compiled| Documents::new(compiled, sources))
    };
    let (old, new) = match (compile(&mut before.iter()), compile(&mut after.values().copied())) {
        (Ok(old), Ok(new)) => (old, new),
        // What the cluster runs may not be one sound whole at any moment, and what it holds may be invalid.
        (Err(_), _) | (_, Err(_)) => {
            told.say("note: the edit is not compared with what the cluster has, because that does not compile as a whole");
            return Ok(());
        }
    };
    let sides = Sides { old: &old, new: &new };
    let difference = bookend_analysis::diff(
        Side { program: &sides.old.compiled.program, inventory: &sides.old.compiled.inventory },
        Side { program: &sides.new.compiled.program, inventory: &sides.new.compiled.inventory },
    );
    if difference.crossings.is_empty() {
        return Ok(());
    }
    let text = crossings::text(&difference, sides, MAX_SHOWN);
    if accepted {
        told.say(&text);
        return Ok(());
    }
    Err(anyhow!("{text}this edit is refused; make two of it, or say `--accept-crossings`"))
}
