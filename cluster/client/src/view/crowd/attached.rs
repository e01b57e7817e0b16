//! How the pods of this node are attached to it, and who has which address.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use bookend_lang::Instance;

use super::claims::Rank;
use super::{Crowd, Member, Number};

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

impl Crowd {
    /// Changes which pods this node calls so, and with it which of them is attached.
    pub(super) fn recall(&mut self, local: &str, change: impl FnOnce(&mut BTreeSet<Number>)) {
        let mut here = self.local.get(local).cloned().unwrap_or_default();
        let concerned = here.clone();
        concerned.iter().for_each(|number| self.unclaim(*number));
        change(&mut here);
        let concerned = here.clone();
        match here.is_empty() {
            true => self.local.remove(local),
            false => self.local.insert(local.to_owned(), here),
        };
        concerned.iter().for_each(|number| self.claim(*number));
    }

    /// The pod of this node that it calls so.
    fn called(&self, local: &str) -> Option<Number> {
        let here = self.local.get(local)?;
        here.first().copied().filter(|_| here.len() == 1)
    }

    /// Takes note of how the pods of this node are attached.
    pub(in super::super) fn attach(&mut self, all: &[Attached]) {
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
            .map(|uid| (self.called(&uid), uid))
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

    /// How a pod is attached here.
    fn attached(&self, member: &Member) -> Option<&Vec<Attached>> {
        let local = member.local.as_deref()?.as_str();
        // Of two that are called the same, nobody knows which one it is.
        self.called(local)?;
        self.attached.get(local)
    }

    /// Where a pod is: an instance for each of its interfaces, if it is attached here.
    pub(super) fn instances(&self, member: &Member) -> Vec<Instance> {
        let attached = self.attached(member);
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

    pub(super) fn claim(&mut self, number: Number) {
        let Some(member) = self.pods.get(&number) else { return };
        let who = Arc::clone(&member.who);
        let given = self.attached(member).is_some_and(|all| all.iter().any(|one| !one.addresses.is_empty()));
        let rank = match (member.whereabouts.terminating, given) {
            (true, _) => Rank::Leaving,
            (false, false) => Rank::Told,
            (false, true) => Rank::Seen,
        };
        let mut concerned = Vec::new();
        for address in self.claimed(member) {
            concerned.extend(self.claims.add(address, number, rank));
        }
        self.stir(&concerned);
        let quiet = self.quiet(&who);
        self.moved.insert(quiet);
    }

    pub(super) fn unclaim(&mut self, number: Number) {
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
    pub(in super::super) fn contested(&self) -> BTreeMap<IpAddr, Vec<String>> {
        let named = |number: &Number| {
            self.pods.get(number).map(|member| format!("{}/{}", member.who.namespace, member.name))
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
    pub(in super::super) fn local(&self) -> impl Iterator<Item = (&str, bool, Vec<IpAddr>)> {
        self.local.keys().filter_map(|uid| {
            let member = self.pods.get(&self.called(uid)?)?;
            Some((uid.as_str(), self.attached.contains_key(uid), self.claimed(member)))
        })
    }
}
