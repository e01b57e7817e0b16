//! What a part of a request says, with all the ways in which it may be read.

use alloc::{borrow::Cow, vec::Vec};

use crate::Truth;

/// How many readings are told apart. Somebody who sends more wants to keep us busy.
const MAX_READINGS: usize = 64;

/// What a part of a request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading<'a> {
    /// It cannot be told, not even whether it is there.
    Doubt,
    /// It is not there.
    Absent,
    /// This, to everybody.
    One(Cow<'a, [u8]>),
    /// One of these, depending on who reads it. Never empty.
    Several(Vec<Cow<'a, [u8]>>),
    /// It is there, with too many readings to tell.
    Unclear,
}

impl<'a> Reading<'a> {
    /// One of these, depending on who reads it; absent when there are none.
    pub(crate) fn of(texts: impl IntoIterator<Item = Cow<'a, [u8]>>) -> Self {
        let mut texts: Vec<_> = texts.into_iter().take(MAX_READINGS + 1).collect();
        if texts.len() > MAX_READINGS {
            return Self::Unclear;
        }
        texts.sort_unstable();
        texts.dedup();
        match texts.pop() {
            None => Self::Absent,
            Some(only) if texts.is_empty() => Self::One(only),
            Some(last) => {
                texts.push(last);
                Self::Several(texts)
            }
        }
    }

    /// Whether it is there.
    pub(crate) fn present(&self) -> Truth {
        match self {
            Self::Doubt => Truth::Unknown,
            Self::Absent => Truth::No,
            Self::One(_) | Self::Several(_) | Self::Unclear => Truth::Yes,
        }
    }

    /// Whether a condition on its text holds: certain only where all readings agree, and *no* of what is not there.
    pub(crate) fn holds(&self, condition: impl Fn(&[u8]) -> Truth) -> Truth {
        match self {
            Self::Doubt | Self::Unclear => Truth::Unknown,
            Self::Absent => Truth::No,
            Self::One(text) => condition(text),
            Self::Several(texts) => Truth::agreed(texts.iter().map(|text| condition(text))),
        }
    }
}
