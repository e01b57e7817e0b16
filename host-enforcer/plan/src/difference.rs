//! What differs between two tables of identities.

use bookend_abi::Address;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;

type Identities = BTreeMap<Address, u64>;
type Entries<'i> = Peekable<std::collections::btree_map::Iter<'i, Address, u64>>;

/// The addresses at which two tables differ, ascending, with who was there and who is. Both are walked side by side: to look each
/// address up would take many times as long.
pub(crate) struct Differences<'i> {
    was: Entries<'i>,
    is: Entries<'i>,
}

impl<'i> Differences<'i> {
    pub(crate) fn new(was: &'i Arc<Identities>, is: &'i Arc<Identities>) -> Self {
        // Of the same table there is nothing to walk.
        static NOTHING: Identities = Identities::new();
        let (was, is): (&Identities, &Identities) = match Arc::ptr_eq(was, is) {
            true => (&NOTHING, &NOTHING),
            false => (was, is),
        };
        Self { was: was.iter().peekable(), is: is.iter().peekable() }
    }
}

impl Iterator for Differences<'_> {
    type Item = (Address, Option<u64>, Option<u64>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.was.peek(), self.is.peek()) {
                (None, None) => return None,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((was, _)), Some((is, _))) => was.cmp(is),
            };
            let was = if order.is_le() { self.was.next() } else { None };
            let is = if order.is_ge() { self.is.next() } else { None };
            let (was_number, is_number) = (was.map(|(_, number)| *number), is.map(|(_, number)| *number));
            if was_number != is_number {
                return was.or(is).map(|(address, _)| (*address, was_number, is_number));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_went_and_changed_is_told_in_order() {
        let table = |entries: &[(u8, u64)]| -> Arc<Identities> {
            Arc::new(entries.iter().map(|(at, number)| ([*at; 16], *number)).collect())
        };
        let (was, is) =
            (table(&[(1, 1), (2, 2), (3, 3), (9, 9)]), table(&[(0, 7), (2, 2), (3, 4), (9, 9), (10, 1)]));
        let told: Vec<_> = Differences::new(&was, &is).map(|(at, was, is)| (at[0], was, is)).collect();
        assert_eq!(
            told,
            [(0, None, Some(7)), (1, Some(1), None), (3, Some(3), Some(4)), (10, None, Some(1))]
        );
        assert_eq!(Differences::new(&was, &was).count(), 0);
    }
}
