//! The peers a workload can meet.

use bookend_engine::{End, Location, Program, Protocol, WorkloadIdentity};
use std::collections::{BTreeMap, BTreeSet};

use crate::block::Point;
use crate::local::Local;
use crate::near::Near;
use crate::port::names;
use crate::view::{Known, View};

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
    /// The rules that speak of them, by their position in the program; ascending. The others say of them what they say
    /// of somebody of whom no rule speaks.
    pub(crate) rules: Vec<usize>,
    /// At least one.
    pub(crate) members: Vec<&'r Remote<'a>>,
}

/// What some rules say of a peer: their positions, ascending, and their views.
pub(crate) type Said = Vec<(usize, View)>;

/// Numbers of the ports that a program names, by the position of the name; `None` where they are not known.
type Named = Option<Vec<(usize, u16)>>;

/// Groups `remotes` that the rules of `program` do not tell apart when met at `end` by `local`.
///
/// What [`decide_end`](bookend_engine::decide_end) at the other end can see of a workload is how each rule's peers speak
/// of it, whether a filter sees its requests, and what it calls its ports.
pub(crate) fn groups<'r, 'a>(
    remotes: &'r [Remote<'a>],
    program: &Program,
    end: End,
    local: &Local<'_>,
) -> impl Iterator<Item = Group<'r, 'a>> {
    let near = Near::new(program, end, local.trust_domain);
    let of_somebody: Vec<View> =
        program.rules().iter().map(|rule| View::of(rule.peers(end), Known::Somebody)).collect();
    let names = if end == End::Destination { names(program) } else { BTreeSet::new() };
    let mut groups: BTreeMap<(Said, bool, Named), Vec<&Remote<'a>>> = BTreeMap::new();
    for remote in remotes {
        let endpoint = local.known(remote.identity, Location::Elsewhere);
        let speaks = |position: usize| {
            let rule = program.rules().get(position)?;
            let view = View::of(rule.peers(end), Known::Who(&endpoint));
            (of_somebody.get(position) != Some(&view)).then_some((position, view))
        };
        let said = near.of(remote.identity).into_iter().filter_map(speaks).collect();
        let key = (said, remote.identity.proxied, resolved(&names, remote.identity));
        groups.entry(key).or_default().push(remote);
    }
    groups.into_iter().map(|((said, ..), members)| Group {
        rules: said.into_iter().map(|(position, _)| position).collect(),
        members,
    })
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
