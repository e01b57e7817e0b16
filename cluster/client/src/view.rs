//! What a cluster looks like to Bookend: its policies, its namespaces, nodes and Services, and who runs where.
//!
//! A view is told what happens by watches, in any order, and compiles what it knows at any time: policies as texts, so that diagnostics have
//! places, and pods as few workloads with many places, so that one that comes or goes costs nearly nothing. A view does not depend on how
//! it came to know: two that know the same compile to the same.
//!
//! An object that is invalid although it was stored does not keep others from being enforced: see [`InForce`].

mod article;
mod crowd;
mod follower;
mod notices;
mod pod;
mod proxy;
mod sources;
mod standing;
mod text;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use bookend_lang::{Compiled, Compiler, Refused, Severity, Sighting, Source};
use sha2::{Digest, Sha256};

pub use self::article::{Article, ObjectName};
pub use self::crowd::Attached;
pub use self::follower::{Change, Follower, Health};
pub use self::pod::Pod;
pub use self::proxy::{Filtered, Filters, Notice, Role};
pub use self::standing::{Good, InForce, Standing};

use self::article::Text;
use self::crowd::Crowd;
use self::pod::NOISE;
use self::sources::Sources;
use self::standing::{GoodVersion, Stand};
use crate::{Event, Key, Kind, kinds};

/// How often what is invalid is replaced by something else before all of it is refused.
const MAX_ROUNDS: usize = 100;

/// What somebody wants to see of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// The node whose pods can be [attached](View::attach); nothing for who is on no node.
    pub node: Option<String>,
    /// Whose word counts for whether a proxy has a filter.
    pub filters: Filters,
}

/// Everything that is known of a cluster.
#[derive(Debug)]
pub struct View {
    compiler: Compiler,
    crowd: Crowd,
    objects: BTreeMap<ObjectName, Stand>,
    /// What a list that is being read has not told yet, by kind.
    unlisted: BTreeMap<String, BTreeSet<ObjectName>>,
    /// The kinds of which a whole list was read.
    listed: BTreeSet<String>,
    /// Somebody says which proxies have filters.
    noticed: bool,
    /// What was said in ConfigMaps of this name, and of which namespace.
    notices: BTreeMap<String, (String, Filtered)>,
    /// Those that a list which is being read has not told yet.
    unread: Option<BTreeSet<String>>,
    /// Last good versions of objects that were not told yet.
    restored: BTreeMap<ObjectName, GoodVersion>,
    /// Objects other than pods changed since they were compiled.
    changed: bool,
    /// Every policy is at its last good version: one for all namespaces is invalid and never was anything else.
    held: bool,
    sources: Sources,
    /// Manifests that are refused, and why.
    quarantined: HashMap<Arc<Source>, String>,
    /// The revision of the policies in force.
    policies: String,
}

/// A pod of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPod {
    /// What the node calls it: its UID, or of a static pod the hash of its file.
    pub uid: String,
    /// Whether it is attached to this node by an interface.
    pub attached: bool,
    /// Whether it has a proxy.
    pub proxied: bool,
}

/// Nothing can be put in force as things are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .complaints.join("\n"))]
pub struct Refusal {
    /// What is wrong, a line each.
    pub complaints: Vec<String>,
}

impl View {
    /// A view of nothing yet.
    pub fn new(outlook: &Outlook) -> Self {
        Self {
            compiler: Compiler::default().silent(),
            crowd: Crowd::new(outlook.node.clone(), &outlook.filters),
            noticed: matches!(outlook.filters, Filters::Published(_)),
            notices: BTreeMap::new(),
            unread: None,
            objects: BTreeMap::new(),
            unlisted: BTreeMap::new(),
            listed: BTreeSet::new(),
            restored: BTreeMap::new(),
            changed: true,
            held: false,
            sources: Sources::default(),
            quarantined: HashMap::new(),
            policies: String::new(),
        }
    }

    /// Takes in what was told of pods. Whether anything may differ from before.
    pub fn take_pod(&mut self, event: Event<Pod>) -> bool {
        match event {
            Event::Listing => self.crowd.listing(),
            Event::Put(key, pod) => self.crowd.put(&key, pod),
            Event::Gone(key) => self.crowd.gone(&key),
            Event::Synced => {
                self.crowd.listed();
                self.listed.insert(kinds::POD.kind.to_string());
            }
            Event::Alive | Event::Trouble(_) => return false,
        }
        true
    }

