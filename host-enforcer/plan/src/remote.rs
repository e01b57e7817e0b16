//! The peers a workload can meet.

use bookend_engine::{End, Endpoint, Identity, Location, PeerMatch, Program, Truth, WorkloadIdentity};
use std::collections::BTreeMap;

use crate::block::Point;

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

/// Identities that no rule tells apart.
pub(crate) struct Group<'r, 'a> {
    /// The rules that mean them by who they are, by their position in the program; ascending.
    pub(crate) rules: Vec<usize>,
    /// At least one.
    pub(crate) members: Vec<&'r Remote<'a>>,
}

/// What some rules say of a peer: the positions of those that mean or may mean it, ascending, and which of both.
pub(crate) type Said = Vec<(usize, Truth)>;

/// What the rules of `program` at `positions` say of `peer` at `end`.
pub(crate) fn said(
    program: &Program,
    end: End,
    peer: &Endpoint<'_>,
    positions: impl IntoIterator<Item = usize>,
) -> Said {
    let truth = |position: usize| {
        let rule = program.rules().get(position)?;
        let truth = rule.peers(end).holds(|alternative| alternative.holds(peer));
        (truth != Truth::No).then_some((position, truth))
    };
    positions.into_iter().filter_map(truth).collect()
}

/// Groups `remotes` that the rules of `program` do not tell apart when met at `end`.
///
/// What [`decide_end`](bookend_engine::decide_end) at the other end can see of a workload is which rules' peers mean it
/// and whether a filter sees its requests.
pub(crate) fn groups<'r, 'a>(
    remotes: &'r [Remote<'a>],
    program: &Program,
    end: End,
) -> impl Iterator<Item = Group<'r, 'a>> {
    let near = selecting(program, end);
    let mut groups: BTreeMap<(Said, bool), Vec<&Remote<'a>>> = BTreeMap::new();
    for remote in remotes {
        let endpoint =
            Endpoint { identity: Identity::Workload(remote.identity), location: Location::Elsewhere };
        let positions = near.get(remote.identity.namespace.as_str()).into_iter().flatten().copied();
        let said = said(program, end, &endpoint, positions);
        groups.entry((said, remote.identity.proxied)).or_default().push(remote);
    }
    groups.into_iter().map(|((said, _), members)| Group {
        rules: said.into_iter().map(|(position, _)| position).collect(),
        members,
    })
}

/// The positions of the rules whose peers at `end` are selected from a namespace, by namespace; ascending.
fn selecting(program: &Program, end: End) -> BTreeMap<&str, Vec<usize>> {
    let mut selecting: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (position, rule) in program.rules().iter().enumerate() {
        for peer in rule.peers(end).alternatives().unwrap_or_default() {
            match peer {
                PeerMatch::Workloads(selector) => {
                    let positions = selecting.entry(&selector.namespace).or_default();
                    if positions.last() != Some(&position) {
                        positions.push(position);
                    }
                }
                // By who it is, nobody is in a block.
                PeerMatch::Block(_) => {}
            }
        }
    }
    selecting
}
