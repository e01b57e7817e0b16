//! Peers that no rule tells apart.

use bookend_engine::{End, Location, PeerMatch, Program, Protocol, WorkloadIdentity};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::block::{Class, Classes, Point};
use crate::local::Local;
use crate::port::names;
use crate::remote::{Kind, Remote, Remotes};
use crate::view::{Known, View};

/// Remotes of whom the same rules say the same.
pub(crate) struct Group<'r, 'a> {
    /// The rules that speak of them, by their position in the program; ascending. The others say of them what they say
    /// of somebody of whom no rule speaks.
    pub(crate) rules: Vec<usize>,
    /// One of them.
    pub(crate) identity: &'a WorkloadIdentity,
    /// At least one.
    pub(crate) members: Vec<&'r Remote<'a>>,
}

/// Remotes of whom no rule speaks, and that are alike in what else can be seen of them.
pub(crate) struct Rest<'r, 'a> {
    /// One of them.
    pub(crate) identity: &'a WorkloadIdentity,
    kinds: Vec<&'r Kind<'a>>,
}

/// What some rules say of a peer: their positions, ascending, and their views.
pub(crate) type Said = Vec<(usize, View)>;

/// Numbers of the ports that a program names, by the position of the name; `None` where they are not known.
type Named = Option<Vec<(usize, u16)>>;

/// What a peer is beside what rules say of it: whether it has a proxy, and the numbers of its named ports.
type Manner = (bool, Named);

/// All remotes, as the rules about one workload tell them apart.
///
/// What [`decide_end`](bookend_engine::decide_end) at the other end can see of a workload is how each rule's peers speak
/// of it, whether a filter sees its requests, and what it calls its ports.
pub(crate) struct Groups<'r, 'a> {
    remotes: &'r Remotes<'a>,
    /// Those of whom some rule speaks.
    pub(crate) spoken: Vec<Group<'r, 'a>>,
    /// Which of them a remote is in, by position.
    of: HashMap<usize, usize>,
    /// The others.
    pub(crate) rest: Vec<Rest<'r, 'a>>,
    /// One of those of each kind of whom no rule speaks.
    quiet: Vec<Option<&'a WorkloadIdentity>>,
}

impl<'r, 'a> Groups<'r, 'a> {
    /// The groups of `remotes` to the rules of `program` when met at `end` by `local`.
    pub(crate) fn new(remotes: &'r Remotes<'a>, program: &Program, end: End, local: &Local<'_>) -> Self {
        let ids = format!("spiffe://{}/ns/", local.trust_domain);
        let names = if end == End::Destination { names(program) } else { BTreeSet::new() };
        let mut said: HashMap<usize, Said> = HashMap::new();
        for (position, rule) in program.rules().iter().enumerate() {
            let peers = rule.peers(end);
            let of_somebody = View::of(peers, Known::Somebody);
            let mut speaks = |remote: usize| {
                let Some(known) = remotes.all.get(remote) else { return };
                if said.get(&remote).and_then(|said| said.last()).is_some_and(|last| last.0 == position) {
                    return;
                }
                let endpoint = local.known(known.identity, Location::Elsewhere);
                let view = View::of(peers, Known::Who(&endpoint));
                if view != of_somebody {
                    said.entry(remote).or_default().push((position, view));
                }
            };
            for peer in peers.alternatives().unwrap_or_default() {
                let peer: &PeerMatch = peer;
                remotes.meant(peer, &ids, &mut speaks);
            }
        }
        let key = |identity: &WorkloadIdentity| (identity.proxied, resolved(&names, identity));
        let kinds: Vec<Manner> = remotes.kinds.iter().map(|kind| key(kind.identity)).collect();
        let mut groups: BTreeMap<(Said, Option<&Manner>), Vec<usize>> = BTreeMap::new();
        for (remote, said) in said {
            let kind = remotes.kind_of.get(remote).and_then(|kind| kinds.get(*kind));
            groups.entry((said, kind)).or_default().push(remote);
        }
        let mut of = HashMap::new();
        let mut spoken = Vec::with_capacity(groups.len());
        for ((said, _), mut members) in groups {
            members.sort_unstable();
            of.extend(members.iter().map(|remote| (*remote, spoken.len())));
            let members: Vec<_> = members.into_iter().filter_map(|remote| remotes.all.get(remote)).collect();
            let Some(first) = members.first() else { continue };
            let rules = said.into_iter().map(|(position, _)| position).collect();
            spoken.push(Group { rules, identity: first.identity, members });
        }
        let quiet: Vec<Option<&'a WorkloadIdentity>> = remotes
            .kinds
            .iter()
            .map(|kind| {
                let one = kind.members.iter().find(|remote| !of.contains_key(remote))?;
                remotes.all.get(*one).map(|remote| remote.identity)
            })
            .collect();
        let mut rest: BTreeMap<&Manner, Rest<'r, 'a>> = BTreeMap::new();
        for ((key, kind), quiet) in kinds.iter().zip(&remotes.kinds).zip(&quiet) {
            let Some(identity) = *quiet else { continue };
            rest.entry(key).or_insert_with(|| Rest { identity, kinds: Vec::new() }).kinds.push(kind);
        }
        let rest = rest.into_values().collect();
        Self { remotes, spoken, of, rest, quiet }
    }

