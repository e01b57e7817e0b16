//! Many ends in few words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::ground::Ground;
use crate::set::ClassSet;
use crate::side::{Name, Place};

/// How many names are listed before they are only counted.
const MAX_LISTED: usize = 4;

/// The workloads and the places outside that classes stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crowd<'s> {
    /// Namespaces all of whose workloads are meant, and how many these are.
    pub namespaces: BTreeMap<&'s str, usize>,
    /// Whether those are all namespaces.
    pub every_namespace: bool,
    /// The workloads of other namespaces.
    pub workloads: BTreeSet<Name<'s>>,
    /// Where those outside are.
    pub places: BTreeSet<Place>,
    /// Whether those are all places.
    pub everywhere: bool,
}

impl<'s> Ground<'s> {
    /// Who is in a set of classes.
    pub fn crowd(&self, classes: &ClassSet) -> Crowd<'s> {
        let mut sizes: BTreeMap<&str, BTreeSet<Name<'s>>> = BTreeMap::new();
        let mut meant: BTreeMap<&str, BTreeSet<Name<'s>>> = BTreeMap::new();
        let (mut places, mut all_places) = (BTreeSet::new(), 0);
        for (class, party) in (0_u32..).zip(self.parties()) {
            let here = classes.contains(class);
            for name in &party.workloads {
                sizes.entry(name.namespace).or_default().insert(*name);
                if here {
                    meant.entry(name.namespace).or_default().insert(*name);
                }
            }
            all_places += party.places.len();
            if here {
                places.extend(party.places.iter().copied());
            }
        }
        let mut crowd = Crowd {
            namespaces: BTreeMap::new(),
            every_namespace: false,
            workloads: BTreeSet::new(),
            everywhere: !places.is_empty() && places.len() == all_places,
            places,
        };
        let known = sizes.len();
        for (namespace, workloads) in meant {
            let whole = sizes.get(namespace).is_some_and(|all| all.len() == workloads.len());
            if whole && workloads.len() > 1 {
                crowd.namespaces.insert(namespace, workloads.len());
            } else {
                crowd.workloads.extend(workloads);
            }
        }
        crowd.every_namespace = known > 1 && crowd.namespaces.len() == known;
        crowd
    }
}

impl Crowd<'_> {
    /// How many workloads there are.
    pub fn workload_count(&self) -> usize {
        self.workloads.len() + self.namespaces.values().sum::<usize>()
    }
}

impl fmt::Display for Crowd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        if self.every_namespace {
            parts.push(format!("every workload ({})", self.workload_count()));
        } else if self.namespaces.len() > MAX_LISTED {
            let count: usize = self.namespaces.values().sum();
            parts.push(format!("all {count} workloads of {} namespaces", self.namespaces.len()));
        } else {
            parts.extend(
                self.namespaces.iter().map(|(name, count)| format!("every workload of {name} ({count})")),
            );
        }
        parts.extend(listed(self.workloads.iter().map(Name::to_string).collect(), "workloads"));
        if self.everywhere {
            parts.push("everybody outside".to_owned());
        } else {
            let named = self.places.iter().map(|place| match place {
                Place::Block(net) => net.to_string(),
                Place::Elsewhere => "anywhere else outside".to_owned(),
            });
            parts.extend(listed(named.collect(), "blocks"));
        }
        f.write_str(&parts.join(", "))
    }
}

fn listed(names: Vec<String>, what: &str) -> Vec<String> {
    if names.len() <= MAX_LISTED + 1 {
        return names;
    }
    let rest = names.len() - MAX_LISTED;
    let mut listed: Vec<_> = names.into_iter().take(MAX_LISTED).collect();
    listed.push(format!("{rest} more {what}"));
    listed
}
