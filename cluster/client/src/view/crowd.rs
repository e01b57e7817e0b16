//! All pods: who is one workload, and who has which address.

mod attached;
mod claims;
mod known;
mod member;
mod naming;
mod sighted;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bookend_lang::{Sighting, Source};

pub use self::attached::Attached;
use self::claims::Claims;
use self::member::{Member, Uid};
use super::pod::{NOISE, Pod, Pool, Read, Whereabouts, Who};
use super::proxy::{Filtered, Filters, Role};
use crate::Key;

/// A pod by a number that no other one has at the same time.
type Number = u32;

/// All pods.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// Whose pods can be attached here.
    node: Option<String>,
    pods: HashMap<Number, Member>,
    /// By namespace and name.
    names: BTreeMap<Arc<str>, HashMap<Arc<str>, Number>>,
    next: Number,
    everybody: Pool<Who>,
    /// Nobody has to say which proxies have filters: all have.
    trusting: bool,
    /// Where proxies have filters, by namespace.
    filtered: BTreeMap<String, Filtered>,
    /// What somebody is called apart from noise; of those that are in `everybody`.
    quiet: HashMap<Arc<Who>, Arc<Who>>,
    mentioned: [bool; NOISE.len()],
    groups: BTreeMap<Arc<Who>, Group>,
    claims: Claims,
    /// How pods are attached to this node, by what the node calls them.
    attached: HashMap<String, Vec<Attached>>,
    /// The pods of this node by what the node calls them: of two that say they are the same, neither is.
    local: HashMap<String, BTreeSet<Number>>,
    /// Groups whose instances may differ.
    moved: HashSet<Arc<Who>>,
    /// Groups came or went.
    regrouped: bool,
    sightings: Vec<Sighting>,
    /// Names that a list which is being read has not told yet.
    unlisted: Option<HashSet<Number>>,
}

/// Pods that nothing tells apart.
#[derive(Debug)]
struct Group {
    manifest: Arc<Source>,
    /// The name to show.
    name: Arc<str>,
    members: BTreeSet<Number>,
    /// Its position in `sightings`, if it has one and nobody of it was moved since.
    place: Option<usize>,
}

impl Crowd {
    pub(super) fn new(node: Option<String>, filters: &Filters) -> Self {
        Self { node, trusting: *filters == Filters::Everywhere, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.pods.len()
    }

    /// A list begins.
    pub(super) fn listing(&mut self) {
        self.unlisted = Some(self.pods.keys().copied().collect());
    }

    /// The list that began is complete.
    pub(super) fn listed(&mut self) {
        for number in self.unlisted.take().into_iter().flatten() {
            self.remove(number);
        }
    }

    /// Forgets whom nobody is any more, now and then.
    fn forget(&mut self) {
        if self.quiet.len() > 4 * self.groups.len() + 1_024 {
            self.quiet.clear();
            self.everybody.forget();
        }
    }

    pub(super) fn put(&mut self, key: &Key, pod: Pod) {
        let namespace = key.namespace.as_deref().unwrap_or_default();
        let Read { who, whereabouts, node, file } = pod.read(namespace, &key.name);
        let is_here = self.node.is_some() && node == self.node;
        let local = is_here.then(|| Box::new(file.unwrap_or_else(|| key.uid.clone())));
        let who = self.everybody.take(who);
        if let Some(number) = self.find(namespace, &key.name) {
            if let Some(unlisted) = &mut self.unlisted {
                unlisted.remove(&number);
            }
            let same = self.pods.get(&number).is_some_and(|member| {
                member.who == who
                    && member.whereabouts == whereabouts
                    && member.uid == Uid::new(&key.uid)
                    && member.local == local
            });
            if same {
                return;
            }
            self.remove(number);
        }
        self.insert(key, Arc::clone(&who), whereabouts, local);
    }

    pub(super) fn gone(&mut self, key: &Key) {
        let number = self.find(key.namespace.as_deref().unwrap_or_default(), &key.name);
        // One of the same name may be there already, of which this was not said.
        let uid = Uid::new(&key.uid);
        let number = number.filter(|number| self.pods.get(number).is_some_and(|member| member.uid == uid));
        if let Some(number) = number {
            self.remove(number);
        }
    }

    fn find(&self, namespace: &str, name: &str) -> Option<Number> {
        self.names.get(namespace)?.get(name).copied()
    }

    #[expect(clippy::box_collection, reason = "as in a member")]
    fn insert(&mut self, key: &Key, who: Arc<Who>, whereabouts: Whereabouts, local: Option<Box<String>>) {
        while self.pods.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let namespace = key.namespace.as_deref().unwrap_or_default();
        let namespace = match self.names.get_key_value(namespace) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(namespace),
        };
        let name: Arc<str> = key.name.as_str().into();
        self.names.entry(namespace).or_default().insert(Arc::clone(&name), number);
        let member = Member { uid: Uid::new(&key.uid), name, who, whereabouts, local };
        self.join(number, &member.who);
        let local = member.local.clone();
        self.pods.insert(number, member);
        match local {
            Some(local) => self.recall(&local, |here| _ = here.insert(number)),
            None => self.claim(number),
        }
    }

