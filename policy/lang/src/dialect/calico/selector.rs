//! Calico's selectors: expressions over labels, such as `role == 'db' && !has(test)`.

mod parser;
mod token;

use core::ops::Range;

use bookend_engine::Affix;

pub(super) use parser::parse;

/// The longest selector, in bytes. Calico's own limit is 1,024 where it has one.
const MAX_LENGTH: usize = 4_096;

/// How deeply parentheses may nest.
const MAX_DEPTH: usize = 32;

/// An expression over labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    /// `all()`.
    All,
    /// `global()`, which means everything too, but is replaced where it stands for namespaces.
    Global,
    /// A comparison of one label.
    Label { key: String, test: Test },
    /// `!`.
    Not(Box<Self>),
    /// `&&` of all of them.
    And(Vec<Self>),
    /// `||` of all of them.
    Or(Vec<Self>),
}

/// What is asked of one label, which must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// `has()`: any value.
    Has,
    /// `==` and `in`: one of these.
    In(Vec<String>),
    /// `starts with`, `ends with`, `contains`.
    Affix(Affix, String),
}

impl Test {
    /// Whether `value` passes.
    pub(crate) fn holds(&self, value: &str) -> bool {
        match self {
            Self::Has => true,
            Self::In(values) => values.iter().any(|known| known == value),
            Self::Affix(affix, part) => affix.holds(value, part),
        }
    }
}

/// Why a text is no selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The bytes that are wrong.
    pub(crate) at: Range<usize>,
    /// What is wrong, and what to do.
    pub(crate) message: String,
    pub(crate) cure: &'static str,
}

impl Expression {
    /// One label compared.
    pub(crate) fn label(key: impl Into<String>, test: Test) -> Self {
        Self::Label { key: key.into(), test }
    }

    /// The opposite.
    pub(crate) fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Both, where the second is there.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, other) => other,
            (own, Self::All) => own,
            (own, other) => Self::And(vec![own, other]),
        }
    }

    /// Whether what has these labels is meant.
    pub(crate) fn holds<'l>(&self, label: &impl Fn(&str) -> Option<&'l str>) -> bool {
        match self {
            Self::All | Self::Global => true,
            Self::Label { key, test } => label(key).is_some_and(|value| test.holds(value)),
            Self::Not(inner) => !inner.holds(label),
            Self::And(parts) => parts.iter().all(|part| part.holds(label)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(label)),
        }
    }

    /// The expression with `prefix` before every label, and `all` in the place of `all()`: what a selector of namespaces or of
    /// service accounts says of endpoints (Calico, `parseSelectorAttachPrefix`).
    pub(crate) fn prefixed(self, prefix: &str, all: &Self) -> Self {
        let each = |parts: Vec<Self>| parts.into_iter().map(|part| part.prefixed(prefix, all)).collect();
        match self {
            Self::All => all.clone(),
            Self::Global => all.clone().negated(),
            Self::Label { key, test } => Self::Label { key: format!("{prefix}{key}"), test },
            Self::Not(inner) => inner.prefixed(prefix, all).negated(),
            Self::And(parts) => Self::And(each(parts)),
            Self::Or(parts) => Self::Or(each(parts)),
        }
    }

    /// Whether `global()` is in it.
    pub(crate) fn says_global(&self) -> bool {
        match self {
            Self::Global => true,
            Self::All | Self::Label { .. } => false,
            Self::Not(inner) => inner.says_global(),
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::says_global),
        }
    }
}

#[cfg(test)]
mod tests;
