//! Writing what namespaces get.

mod notices;
mod reliance;
mod stock;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bookend_cluster::view::Filtered;
use bookend_cluster::{Applying, Clash, Cluster, Deleting, Event, Kind, Leadership, Trouble};
use bookend_objects::install::INSTALL;
use bookend_objects::mesh::{Mesh, Pull};
use serde_json::Value;
use tokio::time::Instant;

use crate::ControllerOptions;
use crate::means::Ways;
use crate::pace::Pace;
use crate::say::say;
use crate::share::Share;
use notices::Notices;
use reliance::{bare, reliable, there};
use stock::{Id, Stock};
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
    notices: Notices,
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
    /// When nodes can be told more of its filters.
    telling: Option<Instant>,
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
            self.stock = Stock::take(&self.cluster, &self.install).await?;
        }
        self.find(ways, lacks);
        self.places.values_mut().for_each(|place| place.dirty = true);
        let told = self.notices.told().keys().cloned();
        for namespace in self.stock.namespaces().into_iter().chain(told) {
            // Whatever is there of namespaces of which nothing is wanted any more goes.
            self.places.entry(namespace).or_insert_with(Place::empty).dirty = true;
        }
        Ok(())
    }

    /// Takes in what was told of the objects of a kind: what somebody else changed or deleted is written again.
    pub(crate) fn hear(&mut self, kind: &'static Kind, event: Event<Value>) {
        for namespace in self.stock.hear(kind, event) {
            let place = self.places.entry(namespace).or_insert_with(Place::empty);
            place.dirty = true;
        }
    }

    /// Where there are filters, and what nodes are told of them.
    pub(crate) fn found(&self) -> impl Iterator<Item = (String, Option<&Filtered>)> {
        self.stock.namespaces().into_iter().map(|namespace| {
            let told = self.notices.told().get(&namespace);
            (namespace, told)
        })
    }

    /// Takes note of what the cluster has.
    pub(crate) fn find(&mut self, ways: Ways, lacks: Option<String>) {
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
                Err(stopped) => {
                    self.counts.failed += 1;
                    match stopped {
                        Stopped::Trouble(trouble) if trouble.is_transient() => {
                            place.pace.fail(AGAIN);
                            Some(trouble.to_string())
                        }
                        Stopped::Trouble(trouble) => {
                            place.pace.rest(SELDOM);
                            Some(trouble.to_string())
                        }
                        Stopped::Unfit(sentence) => {
                            // Until something else is wanted.
                            place.dirty = false;
                            Some(sentence)
                        }
                    }
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
            if place.wanted.is_none() && !place.dirty {
                self.places.remove(&namespace);
            }
        }
    }

    /// Writes the objects of one namespace. What is told is no failure, but should be known.
    async fn write_one(
        &mut self,
        namespace: &str,
        ways: Ways,
        leadership: &Leadership,
    ) -> Result<Option<String>, Stopped> {
        let Some(place) = self.places.get(namespace) else { return Ok(None) };
        if place.held {
            return Ok(Some(
                "a policy is invalid whose last good version is not known here any more, so the objects that are there stay; correct the policy"
                    .to_owned(),
            ));
        }
        // The objects, and for which gateways they are by the position among those of the namespace.
        let (objects, told) = match (&place.wanted, ways.means, &self.pull) {
            (None, _, _) => (Vec::new(), None),
            // Nothing is taken away from proxies because something cannot be asked for.
            (Some(_), None, _) => {
                self.notices.retract(&self.cluster, namespace, &Filtered::default()).await?;
                return Ok(self.lacks.clone());
            }
            (Some(_), _, None) => {
                return Ok(Some(
                    "no image of the filter was named; start the controller with `--filter-image`".to_owned(),
                ));
            }
            (Some(share), Some(means), Some(pull)) => {
                let root = namespace == self.root;
                let mesh = Mesh {
                    install: &self.install,
                    namespace,
                    root,
                    gateways: &share.gateways,
                    pull,
                    configuration: &share.configuration,
                    policies: &self.policies,
                    means,
                    envoy_filters: ways.envoy_filters,
                };
                let objects = mesh.objects().map_err(|unfit| Stopped::Unfit(unfit.to_string()))?;
                let objects = objects.into_iter().map(|(gateway, object)| (gateway.cloned(), object));
                (objects.collect(), self.lacks.clone().or_else(|| bare(share, root)))
            }
        };
        // What nodes may rely on: all that those proxies need is there.
        let reliable = match &place.wanted {
            Some(share) if ways.envoy_filters => reliable(share, namespace == self.root),
            _ => Filtered::default(),
        };
        let there = there(&self.stock, &reliable, &objects);
        self.notices.retract(&self.cluster, namespace, &there).await?;
        let applying = Applying::by(MANAGER);
        let mut kept = BTreeSet::new();
        for (_, object) in objects {
            let Some(id) = Id::of(&object) else { continue };
            if !self.stock.is(&id, &object) {
                leads(leadership)?;
                if !self.stock.knows(&id) {
                    self.is_free(&id).await?;
                }
                // Whoever applies `null` may have applied nothing, and a configuration says much by it.
                match has_null(&object) {
                    true => self.put(&id, &object, &applying).await?,
                    false => _ = self.cluster.apply(&object, &applying).await?,
                }
                self.counts.applied += 1;
                self.stock.put(id.clone(), &object);
            }
            kept.insert(id);
        }
        for id in self.stock.others(namespace, &kept) {
            leads(leadership)?;
            let deleting = Deleting::default();
            self.cluster.delete(id.kind, Some(&id.namespace), &id.name, &deleting).await?;
            self.counts.deleted += 1;
            self.stock.remove(&id);
        }
        let next = self.notices.tell(&self.cluster, namespace, &reliable, self.rely_after).await?;
        if let Some(place) = self.places.get_mut(namespace) {
            place.telling = next;
        }
        Ok(told)
    }

    /// Nobody else's object of this name is there: another installation writes by the same name, so that nobody would ask it.
    async fn is_free(&self, id: &Id) -> Result<(), Trouble> {
        let found = self.cluster.get::<Value>(id.kind, Some(&id.namespace), &id.name).await?;
        let label =
            found.as_ref().and_then(|object| object.get("metadata")?.get("labels")?.get(INSTALL)?.as_str());
        let Some(other) = label.filter(|label| *label != self.install) else { return Ok(()) };
        let clashes =
            vec![Clash { manager: format!("the installation `{other}`"), field: ".spec".to_owned() }];
        Err(Trouble::Conflict { object: format!("{}/{}", id.namespace, id.name), clashes })
    }

    /// Creates an object, or replaces it as it was written here; what somebody else changed is left to them.
    async fn put(&self, id: &Id, object: &Value, applying: &Applying) -> Result<(), Trouble> {
        let Some(found) = self.cluster.get::<Value>(id.kind, Some(&id.namespace), &id.name).await? else {
            return self.cluster.create(object, applying).await.map(drop);
        };
        if let Some(manager) = stock::stranger(&found) {
            let clashes = vec![Clash { manager, field: ".spec".to_owned() }];
            return Err(Trouble::Conflict { object: format!("{}/{}", id.namespace, id.name), clashes });
        }
        let mut object = object.clone();
        if let (Some(metadata), Some(version)) = (
            object.get_mut("metadata").and_then(Value::as_object_mut),
            found.pointer("/metadata/resourceVersion"),
        ) {
            metadata.insert("resourceVersion".to_owned(), version.clone());
        }
        self.cluster.replace(&object, applying).await.map(drop)
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
        Self { wanted: None, held: false, dirty: false, telling: None, pace: Pace::now(), trouble: None }
    }
}

/// Why a namespace was not written.
enum Stopped {
    Trouble(Trouble),
    Unfit(String),
}

impl From<Trouble> for Stopped {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// Whether this one still leads: asked before every single write.
fn leads(leadership: &Leadership) -> Result<(), Stopped> {
    if leadership.leads() {
        return Ok(());
    }
    Err(Trouble::Changed { object: "the Lease of the controller".to_owned() }.into())
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}

/// Where something stands in an object.
fn at<'o>(object: &'o Value, place: &str) -> Option<&'o str> {
    object.pointer(place)?.as_str()
}
