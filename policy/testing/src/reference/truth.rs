//! Yes, no, or in doubt (S3).

use Truth::{Doubt, No, Yes};

/// Whether something holds. The order is that of Kleene's logic: the least is "and", the greatest "or".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    No,
    Doubt,
    Yes,
}

impl Truth {
    pub(super) fn is(holds: bool) -> Self {
        if holds { Yes } else { No }
    }

    pub(super) fn not(self) -> Self {
        match self {
            No => Yes,
            Doubt => Doubt,
            Yes => No,
        }
    }

    pub(super) fn all(truths: impl IntoIterator<Item = Self>) -> Self {
        truths.into_iter().min().unwrap_or(Yes)
    }

    pub(super) fn any(truths: impl IntoIterator<Item = Self>) -> Self {
        truths.into_iter().max().unwrap_or(No)
    }

    /// What holds whichever of several things is the case.
    pub(super) fn agreed(truths: impl IntoIterator<Item = Self>) -> Self {
        let mut truths = truths.into_iter();
        let first = truths.next().unwrap_or(Doubt);
        if truths.all(|other| other == first) { first } else { Doubt }
    }
}
