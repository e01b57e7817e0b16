//! The peers a workload can meet.

use bookend_engine::{End, Endpoint, Identity, Location, Program, Truth, WorkloadIdentity};
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

/// Groups `remotes` that the rules of `program` do not tell apart when met at `end`. At least one in each group.
///
/// What [`decide_end`](bookend_engine::decide_end) at the other end can see of a workload is which rules' peers mean it
/// and whether a filter sees its requests.
pub(crate) fn groups<'r, 'a>(
    remotes: &'r [Remote<'a>],
    program: &Program,
    end: End,
) -> impl Iterator<Item = Vec<&'r Remote<'a>>> {
    let mut groups: BTreeMap<(Vec<Truth>, bool), Vec<&Remote<'a>>> = BTreeMap::new();
    let clauses: Vec<_> =
        program.rules().iter().map(|rule| rule.peers(end)).filter(|clause| !clause.is_any()).collect();
    for remote in remotes {
        let endpoint =
            Endpoint { identity: Identity::Workload(remote.identity), location: Location::Elsewhere };
        let truths = clauses.iter().map(|clause| clause.holds(|peer| peer.holds(&endpoint))).collect();
        groups.entry((truths, remote.identity.proxied)).or_default().push(remote);
    }
    groups.into_values()
}
