//! All pods: who is one workload, and who has which address.

mod claims;
mod naming;
mod sighted;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use bookend_lang::{Instance, Sighting, Source};

use self::claims::Claims;
use super::pod::{NOISE, Pod, Pool, Read, Whereabouts, Who};
use crate::Key;

/// How a pod is attached to this node, as this node knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attached {
    /// The pod's UID, or of a static pod what its annotation `kubernetes.io/config.hash` says.
    pub uid: String,
    /// The host's side of its interface.
    pub interface: String,
    /// The addresses that the runtime gave it there; empty where those in its status hold.
    pub addresses: Vec<IpAddr>,
}

/// A pod by a number that no other one has at the same time.
type Number = u32;

/// All pods.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// Whose pods can be attached here.
    node: Option<String>,
    pods: HashMap<Number, Member>,
    /// By namespace and name.
    names: BTreeMap<Arc<str>, HashMap<Box<str>, Number>>,
    next: Number,
    everybody: Pool<Who>,
    /// What somebody is called apart from noise; of those that are in `everybody`.
    quiet: HashMap<Arc<Who>, Arc<Who>>,
    mentioned: [bool; NOISE.len()],
    groups: BTreeMap<Arc<Who>, Group>,
    claims: Claims,
    /// How pods are attached to this node, by what the node calls them.
    attached: HashMap<String, Vec<Attached>>,
    /// The pods of this node by what the node calls them.
    local: HashMap<String, Number>,
    /// Groups whose instances may differ.
    moved: HashSet<Arc<Who>>,
    /// Groups came or went.
    regrouped: bool,
    sightings: Vec<Sighting>,
    /// Names that a list which is being read has not told yet.
    unlisted: Option<HashSet<Number>>,
}

