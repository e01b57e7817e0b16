//! What says the same together becomes one.
//!
//! A rule that governs the source and one that governs the destination are together the rule that governs both, if they say
//! the same otherwise and lie in the same namespace: a rule governs each end by itself (S37, S4). The same holds for the
//! directions of an isolation (S7). Where a tier isolates all workloads of a namespace in a direction, it isolates each of them.
//!
//! A rule of the source that names several destinations is divided where rules of these destinations say the same: who accepts a
//! connection is always known, by its address (S23) or because a filter stands before it (S26). Who opens it may be one of
//! several, who are judged together by a list of peers (S22), so that such a list says more than its parts: it is never divided, and
//! none is put together.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, Origin, What};
use crate::write::Tree;
use bookend_engine::{Action, Ends, Mode};

/// A namespace and a tier.
type Scope = (Option<String>, Option<String>);

/// What two drafts have in common that may become one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    namespace: Option<String>,
    tier: Option<String>,
    mode: bool,
    /// Nothing for an isolation.
    rule: Option<(Action, i32)>,
    body: Vec<(String, Tree)>,
}

impl Key {
    fn of(draft: &Draft) -> Self {
        let mut body = draft.body.clone();
        // Entries of lists are alternatives, or conditions all of which must hold.
        for (_, value) in &mut body {
            if let Tree::List(items) = value {
                items.sort_unstable();
            }
        }
        Self {
            namespace: draft.namespace.clone(),
            tier: draft.tier.clone(),
            mode: draft.mode == Mode::Audit,
            rule: match draft.what {
                What::Rule { action, priority, .. } => Some((action, priority)),
                What::Isolation { .. } => None,
            },
            body,
        }
    }
}

/// The drafts, each of which says something that no other does. Each stands where the first of those stood that it was made of.
pub(super) fn merged(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut places: BTreeMap<Key, usize> = BTreeMap::new();
    let mut found: Vec<Draft> = Vec::new();
    for draft in divided(drafts) {
        let key = Key::of(&draft);
        match places.get(&key).and_then(|place| found.get_mut(*place)) {
            Some(first) => first.absorb(draft),
            None => {
                places.insert(key, found.len());
                found.push(draft);
            }
        }
    }
    covered(found)
}

/// The drafts, with those of the source divided that have several destinations, as far as drafts of these say the same.
fn divided(drafts: Vec<Draft>) -> Vec<Draft> {
    let accepts = |draft: &&Draft| matches!(draft.what, What::Rule { at, .. } if at.destination);
    let accepted: BTreeSet<Key> = drafts.iter().filter(accepts).map(Key::of).collect();
    let mut found = Vec::new();
    for draft in drafts {
        let opens = matches!(draft.what, What::Rule { at, .. } if at.source && !at.destination);
        let place = draft.body.iter().position(|(key, _)| key == "to").filter(|_| opens);
        let Some((place, Tree::List(list))) =
            place.and_then(|place| Some((place, draft.body.get(place)?.1.clone())))
        else {
            found.push(draft);
            continue;
        };
        let toward = |list: Vec<Tree>| {
            let mut part = draft.clone();
            if let Some((_, to)) = part.body.get_mut(place) {
                *to = Tree::List(list);
            }
            part
        };
        let parts: Vec<Draft> = list.iter().map(|peer| toward(vec![peer.clone()])).collect();
        let (known, rest): (Vec<_>, Vec<_>) =
            parts.into_iter().zip(list).partition(|(part, _)| accepted.contains(&Key::of(part)));
        found.extend(known.into_iter().map(|(part, _)| part));
        if !rest.is_empty() {
            found.push(toward(rest.into_iter().map(|(_, peer)| peer).collect()));
        }
    }
    found
}

impl Draft {
    fn absorb(&mut self, other: Self) {
        self.origins.extend(other.origins);
        self.what = match (&self.what, &other.what) {
            (What::Rule { action, priority, at, idle }, What::Rule { at: more, .. }) => {
                let at = Ends {
                    source: at.source || more.source,
                    destination: at.destination || more.destination,
                };
                What::Rule { action: *action, priority: *priority, at, idle: *idle }
            }
            (What::Isolation { ingress, egress }, What::Isolation { ingress: i, egress: e }) => {
                What::Isolation { ingress: *ingress || *i, egress: *egress || *e }
            }
            _ => return,
        };
    }

    /// The directions in which it isolates everybody in the namespace of its policy.
    fn isolates_all(&self) -> Option<(bool, bool)> {
        let empty = matches!(self.body.as_slice(), [(_, Tree::Map(selector))] if selector.is_empty());
        match self.what {
            What::Isolation { ingress, egress } if empty && self.mode == Mode::Enforce => {
                Some((ingress, egress))
            }
            _ => None,
        }
    }
}

/// Without the isolations that one of everybody in the namespace covers, which stands for them.
fn covered(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut whole: BTreeMap<Scope, (usize, bool, bool)> = BTreeMap::new();
    for (place, draft) in drafts.iter().enumerate() {
        if let (Some((ingress, egress)), Some(_)) = (draft.isolates_all(), &draft.namespace) {
            whole.insert((draft.namespace.clone(), draft.tier.clone()), (place, ingress, egress));
        }
    }
    let mut kept: Vec<Option<Draft>> = Vec::new();
    let mut more: Vec<(usize, Draft)> = Vec::new();
    for (place, mut draft) in drafts.into_iter().enumerate() {
        let cover = whole.get(&(draft.namespace.clone(), draft.tier.clone()));
        if let (Some((cover, all_in, all_out)), What::Isolation { ingress, egress }) =
            (cover, &mut draft.what)
            && *cover != place
            && draft.mode == Mode::Enforce
        {
            *ingress &= !all_in;
            *egress &= !all_out;
            if !(*ingress || *egress) {
                more.push((*cover, draft));
                kept.push(None);
                continue;
            }
        }
        kept.push(Some(draft));
    }
    for (cover, draft) in more {
        if let Some(Some(whole)) = kept.get_mut(cover) {
            let covered = |origin| Origin { covered: true, ..origin };
            whole.origins.extend(draft.origins.into_iter().map(covered));
        }
    }
    kept.into_iter().flatten().collect()
}
