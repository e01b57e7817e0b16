//! How following a cluster goes.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::{Event, Kind, Trouble};

/// How following a cluster goes.
#[derive(Clone, Debug)]
pub struct Health {
    /// What does not work, by the kind of objects that cannot be followed for it.
    troubles: BTreeMap<String, String>,
    /// Since when something does not work.
    since: Option<Instant>,
    /// When each kind was last heard of.
    heard: BTreeMap<String, Instant>,
    /// How often something was listed again.
    pub relists: u64,
    /// How many events were told.
    pub events: u64,
    /// How many objects are known.
    pub objects: usize,
    listings: u64,
}

impl Health {
    pub(super) fn new() -> Self {
        Self {
            troubles: BTreeMap::new(),
            since: None,
            heard: BTreeMap::new(),
            relists: 0,
            events: 0,
            objects: 0,
            listings: 0,
        }
    }

    /// What does not work, if something does not.
    pub fn error(&self) -> Option<&str> {
        self.troubles.values().next().map(String::as_str)
    }

    /// For how long something has not worked.
    pub fn failing(&self) -> Option<Duration> {
        self.since.map(|since| since.elapsed())
    }

    /// How long ago the kind was heard of that was not heard of for the longest time; nothing before any was.
    pub fn silence(&self) -> Option<Duration> {
        self.heard.values().min().map(Instant::elapsed)
    }

    /// Takes note of an event of a kind.
    pub(super) fn note<T>(&mut self, kind: &Kind, event: &Event<T>, news: &mut Vec<String>) {
        self.events += 1;
        match event {
            Event::Trouble(Trouble::Expired) => {}
            Event::Trouble(trouble) => self.failed(kind, trouble.to_string(), news),
            Event::Listing => {
                self.listings += 1;
                let known = self.heard.contains_key(&*kind.kind);
                self.relists += u64::from(known);
            }
            Event::Put(..) | Event::Unread(..) | Event::Gone(_) | Event::Synced | Event::Alive => {
                self.works(kind, news);
            }
        }
    }

    /// The cluster has no such kind.
    pub(super) fn absent(&mut self, kind: &Kind, news: &mut Vec<String>) {
        self.works(kind, news);
    }

    fn failed(&mut self, kind: &Kind, told: String, news: &mut Vec<String>) {
        let known = self.troubles.values().any(|known| *known == told);
        if !known {
            news.push(format!("{told}; what is in force stays in force, and is tried again"));
        }
        self.troubles.insert(kind.kind.to_string(), told);
        self.since.get_or_insert_with(Instant::now);
    }

    fn works(&mut self, kind: &Kind, news: &mut Vec<String>) {
        match self.heard.get_mut(&*kind.kind) {
            Some(heard) => *heard = Instant::now(),
            None => {
                self.heard.insert(kind.kind.to_string(), Instant::now());
            }
        }
        if self.troubles.is_empty()
            || self.troubles.remove(&*kind.kind).is_none()
            || !self.troubles.is_empty()
        {
            return;
        }
        let lasted = self.since.take().map(|since| since.elapsed().as_secs()).unwrap_or_default();
        news.push(format!("the API server tells everything again, after {lasted} s"));
    }
}
