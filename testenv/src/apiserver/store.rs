//! What the cluster consists of, and what became of it: objects, their revisions and the last changes.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::kind::{self, Kind};

/// How many changes can be caught up with, unless it is said otherwise; etcd keeps those of five minutes.
pub(crate) const HISTORY: usize = 20_000;

/// Where an object of a kind lies: namespace (empty for kinds without), name.
pub(crate) type Place = (String, String);

/// Writes an object down when somebody asks for it, so that a hundred thousand of them need no memory.
pub trait Maker: Send + Sync + fmt::Debug {
    /// The namespace (empty for kinds without) and the name of the object number `index`.
    fn place(&self, index: u32) -> (String, String);

    /// The object number `index` as it is after `edition` changes. `metadata.resourceVersion` is filled in by the server.
    fn make(&self, index: u32, edition: u32) -> Value;
}

/// An object, or what it takes to write it down.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Kept(Arc<Value>),
    Made { maker: Arc<dyn Maker>, index: u32, edition: u32, revision: u64 },
}

impl Item {
    pub(crate) fn value(&self) -> Arc<Value> {
        match self {
            Self::Kept(value) => Arc::clone(value),
            Self::Made { maker, index, edition, revision } => {
                let mut value = maker.make(*index, *edition);
                stamp(&mut value, *revision);
                Arc::new(value)
            }
        }
    }
}

/// One change of one object.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    /// The kind's id.
    pub(crate) kind: Arc<str>,
    pub(crate) place: Arc<Place>,
    /// Before; absent if it was created.
    pub(crate) old: Option<Item>,
    /// After; absent if it was deleted.
    pub(crate) new: Option<Item>,
    /// The last state of what was deleted, with the revision of its deletion.
    pub(crate) gone: Option<Item>,
}

/// Everything the server knows.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) kinds: BTreeMap<String, Arc<Kind>>,
    shelves: BTreeMap<Arc<str>, BTreeMap<Place, Item>>,
    revision: u64,
    log: VecDeque<Change>,
    /// Changes up to this revision are forgotten.
    compacted: u64,
    pub(crate) history: usize,
    uids: u64,
    prefix: u64,
}

