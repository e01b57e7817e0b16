//! The rules and isolations that a question is tried on.

use alloc::vec::Vec;

use crate::{Connection, Exchange, Identity, Isolation, Program, Rule, Trace};

/// All of a list, or some positions in it; in order either way.
pub(super) struct Tried<'p, T> {
    list: &'p [T],
    positions: Option<Vec<u32>>,
}

impl<'p> Tried<'p, Rule> {
    /// The rules that can concern a question; all of them for whoever wants to see all.
    pub(super) fn rules<T: Trace>(
        program: &'p Program,
        connection: &Connection<'_>,
        exchange: Exchange<'_>,
    ) -> Self {
        let positions = (!T::EXHAUSTIVE).then(|| program.concerning(connection, exchange)).flatten();
        Self { list: program.rules(), positions }
    }
}

impl<'p> Tried<'p, Isolation> {
    /// The isolations that can concern somebody; all of them for whoever wants to see all.
    pub(super) fn isolations<T: Trace>(program: &'p Program, identity: &Identity<'_>) -> Self {
        let positions = (!T::EXHAUSTIVE).then(|| program.isolating(identity)).flatten();
        Self { list: program.isolations(), positions }
    }
}

impl<'p, T> Tried<'p, T> {
    pub(super) fn iter<'t>(&'t self) -> impl Iterator<Item = &'p T> + use<'p, 't, T> {
        let all = if self.positions.is_none() { self.list } else { &[] };
        let some = self.positions.iter().flatten();
        all.iter().chain(some.filter_map(|position| self.list.get(usize::try_from(*position).ok()?)))
    }
}
