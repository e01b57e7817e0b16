//! Texts that a request carries, and what a policy compares them with.
//!
//! A text may have several *readings*: a header that comes twice, a method that servers put into capitals. A
//! comparison is certain only where all readings agree, and where the text is plain ASCII (S49).

mod machine;
mod regex;
mod syntax;

use alloc::{string::String, vec::Vec};
use serde::Serialize;

use crate::{
    EmptyClause, Truth,
    tape::{Mismatch, Read, Value},
};
pub use regex::{Regex, RegexError, RegexFault};

/// How long a text may be, in bytes, to be matched by a regular expression; a longer one is in doubt. It keeps what
/// somebody outside can cost us within bounds.
const MAX_MATCHED: usize = 8192;

/// Where in a text a part must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affix {
    /// The text starts with it.
    Start,
    /// The text ends in it.
    End,
    /// It is somewhere in the text.
    Inside,
}

impl Affix {
    /// Whether `part` is there in `text`, byte for byte.
    pub fn holds(self, text: &str, part: &str) -> bool {
        match self {
            Self::Start => text.starts_with(part),
            Self::End => text.ends_with(part),
            Self::Inside => text.contains(part),
        }
    }
}

/// One thing a text is compared with, byte for byte and with regard to case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TextPattern {
    /// The whole text.
    Exact(String),
    /// What it starts with. Not empty.
    Prefix(String),
    /// What it ends in. Not empty.
    Suffix(String),
    /// A regular expression for the whole text.
    Regex(Regex),
}

/// Alternatives a text is compared with; at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "Vec<TextPattern>")]
pub struct TextMatch(Vec<TextPattern>);

/// Why a text pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextPatternError {
    /// A prefix or suffix of nothing, which every text has.
    #[error("every text starts and ends in nothing")]
    Empty,
    /// A text with other characters is in doubt (S49), so a pattern with such characters never matches for certain.
    #[error("only printable ASCII characters, spaces and tabs are compared")]
    NotPlain,
    /// The regular expression is refused.
    #[error(transparent)]
    Regex(#[from] RegexError),
}

/// Whether a text can be compared: other bytes are decoded, replaced or cut off in different ways (S49).
pub(crate) fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

impl TextPattern {
    /// The whole text.
    ///
    /// # Errors
    /// When it has characters that are never compared.
    pub fn exact(text: impl Into<String>) -> Result<Self, TextPatternError> {
        plain(text.into()).map(Self::Exact)
    }

    /// What a text starts with.
    ///
    /// # Errors
    /// When it is empty, or has characters that are never compared.
    pub fn prefix(text: impl Into<String>) -> Result<Self, TextPatternError> {
        plain(text.into()).and_then(some).map(Self::Prefix)
    }

    /// What a text ends in.
    ///
    /// # Errors
    /// When it is empty, or has characters that are never compared.
    pub fn suffix(text: impl Into<String>) -> Result<Self, TextPatternError> {
        plain(text.into()).and_then(some).map(Self::Suffix)
    }

    /// A regular expression for the whole text.
    ///
    /// # Errors
    /// When it is none, or beyond the limits (S58).
    pub fn regex(text: &str) -> Result<Self, TextPatternError> {
        Ok(Self::Regex(Regex::parse(text)?))
    }

    /// `exact`, `prefix`, `suffix` or `regex`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::Prefix(_) => "prefix",
            Self::Suffix(_) => "suffix",
            Self::Regex(_) => "regex",
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Prefix(text) | Self::Suffix(text) => text,
            Self::Regex(regex) => regex.as_str(),
        }
    }

    /// Whether the pattern holds for a text: in doubt where it has bytes that are never compared (S49).
    pub fn holds(&self, text: &[u8]) -> Truth {
        if is_plain(text) { self.compare(text) } else { Truth::Unknown }
    }

    /// Whether the pattern holds for a text that is plain.
    fn compare(&self, text: &[u8]) -> Truth {
        match self {
            Self::Exact(whole) => text == whole.as_bytes(),
            Self::Prefix(start) => text.starts_with(start.as_bytes()),
            Self::Suffix(end) => text.ends_with(end.as_bytes()),
            Self::Regex(_) if text.len() > MAX_MATCHED => return Truth::Unknown,
            Self::Regex(regex) => regex.matches(text),
        }
        .into()
    }
}

impl TextMatch {
    /// A match of alternatives.
    ///
    /// # Errors
    /// When there are none.
    pub fn one_of(patterns: Vec<TextPattern>) -> Result<Self, EmptyClause> {
        if patterns.is_empty() { Err(EmptyClause) } else { Ok(Self(patterns)) }
    }