    fn remove(&mut self, number: Number) {
        match self.pods.get(&number).and_then(|member| member.local.clone()) {
            Some(local) => self.recall(&local, |here| _ = here.remove(&number)),
            None => self.unclaim(number),
        }
        let Some(member) = self.pods.remove(&number) else { return };
        let namespace = member.who.namespace.as_str();
        if let Some(names) = self.names.get_mut(namespace) {
            names.remove(&member.name);
            if names.is_empty() {
                self.names.remove(namespace);
            }
        }
        self.leave(number, &member.who);
    }

    fn join(&mut self, number: Number, who: &Arc<Who>) {
        let quiet = self.quiet(who);
        self.moved.insert(Arc::clone(&quiet));
        let regrouped = &mut self.regrouped;
        let group = self.groups.entry(quiet).or_insert_with_key(|who| {
            *regrouped = true;
            let manifest = Source::new(format!("pod {}/{}", who.namespace, who.owner), who.manifest());
            Group {
                manifest: Arc::new(manifest),
                name: who.owner.as_str().into(),
                members: BTreeSet::new(),
                place: None,
            }
        });
        group.members.insert(number);
    }

    fn leave(&mut self, number: Number, who: &Arc<Who>) {
        let quiet = self.quiet(who);
        self.moved.insert(Arc::clone(&quiet));
        if let Some(group) = self.groups.get_mut(&quiet) {
            group.members.remove(&number);
            if group.members.is_empty() {
                self.groups.remove(&quiet);
                self.regrouped = true;
            }
        }
    }

    fn quiet(&mut self, who: &Arc<Who>) -> Arc<Who> {
        if let Some(quiet) = self.quiet.get(who) {
            return Arc::clone(quiet);
        }
        let mentioned = self.mentioned;
        let mentioned = |number| mentioned.get(number).copied().unwrap_or_default();
        let nowhere = Filtered::default();
        let filtered = self.filtered.get(&who.namespace).unwrap_or(&nowhere);
        let quiet = who.quiet(mentioned, (!self.trusting).then_some(filtered));
        let quiet = self.everybody.take(quiet);
        self.quiet.insert(Arc::clone(who), Arc::clone(&quiet));
        quiet
    }

    /// Takes note of which noise somebody mentions: it tells pods apart then.
    pub(super) fn mention(&mut self, mentioned: [bool; NOISE.len()]) {
        if self.mentioned == mentioned {
            return;
        }
        self.mentioned = mentioned;
        self.quiet.clear();
        self.groups.clear();
        self.regrouped = true;
        let all: Vec<(Number, Arc<Who>)> =
            self.pods.iter().map(|(number, member)| (*number, Arc::clone(&member.who))).collect();
        for (number, who) in all {
            self.join(number, &who);
        }
    }

    /// Takes note of where in a namespace proxies have filters. Whether anything differs.
    pub(super) fn filter(&mut self, namespace: &str, filtered: Filtered) -> bool {
        if self.filtered.get(namespace).cloned().unwrap_or_default() == filtered {
            return false;
        }
        let names = self.names.get(namespace);
        let all: Vec<Number> = names.into_iter().flat_map(HashMap::values).copied().collect();
        let all: Vec<(Number, Arc<Who>)> = all
            .into_iter()
            .filter_map(|number| Some((number, Arc::clone(&self.pods.get(&number)?.who))))
            .collect();
        for (number, who) in &all {
            self.leave(*number, who);
        }
        self.quiet.retain(|who, _| who.namespace != namespace);
        match filtered.is_empty() {
            true => self.filtered.remove(namespace),
            false => self.filtered.insert(namespace.to_owned(), filtered),
        };
        for (number, who) in &all {
            self.join(*number, who);
        }
        true
    }

    /// What proxies are there for, with the namespaces and labels of their pods; each combination once or more often.
    pub(super) fn proxies(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, String>, Role)> {
        self.groups.keys().filter_map(|who| Some((who.namespace.as_str(), &who.labels, who.role()?)))
    }
}