    /// Takes in what was told of objects of another kind. Whether anything may differ from before.
    pub fn take(&mut self, kind: &Kind, event: Event<Article>) -> bool {
        let name = |key: &Key| ObjectName {
            kind: kind.kind.to_string(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
        };
        match event {
            Event::Listing => {
                let of_kind = self.objects.keys().filter(|object| *object.kind == *kind.kind);
                self.unlisted.insert(kind.kind.to_string(), of_kind.cloned().collect());
                false
            }
            Event::Put(key, article) => {
                let object = name(&key);
                if let Some(unlisted) = self.unlisted.get_mut(&*kind.kind) {
                    unlisted.remove(&object);
                }
                self.put(object, article.read(kind, &key))
            }
            Event::Gone(key) => {
                let object = name(&key);
                let same = self.objects.get(&object).is_some_and(|stand| stand.now.uid == key.uid);
                same && self.remove(&object)
            }
            Event::Synced => {
                let mut differs = self.listed.insert(kind.kind.to_string());
                for object in self.unlisted.remove(&*kind.kind).unwrap_or_default() {
                    differs |= self.remove(&object);
                }
                differs
            }
            Event::Alive | Event::Trouble(_) => false,
        }
    }

    fn put(&mut self, object: ObjectName, text: Text) -> bool {
        match self.objects.get_mut(&object) {
            Some(stand) if stand.now == text => return false,
            // Only what is not in force of it: its generation, for example.
            Some(stand) if stand.now.uid == text.uid && stand.now.text == text.text => {
                stand.now = text;
                return false;
            }
            Some(stand) => {
                // Another object of the same name has no past.
                let good = stand.good.take().filter(|_| stand.now.uid == text.uid);
                *stand = Stand::new(text, good);
            }
            None => {
                let restored = self.restored.remove(&object).filter(|version| version.uid == text.uid);
                let good = restored.map(|version| (version.generation, version.text));
                self.objects.insert(object, Stand::new(text, good));
            }
        }
        self.changed = true;
        true
    }

    fn remove(&mut self, object: &ObjectName) -> bool {
        let known = self.objects.remove(object).is_some();
        self.changed |= known;
        known
    }

    /// What proxies are there for, with the namespaces and labels of their pods; each combination once or more often.
    pub fn proxies(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, String>, Role)> {
        self.crowd.proxies()
    }

    /// Takes note of how the pods of this node are attached to it.
    pub fn attach(&mut self, attached: &[Attached]) {
        self.crowd.attach(attached);
    }

    /// Whether everything was listed at least once. Before that, what is not known may be there.
    pub fn is_complete(&self) -> bool {
        let noticed = self.noticed.then_some(&kinds::CONFIG_MAP);
        let mut wanted = follower::ARTICLES.iter().map(|(kind, _)| *kind).chain([&kinds::POD]).chain(noticed);
        wanted.all(|kind| self.listed.contains(&*kind.kind))
    }

    /// How many objects are known.
    pub fn len(&self) -> usize {
        self.objects.len() + self.crowd.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Compiles all that is known, and `extra` documents. What is invalid is replaced by what was in force before it.
    ///
    /// # Errors
    /// When nothing that was valid is known of a policy for all namespaces, or `extra` is wrong. What is in force should stay so.
    pub fn compile(&mut self, extra: &[Source]) -> Result<&Compiled, Refusal> {
        if std::mem::take(&mut self.changed) {
            for stand in self.objects.values_mut() {
                stand.in_force = InForce::This;
                stand.complaints.clear();
            }
            self.held = false;
            self.quarantined.clear();
            self.sources.forget();
            let mut mentioned = [false; NOISE.len()];
            for stand in self.objects.values() {
                let both = stand.now.mentions.into_iter().zip(&mut mentioned);
                both.for_each(|(own, all)| *all |= own);
            }
            self.crowd.mention(mentioned);
        }
        let mut rounds = 0;
        loop {
            let sources = self.sources.of(extra, &self.objects, self.held);
            let sightings = self.crowd.sightings();
            let accepted: Vec<Sighting>;
            let sightings = if self.quarantined.is_empty() {
                sightings
            } else {
                let kept = |sighting: &&Sighting| !self.quarantined.contains_key(&sighting.manifest);
                accepted = sightings.iter().filter(kept).cloned().collect();
                &accepted
            };
            let Err(refused) = self.compiler.compile_observed(sources, sightings) else { break };
            let seen: Vec<Arc<Source>> =
                sightings.iter().map(|sighting| Arc::clone(&sighting.manifest)).collect();
            rounds += 1;
            if rounds > MAX_ROUNDS || !self.replace(&refused, &seen) {
                let errors = refused.diagnostics.iter().filter(|d| d.severity() == Severity::Error);
                let complaints = errors.map(|diagnostic| self.sources.line(diagnostic)).collect();
                // Whatever comes next, everything is tried again.
                self.changed = true;
                return Err(Refusal { complaints });
            }
        }
        if !self.held {
            self.objects.values_mut().for_each(Stand::proved);
        }
        if self.sources.are_new() || self.policies.is_empty() {
            self.policies = self.revision();
        }
        Ok(self.compiler.compiled())
    }

    /// What was compiled last. After a refusal it must not be applied.
    pub fn compiled(&self) -> &Compiled {
        self.compiler.compiled()
    }

    /// The pods of this node, as they were compiled last.
    pub fn local(&self) -> Vec<LocalPod> {
        let inventory = &self.compiler.compiled().inventory;
        let proxied = |address| inventory.at(address).is_some_and(|workload| workload.identity.proxied);
        let pods = self.crowd.local().map(|(uid, attached, addresses)| LocalPod {
            uid: uid.to_owned(),
            attached,
            proxied: addresses.into_iter().any(proxied),
        });
        pods.collect()
    }

    /// Has less in force of whatever is wrong; false if nothing can be done.
    fn replace(&mut self, refused: &Refused, sightings: &[Arc<Source>]) -> bool {
        let mut culprits: BTreeMap<ObjectName, Vec<String>> = BTreeMap::new();
        for diagnostic in refused.diagnostics.iter().filter(|d| d.severity() == Severity::Error) {
            let related = diagnostic.related.as_ref().map(|(span, _)| span.source);
            let culprit = [Some(diagnostic.span.source), related].into_iter().flatten();
            let culprit = culprit.filter_map(|source| self.sources.owner(source)).next();
            let line = self.sources.line(diagnostic);
            match culprit {
                Some(object) => culprits.entry(object.clone()).or_default().push(line),
                None => {
                    let seen = diagnostic.span.source.checked_sub(self.sources.len());
                    // What comes from elsewhere is for whoever gave it.
                    let Some(manifest) = seen.and_then(|position| sightings.get(position)) else {
                        return false;
                    };
                    self.quarantined.insert(Arc::clone(manifest), line);
                }
            }
        }
        for (object, complaints) in culprits {
            let is_policy =
                kinds::ALL.iter().any(|kind| *kind.kind == *object.kind && *kind.group == *kinds::GROUP);
            let Some(stand) = self.objects.get_mut(&object) else { return false };
            if stand.in_force == InForce::This {
                stand.complaints = complaints;
            }
            if !stand.demote(&object, is_policy) {
                if self.held || self.objects.values().all(|stand| stand.good.is_none()) {
                    return false;
                }
                self.held = true;
            }
        }
        self.sources.forget();
        true
    }

    /// How every object stands that is not simply in force as it is, or is a policy.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        let told = self.objects.iter().filter(|(object, stand)| {
            !stand.complaints.is_empty()
                || !matches!(&*object.kind, "Namespace" | "Node" | "Service" | "EndpointSlice")
        });
        told.map(|(object, stand)| {
            let held = self.held && stand.good.as_ref().is_none_or(|(_, text)| *text != stand.now.text);
            let before =
                stand.good.as_ref().map_or(InForce::Nothing, |(generation, _)| InForce::Before(*generation));
            Standing {
                object: object.clone(),
                uid: stand.now.uid.clone(),
                generation: stand.now.generation,
                in_force: if held { before } else { stand.in_force },
                complaints: stand.complaints.clone(),
            }
        })
    }

    /// Addresses that several pods claim at the same time, so that nobody has them, and by whom.
    pub fn contested(&self) -> BTreeMap<IpAddr, Vec<String>> {
        self.crowd.contested()
    }

    /// Pods that could not be read as workloads, and why; a line each.
    pub fn quarantined(&self) -> impl Iterator<Item = &str> {
        self.quarantined.values().map(String::as_str)
    }

    /// The last good versions of all policies.
    pub fn good(&self) -> Good {
        let versions = self.objects.iter().filter_map(|(object, stand)| {
            let (generation, text) = stand.good.clone()?;
            let world = matches!(&*object.kind, "Namespace" | "Node" | "Service" | "EndpointSlice");
            let (uid, created) = (stand.now.uid.clone(), stand.now.created.clone());
            (!world).then_some(GoodVersion { object: object.clone(), uid, generation, created, text })
        });
        Good { versions: versions.collect() }
    }

    /// Takes note of what was good before somebody else's time. It counts for objects that are told after this.
    pub fn restore(&mut self, good: Good) {
        self.restored = good.by_object();
    }

    /// A name for the policies in force, the same for all who have the same in force: 12 hexadecimal digits of a SHA-256. Empty before the
    /// first was compiled.
    pub fn policies(&self) -> &str {
        &self.policies
    }

    fn revision(&self) -> String {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        for (object, stand) in &self.objects {
            if !kinds::ALL.iter().any(|kind| *kind.kind == *object.kind && *kind.group == *kinds::GROUP) {
                continue;
            }
            let Some(text) = sources::in_force(object, stand, self.held) else { continue };
            part(&object.kind);
            part(object.namespace.as_deref().unwrap_or_default());
            part(&object.name);
            // Labels and annotations say nothing.
            part(text.split_once("\nspec:").map_or("", |(_, spec)| spec));
        }
        hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests;