    /// The alternatives.
    pub fn patterns(&self) -> &[TextPattern] {
        &self.0
    }

    /// Whether one of them holds for a text.
    pub fn holds(&self, text: &[u8]) -> Truth {
        // Looked at once and not for each pattern: there may be a thousand, and somebody outside says how long the text is.
        if !is_plain(text) {
            return Truth::Unknown;
        }
        Truth::any(&self.0, |pattern| pattern.compare(text))
    }
}

impl Read for TextMatch {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        Self::one_of(Vec::read(value)?).map_err(|error| Mismatch::because(&error))
    }
}

impl From<TextMatch> for Vec<TextPattern> {
    fn from(TextMatch(patterns): TextMatch) -> Self {
        patterns
    }
}

fn plain(text: String) -> Result<String, TextPatternError> {
    if is_plain(text.as_bytes()) { Ok(text) } else { Err(TextPatternError::NotPlain) }
}

fn some(text: String) -> Result<String, TextPatternError> {
    if text.is_empty() { Err(TextPatternError::Empty) } else { Ok(text) }
}

impl Read for TextPattern {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let (kind, text) = value.variant()?;
        let pattern = match kind {
            "exact" => Self::exact(text.read::<String>()?),
            "prefix" => Self::prefix(text.read::<String>()?),
            "suffix" => Self::suffix(text.read::<String>()?),
            "regex" => Self::regex(&text.read::<String>()?),
            other => return Err(Mismatch::unknown(other)),
        };
        pattern.map_err(|error| Mismatch::because(&error).inside(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_compared_with_regard_to_case() {
        use Truth::{No, Unknown, Yes};
        for (pattern, text, truth) in [
            (TextPattern::exact("admin"), &b"admin"[..], Yes),
            (TextPattern::exact("admin"), b"Admin", No),
            (TextPattern::exact("admin"), b"admin ", No),
            (TextPattern::exact("admin"), b"admin\0", Unknown),
            (TextPattern::exact("admin"), b"\xffadmin", Unknown),
            (TextPattern::exact("admin"), "admín".as_bytes(), Unknown),
            (TextPattern::exact(""), b"", Yes),
            (TextPattern::prefix("acme-"), b"acme-1", Yes),
            (TextPattern::prefix("acme-"), b"acme", No),
            (TextPattern::suffix("-1"), b"acme-1", Yes),
            (TextPattern::suffix("-1"), b"acme-12", No),
            (TextPattern::regex("a|ab"), b"ab", Yes),
            (TextPattern::regex("a|ab"), b"abc", No),
            (TextPattern::regex(".*"), b"a\nb", Unknown),
        ] {
            assert_eq!(pattern.clone().unwrap().holds(text), truth, "{pattern:?} on {}", text.escape_ascii());
        }
    }

    #[test]
    fn a_long_text_is_in_doubt_for_a_regular_expression() {
        let regex = TextPattern::regex("a*").unwrap();
        assert_eq!(regex.holds(&[b'a'; MAX_MATCHED]), Truth::Yes);
        assert_eq!(regex.holds(&[b'a'; MAX_MATCHED + 1]), Truth::Unknown);
    }

    #[test]
    fn patterns_that_mean_everything_or_nothing_are_refused() {
        assert_eq!(TextPattern::prefix(""), Err(TextPatternError::Empty));
        assert_eq!(TextPattern::suffix(""), Err(TextPatternError::Empty));
        for text in ["ü", "a\n", "\0"] {
            assert_eq!(TextPattern::exact(text), Err(TextPatternError::NotPlain));
            assert!(serde_json::from_value::<TextPattern>(serde_json::json!({ "prefix": text })).is_err());
        }
        assert!(serde_json::from_str::<TextMatch>("[]").is_err());
        assert!(serde_json::from_str::<TextMatch>("null").is_err());
        for json in [r#"{"regex":"("}"#, r#"{}"#, r#"{"exact":"a","prefix":"b"}"#, r#"{"contains":"a"}"#] {
            assert!(serde_json::from_str::<TextPattern>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_pattern_is_read_as_it_is_written() {
        for json in [r#"{"exact":"a"}"#, r#"{"prefix":"a"}"#, r#"{"suffix":"a"}"#, r#"{"regex":"a+"}"#] {
            let pattern: TextPattern = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&pattern).unwrap(), json);
        }
    }
}
