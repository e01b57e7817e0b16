//! What enforcers say of themselves, summed up.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bookend_api::{EnforcerStatus, Share};
use bookend_cluster::{Event, Key};
use serde::Deserialize;

/// An Enforcer, as far as it is summed up.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Member {
    #[serde(default)]
    status: EnforcerStatus,
}

/// The enforcers of all nodes.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    members: BTreeMap<String, EnforcerStatus>,
    uids: BTreeMap<String, String>,
    unlisted: BTreeSet<String>,
    /// Behind which name it is gone on with asking whether nodes are gone.
    asked: String,
}

/// How proxies stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proxies {
    /// They have what they should.
    pub(crate) current: u32,
    /// They have something else.
    pub(crate) stale: u32,
    /// They did not say.
    pub(crate) silent: u32,
}

impl Fleet {
    /// Takes in what was told. Whether anything may differ from before.
    pub(crate) fn take(&mut self, event: Event<Member>) -> bool {
        match event {
            Event::Listing => {
                self.unlisted = self.members.keys().cloned().collect();
                false
            }
            Event::Put(Key { name, uid, .. }, member) => {
                self.unlisted.remove(&name);
                self.uids.insert(name.clone(), uid);
                self.members.insert(name, member.status.clone()) != Some(member.status)
            }
            // Whoever cannot be understood has not said that it enforces anything.
            Event::Unread(key, _) => self.take(Event::Put(key, Member::default())),
            Event::Gone(Key { name, .. }) => {
                self.uids.remove(&name);
                self.members.remove(&name).is_some()
            }
            Event::Synced => {
                let gone = std::mem::take(&mut self.unlisted);
                for name in &gone {
                    self.uids.remove(name);
                    self.members.remove(name);
                }
                !gone.is_empty()
            }
            Event::Alive | Event::Trouble(_) => false,
        }
    }

    /// How many enforce the policies of one of these revisions.
    pub(crate) fn nodes(&self, revisions: &BTreeSet<&str>) -> Share {
        let enforces = |status: &&EnforcerStatus| {
            status.ready && status.policies.as_deref().is_some_and(|policies| revisions.contains(policies))
        };
        Share {
            enforced: count(self.members.values().filter(enforces).count()),
            total: count(self.members.len()),
        }
    }

    /// The first of those that do not, with the reason that they give.
    pub(crate) fn laggard(&self, revisions: &BTreeSet<&str>) -> Option<(&str, &str)> {
        self.members.iter().find_map(|(node, status)| {
            if !status.ready {
                let obstacle = status.obstacles.first().map_or("it is not ready", String::as_str);
                return Some((node.as_str(), obstacle));
            }
            let policies = status.policies.as_deref().unwrap_or_default();
            (!revisions.contains(policies)).then_some((node.as_str(), "it still enforces other policies"))
        })
    }

    /// Some of those that do not enforce this revision, with the UIDs of their objects: with each call the next ones, so that many that are
    /// behind for long hide nobody.
    pub(crate) fn behind(&mut self, revision: &str, most: usize) -> Vec<(String, String)> {
        let behind = |(name, status): (&String, &EnforcerStatus)| {
            let uid = self.uids.get(name).filter(|_| status.policies.as_deref() != Some(revision))?;
            Some((name.clone(), uid.clone()))
        };
        let after = self.members.range::<str, _>((Bound::Excluded(self.asked.as_str()), Bound::Unbounded));
        let before = self.members.range::<str, _>((Bound::Unbounded, Bound::Included(self.asked.as_str())));
        let named: Vec<_> = after.chain(before).filter_map(behind).take(most).collect();
        if let Some((name, _)) = named.last() {
            self.asked.clone_from(name);
        }
        named
    }

    /// How proxies stand, given what any of them should have.
    pub(crate) fn proxies(&self, current: &BTreeSet<&str>) -> Proxies {
        let mut proxies = Proxies::default();
        for status in self.members.values() {
            proxies.silent = proxies.silent.saturating_add(status.unreadable_proxies);
            for share in &status.proxies {
                let counted = match share.revision.as_str() {
                    "" => &mut proxies.silent,
                    revision if current.contains(revision) => &mut proxies.current,
                    _ => &mut proxies.stale,
                };
                *counted = counted.saturating_add(share.count);
            }
        }
        proxies
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn put(fleet: &mut Fleet, node: &str, status: Value) -> bool {
        let key = Key { namespace: None, name: node.to_owned(), uid: String::new() };
        fleet.take(Event::Put(key, serde_json::from_value(json!({ "status": status })).unwrap()))
    }

    #[test]
    fn nodes_and_proxies_are_counted_by_what_they_have() {
        let mut fleet = Fleet::default();
        let ready = |policies: &str, proxies: Value| json!({ "ready": true, "policies": policies, "proxies": proxies });
        assert!(put(
            &mut fleet,
            "a",
            ready("r2", json!([{ "revision": "x", "count": 3 }, { "revision": "old", "count": 1 }]))
        ));
        assert!(put(&mut fleet, "b", ready("r1", json!([{ "revision": "", "count": 2 }]))));
        assert!(put(
            &mut fleet,
            "c",
            json!({ "ready": false, "policies": "r2", "obstacles": ["no BPF"], "unreadableProxies": 1 })
        ));
        assert_eq!(fleet.nodes(&BTreeSet::from(["r2"])), Share { enforced: 1, total: 3 });
        assert_eq!(fleet.laggard(&BTreeSet::from(["r2", "r1"])), Some(("c", "no BPF")));
        assert_eq!(fleet.proxies(&BTreeSet::from(["x"])), Proxies { current: 3, stale: 1, silent: 3 });
    }

    #[test]
    fn who_is_no_more_listed_is_gone() {
        let mut fleet = Fleet::default();
        put(&mut fleet, "a", json!({}));
        assert!(!fleet.take(Event::Listing));
        assert!(fleet.take(Event::Synced));
        assert_eq!(fleet.nodes(&BTreeSet::new()), Share::default());
    }

    #[test]
    fn all_that_are_behind_are_asked_about_one_after_the_other_and_none_that_is_gone() {
        let mut fleet = Fleet::default();
        for node in ["a", "b", "c", "d", "e"] {
            let policies = if node == "c" { "new" } else { "old" };
            put(&mut fleet, node, json!({ "policies": policies }));
        }
        let mut names =
            || -> Vec<String> { fleet.behind("new", 2).into_iter().map(|(name, _)| name).collect() };
        assert_eq!(
            [names(), names(), names()],
            [["a", "b"], ["d", "e"], ["a", "b"]].map(|pair| pair.map(str::to_owned).to_vec())
        );
        assert_eq!(fleet.behind("new", 9).len(), 4);
        // A list without them.
        fleet.take(Event::Listing);
        put(&mut fleet, "e", json!({ "policies": "old" }));
        assert!(fleet.take(Event::Synced));
        assert_eq!(fleet.uids.keys().collect::<Vec<_>>(), ["e"]);
        assert_eq!(fleet.behind("new", 9).len(), 1);
    }
}
