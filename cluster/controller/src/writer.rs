//! Writing what namespaces get.

mod namespace;
mod notices;
mod reliance;
mod stock;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bookend_cluster::view::Filtered;
use bookend_cluster::{Cluster, Event, Kind, Leadership, Trouble};
use bookend_objects::mesh::Pull;
use serde_json::Value;
use tokio::time::Instant;

use crate::means::Ways;
use crate::pace::Pace;
use crate::say::say;
use crate::share::Share;
use crate::{ControllerOptions, Istio};
use notices::Notices;
use stock::Stock;
pub(crate) use stock::{KINDS, scope};

/// The field manager.
pub(crate) const MANAGER: &str = "bookend-controller";
/// How long after a failure something is tried again for the first time.
const AGAIN: Duration = Duration::from_secs(2);
/// How often what will not get better by itself is tried again.
const SELDOM: Duration = Duration::from_secs(60);
/// How many namespaces are written at once, before news are heard again.
const BATCH: usize = 16;

/// What was counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) applied: u64,
    pub(crate) deleted: u64,
    pub(crate) failed: u64,
}

/// Writes the objects of namespaces: only what changed, never too often, and nothing that somebody else manages.
pub(crate) struct Writer {
    cluster: Cluster,
    install: String,
    root: String,
    pull: Option<Pull>,
    at_most_every: Duration,
    rely_after: Duration,
    drain: Duration,
    istio: Istio,
    notices: Notices,
    /// Namespaces with a policy that was invalid before anything was wanted here, and the policies in force then.
    frozen: Option<(BTreeSet<String>, String)>,
    /// Ways in which something is missing that was there before, once.
    doubted: Option<Ways>,
    ways: Option<Ways>,
    lacks: Option<String>,
    stock: Stock,
    places: BTreeMap<String, Place>,
    policies: String,
    pub(crate) counts: Counts,
}

/// A namespace.
struct Place {
    wanted: Option<Share>,
    /// What it has must stay, whatever is wanted.
    held: bool,
    dirty: bool,
    /// Somebody else was there.
    disturbed: bool,
    /// When there is more to do: nodes can be told more of its filters, or what they no longer rely on can go.
    telling: Option<Instant>,
    /// Before when nothing is deleted: nodes may still rely on it.
    draining: Option<Instant>,
    pace: Pace,
    trouble: Option<String>,
}

impl Writer {
    pub(crate) fn new(cluster: &Cluster, options: &ControllerOptions) -> Self {
        let pull = options
            .filter_image
            .clone()
            .map(|image| Pull { image, secret: options.filter_pull_secret.clone() });
        Self {
            cluster: cluster.clone(),
            install: options.install.clone(),
            root: options.root_namespace.clone(),
            pull,
            at_most_every: options.at_most_every,
            rely_after: options.rely_after,
            drain: options.drain,
            istio: options.istio,
            frozen: None,
            doubted: None,
            notices: Notices::new(&options.install, &options.namespace),
            ways: None,
            lacks: None,
            stock: Stock::default(),
            places: BTreeMap::new(),
            policies: String::new(),
            counts: Counts::default(),
        }
    }

    /// Looks what there is, before anything is written.
    ///
    /// # Errors
    /// When that cannot be told.
    pub(crate) async fn take_stock(&mut self, ways: Ways, lacks: Option<String>) -> Result<(), Trouble> {
        self.notices.take(&self.cluster).await?;
        self.stock = Stock::default();
        if ways.means.is_some() {
            self.stock = Stock::take(&self.cluster, &self.install, self.istio).await?;
        }
        (self.frozen, self.doubted, self.ways) = (None, None, None);
        self.find(ways, lacks);
        self.places.values_mut().for_each(|place| (place.dirty, place.disturbed) = (true, false));
        let told = self.notices.told().keys().cloned();
        for namespace in self.stock.namespaces().into_iter().chain(told) {
            // Whatever is there of namespaces of which nothing is wanted any more goes.
            self.places.entry(namespace).or_insert_with(Place::empty).dirty = true;
        }
        // Whoever led before may have told nodes a moment ago not to rely on what is deleted next.
        let until = Instant::now() + self.drain;
        self.places.values_mut().for_each(|place| place.draining = Some(until));
        Ok(())
    }

    /// Takes in what was told of the objects of a kind: what somebody else changed or deleted is written again.
    pub(crate) fn hear(&mut self, kind: &'static Kind, event: Event<Value>) {
        for namespace in self.stock.hear(kind, event) {
            let place = self.places.entry(namespace).or_insert_with(Place::empty);
            (place.dirty, place.disturbed) = (true, true);
        }
    }

    /// Where there are filters, and what nodes are told of them.
    pub(crate) fn found(&self) -> impl Iterator<Item = (String, Option<&Filtered>)> {
        self.stock.namespaces().into_iter().map(|namespace| {
            let told = self.notices.told().get(&namespace);
            (namespace, told)
        })
    }

