//! What a cluster looks like to Bookend: its policies, its namespaces, nodes and Services, and who runs where.
//!
//! A view is told what happens by watches, in any order, and compiles what it knows at any time: policies as texts, so that diagnostics have
//! places, and pods as few workloads with many places, so that one that comes or goes costs nearly nothing. A view does not depend on how
//! it came to know: two that know the same compile to the same.
//!
//! An object that is invalid although it was stored does not keep others from being enforced: see [`InForce`].

mod addresses;
mod article;
mod compiling;
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

use bookend_lang::{Compiled, Compiler, Source};

pub use self::article::{Article, ObjectName};
pub use self::crowd::Attached;
pub use self::follower::{Change, Follower, Health};
pub use self::pod::Pod;
pub use self::proxy::{Filtered, Filters, Notice, Role};
pub use self::standing::{Good, InForce, Standing};

use self::article::Text;
use self::crowd::Crowd;
use self::sources::Sources;
use self::standing::{GoodVersion, Stand};
use crate::{Event, Key, Kind, kinds};

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
    objects: BTreeMap<Arc<ObjectName>, Stand>,
    /// What a list that is being read has not told yet, by kind.
    unlisted: BTreeMap<String, BTreeSet<Arc<ObjectName>>>,
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
    /// What is in force depends on who runs where: a pod contradicts something.
    entangled: bool,
    sources: Sources,
    /// Manifests that are refused, and why.
    quarantined: HashMap<Arc<Source>, String>,
    /// The revision of the policies in force.
    policies: String,
    /// Counts the changes of what is good.
    goods: u64,
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
            compiler: Compiler::default().silent().passing(),
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
            entangled: false,
            sources: Sources::default(),
            quarantined: HashMap::new(),
            policies: String::new(),
            goods: 0,
        }
    }

    /// Takes in what was told of pods. Whether anything may differ from before.
    pub fn take_pod(&mut self, event: Event<Pod>) -> bool {
        match event {
            Event::Listing => self.crowd.listing(),
            Event::Put(key, pod) => self.crowd.put(&key, pod),
            Event::Unread(key, _) => self.crowd.unread(&key),
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
                let text = article.read(kind, &key);
                self.put(name(&key), text)
            }
            Event::Unread(key, unread) => self.put(name(&key), Text::unread(&key, unread)),
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

    /// The cluster does not serve a kind. Whether anything may differ from before: what was told of it before stays as it was, because a server that
    /// starts, or whose definitions are just being written, says the same.
    pub(crate) fn absent(&mut self, kind: &Kind) -> bool {
        self.listed.insert(kind.kind.to_string())
    }

    fn put(&mut self, object: ObjectName, text: Text) -> bool {
        if let Some(unlisted) = self.unlisted.get_mut(&object.kind) {
            unlisted.remove(&object);
        }
        match self.objects.get_mut(&object) {
            Some(stand) if stand.now == text => return false,
            // Only what is not in force of it: its generation, for example.
            Some(stand) if stand.now.is_like(&text) => {
                stand.now = text;
                return false;
            }
            Some(stand) => {
                // Another object of the same name has no past.
                let good = stand.good.take().filter(|_| stand.now.uid == text.uid);
                self.goods += u64::from(good.is_none());
                *stand = Stand::new(text, good);
            }
            None => {
                let restored = self.restored.remove(&object).filter(|version| version.uid == text.uid);
                let good = restored.map(|version| (version.generation, version.text.into()));
                self.objects.insert(Arc::new(object), Stand::new(text, good));
            }
        }
        self.changed = true;
        true
    }

    fn remove(&mut self, object: &ObjectName) -> bool {
        let known = self.objects.remove(object).is_some();
        self.changed |= known;
        self.goods += u64::from(known);
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

    /// How every object stands that is not simply in force as it is, or is a policy.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        let told =
            self.objects.iter().filter(|(object, stand)| !stand.complaints.is_empty() || !object.is_world());
        told.map(|(object, stand)| Standing {
            object: (**object).clone(),
            uid: stand.now.uid.clone(),
            generation: stand.now.generation,
            in_force: stand.in_force(object, self.held),
            complaints: stand.complaints.clone(),
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

    /// A number that is another one whenever the [good](Self::good) versions may be others.
    pub fn goods(&self) -> u64 {
        self.goods
    }

    /// The last good versions of all policies.
    pub fn good(&self) -> Good {
        let versions = self.objects.iter().filter_map(|(object, stand)| {
            let (generation, text) = stand.good.clone()?;
            // Of the others only what is not told by whoever tells of them.
            let wanted = !object.is_world() || text != stand.now.text;
            let (uid, created) = (stand.now.uid.clone(), stand.now.created.clone());
            let (object, text) = ((**object).clone(), text.to_string());
            wanted.then_some(GoodVersion { object, uid, generation, created, text })
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
}

#[cfg(test)]
mod tests;
