//! Which interface leads to which pod: what is believed of what was seen and told (docs/semantics.md, S105 to S107).

use super::{Attachment, Obstacle, Side};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A pod as the CNI plugin named it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Told {
    pub(crate) uid: String,
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) container: String,
    /// What its interface is called inside.
    pub(crate) inside: String,
    pub(crate) addresses: Vec<IpAddr>,
}

/// What is known of an interface of this host.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) netns: u32,
    pub(crate) told: Option<Told>,
    #[serde(skip)]
    pub(crate) process: Option<u32>,
    #[serde(skip)]
    pub(crate) seen: Vec<IpAddr>,
}

/// The interfaces that lead to pods, and pods that have none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// By the index of the host's interface.
    entries: BTreeMap<u32, Entry>,
    /// What the last look found besides, of which nothing is kept.
    others: Vec<Attachment>,
}

/// A pod behind an interface, as a look found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) uid: String,
    pub(super) netns: u32,
    pub(super) process: u32,
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) seen: Vec<IpAddr>,
}

impl Ledger {
    /// What an earlier enforcer knew.
    pub(crate) fn restored(entries: BTreeMap<u32, Entry>) -> Self {
        Self { entries, others: Vec::new() }
    }

    /// What is to be kept for the next.
    pub(crate) fn entries(&self) -> &BTreeMap<u32, Entry> {
        &self.entries
    }

    /// Takes note that interfaces are gone. Their indexes may be others' from now on.
    pub(crate) fn gone(&mut self, indexes: &BTreeSet<u32>) {
        self.entries.retain(|index, _| !indexes.contains(index));
    }

    /// Takes note of all interfaces there are, by index, with their names: those that are gone are forgotten, and those that
    /// were renamed are called so.
    pub(crate) fn remain(&mut self, names: &BTreeMap<u32, String>) {
        self.entries.retain(|index, _| names.contains_key(index));
        for (index, entry) in &mut self.entries {
            if let Some(name) = names.get(index) {
                entry.name.clone_from(name);
            }
        }
    }

    /// Takes note of what a look found: pods behind interfaces, and what is told of pods that are behind none. An interface
    /// stays with the pod that it led to first.
    pub(super) fn looked(&mut self, sightings: Vec<Sighting>, mut others: Vec<Attachment>) {
        for sighting in sightings {
            let Sighting { uid, netns, process, index, name, seen } = sighting;
            let entry = self.entries.entry(index).or_insert_with(|| Entry {
                name: name.clone(),
                uid: uid.clone(),
                netns,
                told: None,
                process: None,
                seen: Vec::new(),
            });
            if entry.uid == uid {
                entry.process = Some(process);
                entry.seen = seen;
            } else {
                let before = entry.uid.clone();
                let side = Side::Missing(Obstacle::Moved { interface: name, before });
                others.push(bare(uid, netns, Some(process), side));
            }
        }
        self.others = others;
    }

    /// Takes the CNI plugin's word for the pod behind an interface.
    ///
    /// # Errors
    /// If it led to another before.
    pub(crate) fn told(
        &mut self,
        index: u32,
        name: &str,
        netns: u32,
        seen: Vec<IpAddr>,
        told: Told,
    ) -> Result<(), Obstacle> {
        match self.entries.get_mut(&index) {
            Some(entry) if entry.uid != told.uid => {
                return Err(Obstacle::Moved { interface: name.to_owned(), before: entry.uid.clone() });
            }
            Some(entry) => {
                name.clone_into(&mut entry.name);
                entry.netns = netns;
                entry.seen = seen;
                entry.told = Some(told);
            }
            None => {
                let uid = told.uid.clone();
                let entry =
                    Entry { name: name.to_owned(), uid, netns, told: Some(told), process: None, seen };
                self.entries.insert(index, entry);
            }
        }
        Ok(())
    }

    /// Takes note that the runtime has done with the interface that is called `inside` in a container.
    pub(crate) fn forget(&mut self, container: &str, inside: &str) {
        self.entries.retain(|_, entry| {
            let told = entry.told.as_ref();
            !told.is_some_and(|told| {
                told.container == container && (inside.is_empty() || told.inside == inside)
            })
        });
    }

    /// Whose an interface is.
    pub(crate) fn owner(&self, index: u32) -> Option<&str> {
        self.entries.get(&index).map(|entry| entry.uid.as_str())
    }

