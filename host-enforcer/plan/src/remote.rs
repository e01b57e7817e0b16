//! The peers a workload can meet.

use bookend_engine::{NamedPort, PeerMatch, WorkloadIdentity};
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use crate::block::Point;
use crate::near::{Mark, Meant, mark, namespace_of};

/// An identity that a peer can have.
pub(crate) struct Remote<'a> {
    /// Its number.
    pub(crate) number: u64,
    /// The identity.
    pub(crate) identity: &'a WorkloadIdentity,
    /// The addresses it has.
    pub(crate) addresses: Vec<Point>,
    /// Whether it may turn up at any address, because another inventory knows it.
    pub(crate) retained: bool,
}

/// Remotes that nothing but their names tells apart: those of whom no rule speaks are all alike.
pub(crate) struct Kind<'a> {
    /// One of them.
    pub(crate) identity: &'a WorkloadIdentity,
    /// Their positions, ascending.
    pub(crate) members: Vec<usize>,
    /// Where they are, ascending, and who is there.
    pub(crate) addresses: Vec<(Point, usize)>,
    /// Those that may turn up anywhere.
    pub(crate) anywhere: Vec<usize>,
}

/// All of them, filed so that few have to be looked at for one workload.
pub(crate) struct Remotes<'a> {
    /// Ascending by number.
    pub(crate) all: Vec<Remote<'a>>,
    pub(crate) kinds: Vec<Kind<'a>>,
    /// The kind of each, by position.
    pub(crate) kind_of: Vec<usize>,
    by_namespace: HashMap<&'a str, Vec<usize>>,
    by_label: OnceCell<HashMap<(&'a str, &'a str), Vec<usize>>>,
}

impl<'a> Remotes<'a> {
    /// Files `all`, which ascend by number.
    pub(crate) fn new(all: Vec<Remote<'a>>) -> Self {
        let mut by_namespace: HashMap<&'a str, Vec<usize>> = HashMap::new();
        let mut kinds: Vec<Kind<'a>> = Vec::new();
        let mut kind_of = Vec::with_capacity(all.len());
        let mut numbers: BTreeMap<(bool, Option<&'a [NamedPort]>), usize> = BTreeMap::new();
        for (position, remote) in all.iter().enumerate() {
            let identity = remote.identity;
            by_namespace.entry(identity.namespace.as_str()).or_default().push(position);
            let number = *numbers.entry((identity.proxied, identity.ports.as_deref())).or_insert_with(|| {
                kinds.push(Kind {
                    identity,
                    members: Vec::new(),
                    addresses: Vec::new(),
                    anywhere: Vec::new(),
                });
                kinds.len() - 1
            });
            kind_of.push(number);
            let Some(kind) = kinds.get_mut(number) else { continue };
            kind.members.push(position);
            kind.addresses.extend(remote.addresses.iter().map(|address| (*address, position)));
            if remote.retained {
                kind.anywhere.push(position);
            }
        }
        for kind in &mut kinds {
            kind.addresses.sort_unstable();
        }
        Self { all, kinds, kind_of, by_namespace, by_label: OnceCell::new() }
    }

    /// The position of the remote with this number.
    pub(crate) fn position(&self, number: u64) -> Option<usize> {
        self.all.binary_search_by_key(&number, |remote| remote.number).ok()
    }

    /// Calls `each` with the position of everybody of whom `peer` may speak, some perhaps twice. `ids`: how all their SPIFFE ids
    /// begin.
    pub(crate) fn meant(&self, peer: &PeerMatch, ids: &str, each: &mut impl FnMut(usize)) {
        if let Some(selector) = &peer.workloads {
            // Who is not selected is not meant, whatever the other parts say.
            return self.marked(mark(selector), each);
        }
        for pattern in peer.principals.alternatives().unwrap_or_default() {
            match namespace_of(pattern, ids) {
                Meant::Nobody => {}
                Meant::In(namespace) => self.marked((Some(namespace), None), each),
                Meant::Anybody => self.marked((None, None), each),
            }
        }
        for peer in &peer.not {
            self.meant(peer, ids, each);
        }
    }

    fn marked(&self, (namespace, label): Mark<'_>, each: &mut impl FnMut(usize)) {
        // A namespace is looked through rather than all of the cluster filed by label, unless it is a large one.
        const FEW: usize = 64;
        let inside = namespace.map(|name| self.by_namespace.get(name).map_or(&[][..], Vec::as_slice));
        let filed = match (label, inside) {
            (Some(label), None) => Some(label),
            (Some(label), Some(inside)) if inside.len() > FEW => Some(label),
            _ => None,
        };
        let labelled = filed.map(|label| self.labels().get(&label).map_or(&[][..], Vec::as_slice));
        let has = |position: usize| {
            self.all.get(position).is_some_and(|remote| {
                namespace.is_none_or(|name| remote.identity.namespace == name)
                    && label.is_none_or(|(key, value)| {
                        remote.identity.labels.get(key).is_some_and(|own| own == value)
                    })
            })
        };
        match (labelled, inside) {
            (Some(few), None) => few.iter().copied().for_each(each),
            (Some(one), Some(other)) => {
                let fewer = if one.len() < other.len() { one } else { other };
                fewer.iter().copied().filter(|position| has(*position)).for_each(each);
            }
            (None, Some(inside)) => {
                inside.iter().copied().filter(|position| has(*position)).for_each(each);
            }
            (None, None) => (0..self.all.len()).for_each(each),
        }
    }

    fn labels(&self) -> &HashMap<(&'a str, &'a str), Vec<usize>> {
        self.by_label.get_or_init(|| {
            let mut by_label: HashMap<(&'a str, &'a str), Vec<usize>> = HashMap::new();
            for (position, remote) in self.all.iter().enumerate() {
                for (key, value) in &remote.identity.labels {
                    by_label.entry((key, value)).or_default().push(position);
                }
            }
            by_label
        })
    }
}
