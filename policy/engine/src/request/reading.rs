//! What a part of a request says, with all the ways in which it may be read.

use alloc::{borrow::Cow, vec::Vec};

use crate::Truth;

/// How many readings are told apart. Somebody who sends more wants to keep us busy.
pub(crate) const MAX_READINGS: usize = 64;

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
        let mut different: Vec<Cow<'a, [u8]>> = Vec::new();
        for (number, text) in texts.into_iter().enumerate() {
            if number >= MAX_READINGS {
                return Self::Unclear;
            }
            if let Err(place) = different.binary_search(&text) {
                different.insert(place, text);
            }
        }
        match different.pop() {
            None => Self::Absent,
            Some(only) if different.is_empty() => Self::One(only),
            Some(last) => {
                different.push(last);
                Self::Several(different)
            }
        }
    }

    /// What a value says that came in these `lines`, of which there is at least one and each of which may be a list: one takes
    /// the first line, another the last, a third everything joined by one of `joints`, a fourth an element. White space around
    /// a line counts or not.
    pub(super) fn of_list(lines: &[&'a [u8]], joints: &[&[u8]]) -> Self {
        let whole = lines.iter().flat_map(|line| [*line, trimmed(line)]);
        let elements = lines.iter().flat_map(|line| line.split(|byte| *byte == b',')).map(trimmed);
        let joined = joints.iter().filter(|_| lines.len() > 1).map(|joint| lines.join(*joint));
        Self::of(whole.chain(elements).map(Cow::Borrowed).chain(joined.map(Cow::Owned)))
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

/// A text without the white space around it.
pub(super) fn trimmed(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = text.iter().position(|byte| !blank(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    text.get(start..end).unwrap_or_default()
}
