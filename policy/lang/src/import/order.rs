//! Priorities that Bookend's own documents can say.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, What};
use crate::limit;

/// Numbers the rules of a tier anew where priorities of other systems are beyond those of Bookend's own documents; only their order
/// means anything (S2). Tiers in which Bookend's own policies lie, which are `taken`, stay as they are.
pub(super) fn numbered(mut drafts: Vec<Draft>, taken: &BTreeSet<Option<String>>) -> Vec<Draft> {
    let mut tiers: BTreeMap<Option<String>, BTreeSet<i32>> = BTreeMap::new();
    for draft in &drafts {
        if let What::Rule { priority, .. } = draft.what {
            tiers.entry(draft.tier.clone()).or_default().insert(priority);
        }
    }
    let sayable = |priority: &i32| i64::from(*priority).abs() <= limit::PRIORITY;
    tiers.retain(|tier, priorities| !priorities.iter().all(sayable) && !taken.contains(tier));
    let numbers: BTreeMap<Option<String>, BTreeMap<i32, i32>> = tiers
        .into_iter()
        .map(|(tier, priorities)| (tier, priorities.into_iter().zip(1..).collect()))
        .collect();
    for draft in &mut drafts {
        if let (What::Rule { priority, .. }, Some(numbers)) = (&mut draft.what, numbers.get(&draft.tier)) {
            *priority = numbers.get(priority).copied().unwrap_or(*priority);
        }
    }
    drafts
}
