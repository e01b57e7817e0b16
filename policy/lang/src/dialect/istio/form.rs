//! How Istio compares texts: as a whole, by their start, by their end, or only whether there is one.

use bookend_engine::{TextPattern, TextPatternError};

/// A value of a policy, as it is compared (`pilot/pkg/security/authz/matcher/string.go`). A `*` inside is a character
/// like any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form<'t> {
    /// `*`: any text but an empty one.
    Present,
    /// `x*`.
    Prefix(&'t str),
    /// `*x`.
    Suffix(&'t str),
    Exact(&'t str),
}

impl<'t> Form<'t> {
    /// The form of a value.
    pub(super) fn of(text: &'t str) -> Self {
        match (text.strip_prefix('*'), text.strip_suffix('*')) {
            (Some(""), _) => Self::Present,
            (Some(end), _) => Self::Suffix(end),
            (None, Some(start)) => Self::Prefix(start),
            (None, None) => Self::Exact(text),
        }
    }

    /// The form of what stands before a part that has none: a star at its start, or none.
    pub(super) fn of_start(text: &'t str) -> Self {
        match text.strip_prefix('*') {
            Some("") => Self::Present,
            Some(end) => Self::Suffix(end),
            None => Self::Exact(text),
        }
    }

    /// The text without its star.
    pub(super) fn literal(self) -> &'t str {
        match self {
            Self::Present => "",
            Self::Prefix(text) | Self::Suffix(text) | Self::Exact(text) => text,
        }
    }

    /// The same comparison of a text that is there.
    ///
    /// # Errors
    /// When it has characters that are never compared (S49).
    pub(super) fn pattern(self) -> Result<TextPattern, TextPatternError> {
        match self {
            Self::Present => TextPattern::regex(".+"),
            Self::Prefix(text) => TextPattern::prefix(text),
            Self::Suffix(text) => TextPattern::suffix(text),
            Self::Exact(text) => TextPattern::exact(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_counts_at_one_end_only() {
        for (text, form) in [
            ("*", Form::Present),
            ("a*", Form::Prefix("a")),
            ("*a", Form::Suffix("a")),
            ("*a*", Form::Suffix("a*")),
            ("**", Form::Suffix("*")),
            ("a*b", Form::Exact("a*b")),
            ("a", Form::Exact("a")),
        ] {
            assert_eq!(Form::of(text), form, "{text}");
        }
    }
}
