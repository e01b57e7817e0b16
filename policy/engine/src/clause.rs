//! A part of a rule that is either absent or a list of alternatives.

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::Truth;

/// A condition list of a rule: absent (everything satisfies it) or at least one alternative.
///
/// Absent and empty are different things: an empty list is refused wherever one is built, because it would
/// widen a rule in one reading and void it in the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Option<Vec<T>>", into = "Option<Vec<T>>", bound(serialize = "T: Clone + Serialize"))]
pub enum Clause<T> {
    /// The rule does not have this condition.
    Any,
    /// One of these must hold. Never empty when built with [`Clause::one_of`].
    OneOf(Alternatives<T>),
}

/// A list with at least one element; only [`Clause::one_of`] builds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternatives<T>(Vec<T>);

/// A condition list was present but empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an empty list of alternatives can never match; leave the field out to match everything")]
pub struct EmptyClause;

impl<T> Clause<T> {
    /// A clause of alternatives.
    ///
    /// # Errors
    /// When `alternatives` is empty.
    pub fn one_of(alternatives: Vec<T>) -> Result<Self, EmptyClause> {
        if alternatives.is_empty() { Err(EmptyClause) } else { Ok(Self::OneOf(Alternatives(alternatives))) }
    }

    /// The alternatives, or `None` when the clause is absent.
    pub fn alternatives(&self) -> Option<&[T]> {
        match self {
            Self::Any => None,
            Self::OneOf(Alternatives(list)) => Some(list),
        }
    }

    /// Whether the clause is absent.
    pub fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    /// Whether the clause holds, given how to judge one alternative.
    pub fn holds(&self, truth: impl FnMut(&T) -> Truth) -> Truth {
        match self {
            Self::Any => Truth::Yes,
            Self::OneOf(Alternatives(list)) => Truth::any(list, truth),
        }
    }
}

impl<T> TryFrom<Option<Vec<T>>> for Clause<T> {
    type Error = EmptyClause;

    fn try_from(list: Option<Vec<T>>) -> Result<Self, EmptyClause> {
        list.map_or(Ok(Self::Any), Self::one_of)
    }
}

impl<T> From<Clause<T>> for Option<Vec<T>> {
    fn from(clause: Clause<T>) -> Self {
        match clause {
            Clause::Any => None,
            Clause::OneOf(Alternatives(list)) => Some(list),
        }
    }
}
