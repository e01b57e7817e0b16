//! Sets of classes, small however many there are.

/// Classes, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassSet(Vec<u64>);

impl ClassSet {
    /// Adds a class.
    pub(crate) fn insert(&mut self, class: u32) {
        let (word, bit) = (class as usize / 64, class % 64);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    /// Adds all classes of another set.
    pub(crate) fn extend(&mut self, other: &Self) {
        for class in other.iter() {
            self.insert(class);
        }
    }

    /// The classes, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0_u32..).zip(&self.0).flat_map(|(word, bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit)
        })
    }

    /// Whether a class is in it.
    pub fn contains(&self, class: u32) -> bool {
        self.0.get(class as usize / 64).is_some_and(|bits| bits >> (class % 64) & 1 == 1)
    }

    /// How many classes.
    pub fn len(&self) -> usize {
        self.0.iter().map(|bits| bits.count_ones() as usize).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromIterator<u32> for ClassSet {
    fn from_iter<I: IntoIterator<Item = u32>>(classes: I) -> Self {
        let mut set = Self::default();
        for class in classes {
            set.insert(class);
        }
        set
    }
}
