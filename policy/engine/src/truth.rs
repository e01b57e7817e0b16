//! Three-valued logic: what is known to hold, known not to hold, or in doubt.

/// Whether a condition holds, as far as can be told.
///
/// Doubt denies (S3): a deny rule matches unless its truth is [`No`](Truth::No), an allow rule only when
/// it is [`Yes`](Truth::Yes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// The condition does not hold.
    No,
    /// It cannot be told whether the condition holds.
    Unknown,
    /// The condition holds.
    Yes,
}

impl Truth {
    /// Both hold: the weaker of the two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// At least one holds: the stronger of the two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }

    /// The opposite. Doubt stays doubt.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Yes => Self::No,
        }
    }

    /// Whether any of the `items` holds. No items: nothing holds.
    pub fn any<T>(items: impl IntoIterator<Item = T>, mut truth: impl FnMut(T) -> Self) -> Self {
        let mut result = Self::No;
        for item in items {
            result = result.or(truth(item));
            if result == Self::Yes {
                break;
            }
        }
        result
    }

    /// The same condition over several candidates of whom one is real: certain only where all agree.
    pub fn agreed(mut candidates: impl Iterator<Item = Self>) -> Self {
        let Some(first) = candidates.next() else { return Self::Unknown };
        if candidates.all(|truth| truth == first) { first } else { Self::Unknown }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{self, No, Unknown, Yes};

    #[test]
    fn and_is_the_weaker_and_or_the_stronger() {
        for a in [No, Unknown, Yes] {
            for b in [No, Unknown, Yes] {
                assert_eq!(a.and(b), a.min(b));
                assert_eq!(a.or(b), a.max(b));
            }
        }
    }

    #[test]
    fn candidates_that_disagree_leave_doubt() {
        assert_eq!(Truth::agreed([Yes, Yes].into_iter()), Yes);
        assert_eq!(Truth::agreed([No, No].into_iter()), No);
        assert_eq!(Truth::agreed([Yes, No].into_iter()), Unknown);
        assert_eq!(Truth::agreed(core::iter::empty()), Unknown);
    }
}