impl Store {
    pub(crate) fn new(prefix: u64) -> Self {
        Self {
            kinds: kind::built_in(),
            shelves: BTreeMap::new(),
            // Real clusters are never new; and a client that takes 0 for a revision is found out.
            revision: 1_000,
            log: VecDeque::new(),
            compacted: 1_000,
            history: HISTORY,
            uids: 0,
            prefix,
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn compacted(&self) -> u64 {
        self.compacted
    }

    /// A uid that no object of this or of another server has.
    pub(crate) fn uid(&mut self) -> String {
        self.uids += 1;
        let (high, low) = (self.prefix >> 32, self.prefix & 0xffff_ffff);
        format!("{high:08x}-{:04x}-4{:03x}-8000-{:012x}", low >> 16, low & 0xfff, self.uids)
    }

    pub(crate) fn kind_of(&self, group: &str, kind: &str) -> Option<Arc<Kind>> {
        self.kinds.values().find(|known| known.group == group && known.kind == kind).cloned()
    }

    pub(crate) fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let place = (namespace.to_owned(), name.to_owned());
        self.shelves.get(kind)?.get(&place).map(Item::value)
    }

    /// The objects of a kind, in order, from behind `after` on; of one namespace or of all.
    pub(crate) fn range<'a>(
        &'a self,
        kind: &str,
        namespace: &'a str,
        after: Option<Place>,
    ) -> impl Iterator<Item = (&'a Place, &'a Item)> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let start = match after {
            Some(place) => Excluded(place),
            None if namespace.is_empty() => Unbounded,
            None => Included((namespace.to_owned(), String::new())),
        };
        let shelf = self.shelves.get(kind).map(|shelf| shelf.range((start, Unbounded)));
        shelf
            .into_iter()
            .flatten()
            .take_while(move |((space, _), _)| namespace.is_empty() || space == namespace)
    }

    /// Every object of a kind.
    pub(crate) fn all(&self, kind: &str) -> Vec<Arc<Value>> {
        self.range(kind, "", None).map(|(_, item)| item.value()).collect()
    }

    /// Every object of a kind that is not made on demand.
    pub(crate) fn kept(&self, kind: &str) -> Vec<Arc<Value>> {
        let items = self.range(kind, "", None).map(|(_, item)| item);
        let kept = items.filter_map(|item| match item {
            Item::Kept(value) => Some(Arc::clone(value)),
            Item::Made { .. } => None,
        });
        kept.collect()
    }

    /// The ids of the kinds that have objects.
    pub(crate) fn used(&self) -> Vec<String> {
        self.shelves.iter().filter(|(_, shelf)| !shelf.is_empty()).map(|(id, _)| id.to_string()).collect()
    }

    /// Writes an object under a new revision, and returns it as it is kept.
    pub(crate) fn put(&mut self, kind: &str, place: Place, mut value: Value) -> Arc<Value> {
        self.revision += 1;
        stamp(&mut value, self.revision);
        let kept = Arc::new(value);
        self.record(kind, place, Some(Item::Kept(Arc::clone(&kept))));
        kept
    }

    /// Lets an object be made on demand, as it is after `edition` changes.
    pub(crate) fn make(
        &mut self,
        kind: &str,
        place: Place,
        maker: &Arc<dyn Maker>,
        index: u32,
        edition: u32,
    ) {
        self.revision += 1;
        let item = Item::Made { maker: Arc::clone(maker), index, edition, revision: self.revision };
        self.record(kind, place, Some(item));
    }

    /// Makes objects known without a change for each: those that were there before anybody looked.
    pub(crate) fn settle(&mut self, kind: &str, maker: &Arc<dyn Maker>, places: impl Iterator<Item = Place>) {
        self.revision += 1;
        let revision = self.revision;
        let shelf = self.shelves.entry(Arc::from(kind)).or_default();
        for (place, index) in places.zip(0_u32..) {
            shelf.insert(place, Item::Made { maker: Arc::clone(maker), index, edition: 0, revision });
        }
        self.forget();
    }

    /// Takes an object away.
    pub(crate) fn remove(&mut self, kind: &str, place: &Place) -> bool {
        if !self.shelves.get(kind).is_some_and(|shelf| shelf.contains_key(place)) {
            return false;
        }
        self.revision += 1;
        self.record(kind, place.clone(), None);
        true
    }

    fn record(&mut self, kind: &str, place: Place, new: Option<Item>) {
        let kind: Arc<str> = Arc::from(kind);
        let shelf = self.shelves.entry(Arc::clone(&kind)).or_default();
        let old = match &new {
            Some(item) => shelf.insert(place.clone(), item.clone()),
            None => shelf.remove(&place),
        };
        let gone = match (&new, &old) {
            (None, Some(Item::Kept(value))) => {
                let mut last = Value::clone(value);
                stamp(&mut last, self.revision);
                Some(Item::Kept(Arc::new(last)))
            }
            (None, Some(Item::Made { maker, index, edition, .. })) => Some(Item::Made {
                maker: Arc::clone(maker),
                index: *index,
                edition: *edition,
                revision: self.revision,
            }),
            _ => None,
        };
        self.log.push_back(Change { revision: self.revision, kind, place: Arc::new(place), old, new, gone });
        while self.log.len() > self.history {
            self.compacted = self.log.pop_front().map_or(self.compacted, |change| change.revision);
        }
    }

    /// Forgets all changes, as etcd does when it is compacted: whoever is behind must list again.
    pub(crate) fn forget(&mut self) {
        self.log.clear();
        self.compacted = self.revision;
    }

    /// What happened after a revision; `None` if that is forgotten in part.
    pub(crate) fn since(&self, revision: u64) -> Option<impl Iterator<Item = &Change>> {
        if revision < self.compacted {
            return None;
        }
        let start = self.log.partition_point(|change| change.revision <= revision);
        Some(self.log.range(start..))
    }
}

fn stamp(value: &mut Value, revision: u64) {
    if let Some(metadata) = value.get_mut("metadata") {
        super::refusal::set(metadata, "resourceVersion", Value::String(revision.to_string()));
    }
}