    /// The group of the remote at this position, by a number of its own.
    pub(crate) fn group(&self, remote: usize) -> Option<usize> {
        let kind = || Some(self.spoken.len() + self.remotes.kind_of.get(remote)?);
        self.of.get(&remote).copied().or_else(kind)
    }

    /// Somebody of the group with this number, and the rules that speak of it.
    pub(crate) fn at(&self, position: usize) -> Option<(&'a WorkloadIdentity, &[usize])> {
        match position.checked_sub(self.spoken.len()) {
            None => self.spoken.get(position).map(|group| (group.identity, group.rules.as_slice())),
            Some(kind) => self.quiet.get(kind).copied().flatten().map(|identity| (identity, &[][..])),
        }
    }

    /// The numbers of those of `rest` that can be in `class`; some perhaps twice.
    pub(crate) fn inside<'g>(
        &'g self,
        rest: &'g Rest<'r, 'a>,
        class: &'g Class,
        classes: &'g Classes,
    ) -> impl Iterator<Item = u64> + use<'g, 'r, 'a> {
        let ranges = classes.ranges(class.number);
        let members = rest.kinds.iter().flat_map(move |kind| {
            let here = ranges.iter().flat_map(|range| between(&kind.addresses, *range));
            here.map(|(_, remote)| *remote).chain(kind.anywhere.iter().copied())
        });
        let quiet = members.filter(|remote| !self.of.contains_key(remote));
        quiet.filter_map(|remote| self.remotes.all.get(remote)).map(|remote| remote.number)
    }
}

/// Those from the first of these addresses to the last.
fn between(addresses: &[(Point, usize)], (first, last): (Point, Point)) -> &[(Point, usize)] {
    let start = addresses.partition_point(|(address, _)| *address < first);
    let end = addresses.partition_point(|(address, _)| *address <= last);
    addresses.get(start..end).unwrap_or_default()
}

/// What the names mean at this workload.
fn resolved(names: &BTreeSet<(Protocol, &str)>, identity: &WorkloadIdentity) -> Named {
    if names.is_empty() {
        return Some(Vec::new());
    }
    let position = |protocol, name: &str| names.iter().position(|known| *known == (protocol, name));
    let ports = identity.ports.as_ref()?.iter();
    let mut numbers: Vec<_> =
        ports.filter_map(|port| Some((position(port.protocol, &port.name)?, port.port))).collect();
    numbers.sort_unstable();
    Some(numbers)
}
