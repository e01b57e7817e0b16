//! A map for things that are few or come all at once: a sorted list. A tree would be code of its own for every kind of thing.

use std::borrow::Borrow;

/// Values by their keys, in the order of the keys.
#[derive(Debug, Clone)]
pub(crate) struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Sorted<K, V> {
    /// Nothing.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The values.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> Sorted<K, V> {
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(known, _)| known.borrow().cmp(key))
    }

    /// The value of a key.
    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(self.place(key).ok()?).map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// Sets the value of a key.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        match self.place(&key) {
            Ok(place) => {
                if let Some(known) = self.0.get_mut(place) {
                    known.1 = value;
                }
            }
            Err(place) => self.0.insert(place, (key, value)),
        }
    }

    /// Takes the value of a key away.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|place| self.0.remove(place).1)
    }
}

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Sorted<K, V> {
    /// Of several values of one key, any counts.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(values: I) -> Self {
        let mut list: Vec<(K, V)> = values.into_iter().collect();
        list.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        list.dedup_by(|(a, _), (b, _)| a == b);
        Self(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_value_that_was_set_last() {
        let mut sorted: Sorted<String, u32> =
            ["c", "a", "b"].into_iter().zip(0..).map(|(key, value)| (key.to_owned(), value)).collect();
        assert!(sorted.values().copied().eq([1, 2, 0]));
        sorted.insert("b".to_owned(), 5);
        sorted.insert("aa".to_owned(), 6);
        assert!(sorted.values().copied().eq([1, 6, 5, 0]));
        *sorted.get_mut("c").unwrap() = 7;
        assert_eq!((sorted.get("c"), sorted.get("d"), sorted.len()), (Some(&7), None, 4));
        assert_eq!((sorted.remove("aa"), sorted.remove("aa")), (Some(6), None));
        assert!(sorted.values().copied().eq([1, 5, 7]));
    }
}