    /// Looks whether nodes are told what they should be: somebody else may have been there.
    ///
    /// # Errors
    /// When that cannot be known.
    pub(crate) async fn look_again(&mut self) -> Result<(), Trouble> {
        for namespace in self.notices.look(&self.cluster).await? {
            self.places.entry(namespace).or_insert_with(Place::empty).dirty = true;
        }
        Ok(())
    }

    /// Takes note of what the cluster has. What is missing must be missing twice: one API server of several may not know it yet.
    pub(crate) fn find(&mut self, ways: Ways, lacks: Option<String>) {
        if self.ways.is_some_and(|known| ways.have_less_than(known)) && self.doubted != Some(ways) {
            self.doubted = Some(ways);
            return;
        }
        self.doubted = None;
        if self.ways != Some(ways) {
            self.places.values_mut().for_each(|place| (place.dirty, place.pace) = (true, Pace::now()));
        }
        if lacks != self.lacks {
            match &lacks {
                Some(lacks) => say(lacks),
                None => say("the cluster serves everything that filters need"),
            }
        }
        (self.ways, self.lacks) = (Some(ways), lacks);
    }

    /// Says what there should be. What namespaces have that are `held` stays as it is.
    pub(crate) fn want(&mut self, shares: BTreeMap<String, Share>, held: &BTreeSet<String>, policies: &str) {
        policies.clone_into(&mut self.policies);
        // What never was valid while this one knew isolates; of what was invalid before, nobody knows here what it said.
        let (frozen, _) = self.frozen.get_or_insert_with(|| (held.clone(), policies.to_owned()));
        frozen.retain(|namespace| held.contains(namespace));
        let held = frozen.clone();
        let gone: Vec<String> =
            self.places.keys().filter(|namespace| !shares.contains_key(*namespace)).cloned().collect();
        let gone = gone.into_iter().map(|namespace| (namespace, None));
        for (namespace, share) in
            shares.into_iter().map(|(namespace, share)| (namespace, Some(share))).chain(gone)
        {
            let held = held.contains(&namespace) && self.stock.has(&namespace);
            let place = self.places.entry(namespace).or_insert_with(Place::empty);
            if place.wanted != share || place.held != held {
                (place.wanted, place.held, place.dirty) = (share, held, true);
                place.pace.hurry();
            }
        }
    }

    /// When there is something to write.
    pub(crate) fn due(&self) -> Option<Instant> {
        let dirty = self.places.values().filter(|place| place.dirty).map(|place| place.pace.due());
        dirty.chain(self.places.values().filter_map(|place| place.telling)).min()
    }

    /// Writes what is due, as long as this one leads.
    pub(crate) async fn write(&mut self, leadership: &Leadership) {
        let Some(ways) = self.ways else { return };
        let now = Instant::now();
        let due = self.places.iter().filter(|(_, place)| {
            (place.dirty && place.pace.due() <= now) || place.telling.is_some_and(|due| due <= now)
        });
        let due: Vec<String> = due.map(|(namespace, _)| namespace.clone()).take(BATCH).collect();
        for namespace in due {
            if !leadership.leads() {
                return;
            }
            if let Some(place) = self.places.get_mut(&namespace) {
                place.telling = None;
            }
            let written = self.write_one(&namespace, ways, leadership).await;
            let Some(place) = self.places.get_mut(&namespace) else { continue };
            let told = match written {
                Ok(told) => {
                    place.dirty = false;
                    place.pace.rest(self.at_most_every);
                    told
                }
                Err(trouble) => {
                    self.counts.failed += 1;
                    place.dirty = true;
                    match trouble.is_transient() {
                        true => place.pace.fail(AGAIN),
                        false => place.pace.rest(SELDOM),
                    }
                    Some(trouble.to_string())
                }
            };
            if told != place.trouble {
                match &told {
                    Some(trouble) => say(&format!(
                        "the filters of namespace `{namespace}`: {trouble}; what they have stays"
                    )),
                    None => {
                        say(&format!("the filters of namespace `{namespace}` have what they should again"))
                    }
                }
                place.trouble = told;
            }
            if place.wanted.is_none() && !place.dirty && place.telling.is_none() {
                self.places.remove(&namespace);
            }
        }
    }

    /// What cannot be done, or should be known, by namespace.
    pub(crate) fn troubles(&self) -> BTreeMap<&str, &str> {
        let told = self.places.iter().filter_map(|(namespace, place)| {
            Some((namespace.as_str(), place.trouble.as_deref().filter(|_| place.wanted.is_some())?))
        });
        told.collect()
    }

    /// What each namespace is to get.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (&str, &Share)> {
        self.places.iter().filter_map(|(namespace, place)| Some((namespace.as_str(), place.wanted.as_ref()?)))
    }

    /// How many namespaces wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.places.values().filter(|place| place.dirty).count()
    }
}

impl Place {
    fn empty() -> Self {
        Self {
            wanted: None,
            held: false,
            dirty: false,
            disturbed: false,
            telling: None,
            draining: None,
            pace: Pace::now(),
            trouble: None,
        }
    }
}

/// Where something stands in an object.
fn at<'o>(object: &'o Value, place: &str) -> Option<&'o str> {
    object.pointer(place)?.as_str()
}
