//! Formulas over what can be asked of a workload, and their form as alternatives of conditions that must all hold.

use std::collections::BTreeSet;

use crate::dialect::Test;

/// Whose label is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// The workload's own.
    Workload,
    /// Its namespace's.
    Namespace,
}

/// One thing that is asked of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    Label {
        of: Subject,
        key: String,
        test: Test,
        negated: bool,
    },
    /// It runs under one of these accounts, of one namespace or of any; negated: under none of them.
    Accounts {
        namespace: Option<String>,
        names: BTreeSet<String>,
        negated: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Formula {
    Always,
    Never,
    Literal(Literal),
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// The most alternatives of a formula.
pub(super) const MAX_ALTERNATIVES: usize = 128;

/// A formula has more than [`MAX_ALTERNATIVES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

impl Formula {
    /// Both.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Always, one) | (one, Self::Always) => one,
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (own, other) => Self::And(vec![own, other]),
        }
    }

    /// Either.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, one) | (one, Self::Never) => one,
            (Self::Always, _) | (_, Self::Always) => Self::Always,
            (own, other) => Self::Or(vec![own, other]),
        }
    }

    /// Alternatives, in each of which everything must hold; none where it never does.
    pub(super) fn alternatives(&self) -> Result<Vec<Vec<Literal>>, TooLarge> {
        let bounded = |list: Vec<Vec<Literal>>| match list.len() > MAX_ALTERNATIVES {
            true => Err(TooLarge),
            false => Ok(list),
        };
        match self {
            Self::Always => Ok(vec![Vec::new()]),
            Self::Never => Ok(Vec::new()),
            Self::Literal(literal) => Ok(vec![vec![literal.clone()]]),
            Self::Or(parts) => {
                let mut all: Vec<Vec<Literal>> = Vec::new();
                for part in parts {
                    for alternative in part.alternatives()? {
                        if !all.contains(&alternative) {
                            all.push(alternative);
                        }
                    }
                    all = bounded(all)?;
                }
                Ok(all)
            }
            Self::And(parts) => {
                let mut all: Vec<Vec<Literal>> = vec![Vec::new()];
                for part in parts {
                    let more = part.alternatives()?;
                    if all.len().saturating_mul(more.len()) > MAX_ALTERNATIVES * 8 {
                        return Err(TooLarge);
                    }
                    let mut joined: Vec<Vec<Literal>> = Vec::new();
                    for (own, other) in all.iter().flat_map(|own| more.iter().map(move |other| (own, other)))
                    {
                        let mut both: Vec<Literal> = own.clone();
                        both.extend(other.iter().filter(|literal| !own.contains(literal)).cloned());
                        if !joined.contains(&both) {
                            joined.push(both);
                        }
                    }
                    all = bounded(joined)?;
                }
                Ok(all)
            }
        }
    }
}