/// A pod.
#[derive(Debug)]
struct Member {
    uid: Box<str>,
    namespace: Arc<str>,
    name: Box<str>,
    who: Arc<Who>,
    whereabouts: Whereabouts,
    /// What this node calls it, if it is here.
    local: Option<Box<str>>,
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

impl Member {
    /// Whether it has addresses of its own, finished or not.
    fn has_addresses(&self) -> bool {
        !self.who.host_network && !self.whereabouts.finished
    }
}

impl Crowd {
    pub(super) fn new(node: Option<String>) -> Self {
        Self { node, ..Self::default() }
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
        let local = is_here.then(|| file.unwrap_or_else(|| key.uid.clone()).into_boxed_str());
        let who = self.everybody.take(who);
        if let Some(number) = self.find(namespace, &key.name) {
            if let Some(unlisted) = &mut self.unlisted {
                unlisted.remove(&number);
            }
            let same = self.pods.get(&number).is_some_and(|member| {
                member.who == who
                    && member.whereabouts == whereabouts
                    && *member.uid == *key.uid
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
        let number =
            number.filter(|number| self.pods.get(number).is_some_and(|member| *member.uid == *key.uid));
        if let Some(number) = number {
            self.remove(number);
        }
    }

    fn find(&self, namespace: &str, name: &str) -> Option<Number> {
        self.names.get(namespace)?.get(name).copied()
    }

    fn insert(&mut self, key: &Key, who: Arc<Who>, whereabouts: Whereabouts, local: Option<Box<str>>) {
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
        self.names.entry(Arc::clone(&namespace)).or_default().insert(key.name.as_str().into(), number);
        if let Some(local) = &local {
            self.local.insert(local.to_string(), number);
        }
        let (uid, name) = (key.uid.as_str().into(), key.name.as_str().into());
        let member = Member { uid, namespace, name, who, whereabouts, local };
        self.join(number, &member.who);
        self.pods.insert(number, member);
        self.claim(number);
    }

    fn remove(&mut self, number: Number) {
        self.unclaim(number);
        let Some(member) = self.pods.remove(&number) else { return };
        if let Some(names) = self.names.get_mut(&member.namespace) {
            names.remove(&member.name);
            if names.is_empty() {
                self.names.remove(&member.namespace);
            }
        }
        if let Some(local) = member.local.as_deref().filter(|local| self.local.get(*local) == Some(&number)) {
            self.local.remove(local);
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
        let quiet =
            self.everybody.take(who.quiet(|number| mentioned.get(number).copied().unwrap_or_default()));
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

    /// Takes note of how the pods of this node are attached.
    pub(super) fn attach(&mut self, all: &[Attached]) {
        let mut attached: HashMap<String, Vec<Attached>> = HashMap::new();
        for one in all {
            attached.entry(one.uid.clone()).or_default().push(one.clone());
        }
        attached.values_mut().for_each(|several| several.sort());
        let differ = |uid: &&String| self.attached.get(*uid) != attached.get(*uid);
        let changed: BTreeSet<String> =
            self.attached.keys().chain(attached.keys()).filter(differ).cloned().collect();
        let changed: Vec<(String, Option<Number>)> = changed
            .into_iter()
            .map(|uid| (self.local.get(&uid).copied(), uid))
            .map(|(number, uid)| (uid, number))
            .collect();
        for (uid, number) in changed {
            if let Some(number) = number {
                self.unclaim(number);
            }
            match attached.remove(&uid) {
                Some(several) => self.attached.insert(uid, several),
                None => self.attached.remove(&uid),
            };
            if let Some(number) = number {
                self.claim(number);
            }
        }
    }

    /// Where a pod is: an instance for each of its interfaces, if it is attached here.
    fn instances(&self, member: &Member) -> Vec<Instance> {
        let attached = member.local.as_deref().and_then(|local| self.attached.get(local));
        let status = || member.whereabouts.addresses.to_vec();
        let Some(attached) = attached else {
            return vec![Instance { addresses: status(), ..Instance::default() }];
        };
        attached
            .iter()
            .enumerate()
            .map(|(position, one)| Instance {
                // What its status says is of its first interface.
                addresses: match (one.addresses.is_empty(), position) {
                    (true, 0) => status(),
                    _ => one.addresses.iter().map(IpAddr::to_canonical).collect(),
                },
                interface: Some(one.interface.clone()),
                ..Instance::default()
            })
            .collect()
    }

    fn claimed(&self, member: &Member) -> Vec<IpAddr> {
        if !member.has_addresses() {
            return Vec::new();
        }
        let mut addresses: Vec<IpAddr> =
            self.instances(member).into_iter().flat_map(|instance| instance.addresses).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    fn claim(&mut self, number: Number) {
        let Some(member) = self.pods.get(&number) else { return };
        let (who, live) = (Arc::clone(&member.who), !member.whereabouts.terminating);
        let mut concerned = Vec::new();
        for address in self.claimed(member) {
            concerned.extend(self.claims.add(address, number, live));
        }
        self.stir(&concerned);
        let quiet = self.quiet(&who);
        self.moved.insert(quiet);
    }

    fn unclaim(&mut self, number: Number) {
        let Some(member) = self.pods.get(&number) else { return };
        let who = Arc::clone(&member.who);
        let mut concerned = Vec::new();
        for address in self.claimed(member) {
            concerned.extend(self.claims.remove(address, number));
        }
        self.stir(&concerned);
        let quiet = self.quiet(&who);
        self.moved.insert(quiet);
    }

    /// The groups of these pods may have other instances.
    fn stir(&mut self, pods: &[Number]) {
        for number in pods {
            if let Some(who) = self.pods.get(number).map(|member| Arc::clone(&member.who)) {
                let quiet = self.quiet(&who);
                self.moved.insert(quiet);
            }
        }
    }

    /// Addresses that several pods claim at the same time, so that nobody has them, and by whom.
    pub(super) fn contested(&self) -> BTreeMap<IpAddr, Vec<String>> {
        let named = |number: &Number| {
            self.pods.get(number).map(|member| format!("{}/{}", member.namespace, member.name))
        };
        let all = self.claims.contested();
        all.map(|(address, pods)| {
            let mut names: Vec<String> = pods.iter().filter_map(named).collect();
            names.sort();
            (address, names)
        })
        .collect()
    }

    /// The pods of this node: what it calls each, whether it is attached, and its addresses.
    pub(super) fn local(&self) -> impl Iterator<Item = (&str, bool, Vec<IpAddr>)> {
        self.local.iter().filter_map(|(uid, number)| {
            let member = self.pods.get(number)?;
            Some((uid.as_str(), self.attached.contains_key(uid), self.claimed(member)))
        })
    }
}