    /// Everything, in the form that others read.
    pub(crate) fn attachments(&self) -> Vec<Attachment> {
        let behind = self.entries.iter().map(|(index, entry)| {
            let side = Side::Interface { index: *index, name: entry.name.clone() };
            let mut attachment = bare(entry.uid.clone(), entry.netns, entry.process, side);
            attachment.seen.clone_from(&entry.seen);
            if let Some(told) = &entry.told {
                attachment.namespace.clone_from(&told.namespace);
                attachment.pod.clone_from(&told.pod);
                attachment.container.clone_from(&told.container);
                attachment.addresses.clone_from(&told.addresses);
            }
            attachment
        });
        behind.chain(self.others.iter().cloned()).collect()
    }
}

/// A pod of which only this is known.
pub(super) fn bare(uid: String, netns: u32, process: Option<u32>, side: Side) -> Attachment {
    Attachment {
        uid,
        namespace: String::new(),
        pod: String::new(),
        container: String::new(),
        netns,
        process,
        addresses: Vec::new(),
        seen: Vec::new(),
        side,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(uid: &str, index: u32) -> Sighting {
        let name = format!("veth{index}");
        Sighting { uid: uid.to_owned(), netns: index, process: 9, index, name, seen: Vec::new() }
    }

    fn told(uid: &str, container: &str) -> Told {
        Told {
            uid: uid.to_owned(),
            namespace: "default".to_owned(),
            pod: "web".to_owned(),
            container: container.to_owned(),
            inside: "eth0".to_owned(),
            addresses: vec![[10, 0, 0, 5].into()],
        }
    }

    fn uids(ledger: &Ledger) -> Vec<(Option<String>, String)> {
        let all = ledger.attachments();
        all.iter().map(|one| (one.interface().map(str::to_owned), one.uid.clone())).collect()
    }

    #[test]
    fn an_interface_stays_with_the_pod_that_it_led_to_first() {
        let mut ledger = Ledger::default();
        ledger.looked(vec![sighting("a", 7), sighting("b", 8)], Vec::new());
        // The pod `b` has come to the other end of both.
        ledger.looked(vec![sighting("b", 7), sighting("b", 8)], Vec::new());
        assert_eq!(ledger.owner(7), Some("a"));
        let moved = ledger.attachments().into_iter().find(|one| one.interface().is_none()).unwrap();
        assert_eq!(moved.uid, "b");
        assert!(matches!(moved.side, Side::Missing(Obstacle::Moved { before, .. }) if before == "a"));
        assert!(ledger.told(7, "veth7", 1, Vec::new(), told("b", "c")).is_err());
        // Once the interface is gone, its index is anybody's.
        ledger.gone(&BTreeSet::from([7]));
        ledger.looked(vec![sighting("b", 7)], Vec::new());
        assert_eq!(ledger.owner(7), Some("b"));
    }

    #[test]
    fn what_was_found_stays_while_its_interface_does_even_without_processes() {
        let mut ledger = Ledger::default();
        ledger.looked(vec![sighting("a", 7)], Vec::new());
        ledger.looked(Vec::new(), Vec::new());
        assert_eq!(uids(&ledger), [(Some("veth7".to_owned()), "a".to_owned())]);
        ledger.remain(&BTreeMap::from([(7, "renamed".to_owned())]));
        assert_eq!(uids(&ledger), [(Some("renamed".to_owned()), "a".to_owned())]);
        ledger.remain(&BTreeMap::new());
        assert!(ledger.attachments().is_empty());
    }

    #[test]
    fn what_the_runtime_says_is_known_before_anything_runs_and_until_it_says_so() {
        let mut ledger = Ledger::default();
        ledger.told(7, "veth7", 1, Vec::new(), told("a", "c1")).unwrap();
        // The same pod in a new sandbox, while the old one is still there.
        ledger.told(8, "veth8", 2, Vec::new(), told("a", "c2")).unwrap();
        ledger.looked(vec![sighting("a", 8)], Vec::new());
        let all = ledger.attachments();
        assert!(all.iter().all(|one| one.namespace == "default" && one.addresses.len() == 1));
        ledger.forget("c1", "net1");
        assert_eq!(ledger.attachments().len(), 2);
        ledger.forget("c1", "eth0");
        ledger.forget("c1", "eth0");
        assert_eq!(uids(&ledger), [(Some("veth8".to_owned()), "a".to_owned())]);
    }
}
