//! Regular expressions: linear time, whole texts, ASCII (S49, S58).
//!
//! Of our own because the crates for it are larger than the rest of the filter together, or need `std`.

use alloc::{string::String, sync::Arc};
use serde::Serialize;

use super::{is_plain, machine::Machine, syntax};
use crate::written::written;

/// How long an expression may be, in bytes (S58).
const MAX_LENGTH: usize = 256;

/// A regular expression that matches whole texts.
///
/// Characters, `.`, classes such as `[a-z]`, `[^,]` and `\d`, groups, `|`, and repetition by `*`, `+`, `?` and
/// `{2,3}`, as RE2 reads them. There are no anchors, because it is always the whole text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Regex {
    text: String,
    /// Up to 8 KiB, so copies of a rule share it.
    machine: Arc<Machine>,
}

/// Why a regular expression is refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct RegexError {
    /// At which byte of the expression, from 0.
    pub at: usize,
    /// The reason.
    pub fault: RegexFault,
}

/// What is wrong with a regular expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegexFault {
    /// More than 256 bytes.
    #[error("a regular expression has at most {MAX_LENGTH} bytes")]
    TooLong,
    /// More than 2,048 states when compiled.
    #[error("the regular expression is too large; repeat less, or write fewer alternatives")]
    TooLarge,
    /// Groups inside groups, too often.
    #[error("the groups are nested too deep")]
    TooDeep,
    /// Characters that are never compared (S49).
    #[error("only printable ASCII characters, spaces and tabs are compared")]
    NotPlain,
    /// A parenthesis without its other half.
    #[error("a parenthesis has no other half; write `\\(` or `\\)` for the character")]
    Unbalanced,
    /// A repetition without something before it, or of a repetition.
    #[error("there is nothing to repeat; write a backslash before the character to mean it")]
    NothingToRepeat,
    /// `{…}` that is no repetition.
    #[error("write a repetition as `{{2}}`, `{{2,}}` or `{{2,5}}`, with numbers up to 1000")]
    BadRepeat,
    /// A class that is empty, not closed, has a range backwards, or one that engines read in different ways.
    #[error(
        "write a class as `[a-z_]`, and a backslash before `[`, `]`, `&`, `~` and `-` to mean the character"
    )]
    BadClass,
    /// An escape that means nothing, or not the same everywhere.
    #[error("a backslash stands before punctuation other than `<` and `>`, or one of `dDwWsSt`")]
    BadEscape,
    /// `^` or `$`.
    #[error("the whole text is matched anyway; leave `^` and `$` out, or write a backslash before them")]
    Anchor,
    /// `(?…)` other than `(?:…)`.
    #[error("`(?` starts nothing but `(?:…)`")]
    Unsupported,
}

impl Regex {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is none, or beyond the limits.
    pub fn parse(text: &str) -> Result<Self, RegexError> {
        if text.len() > MAX_LENGTH {
            return Err(RegexError { at: MAX_LENGTH, fault: RegexFault::TooLong });
        }
        if let Some(at) = text.bytes().position(|byte| !is_plain(&[byte])) {
            return Err(RegexError { at, fault: RegexFault::NotPlain });
        }
        let machine = Machine::new(&syntax::parse(text)?)
            .map_err(|_| RegexError { at: 0, fault: RegexFault::TooLarge })?;
        Ok(Self { text: String::from(text), machine: Arc::new(machine) })
    }

    /// Whether the whole of a plain text matches (S49).
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        self.machine.matches(text)
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

written!(Regex);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(regex: &str, matching: &[&str], missing: &[&str]) {
        let regex = Regex::parse(regex).unwrap();
        for (texts, expected) in [(matching, true), (missing, false)] {
            for text in texts {
                assert_eq!(regex.matches(text.as_bytes()), expected, "{} on {text}", regex.as_str());
            }
        }
    }

    #[test]
    fn an_expression_matches_whole_texts() {
        check("a", &["a"], &["", "aa", "ba", "A"]);
        check("", &[""], &["a"]);
        check("a|", &["a", ""], &["b"]);
        check("a|ab", &["a", "ab"], &["abc", "b"]);
        check("(a|b)c", &["ac", "bc"], &["a", "abc"]);
        check("(?:ab)+", &["ab", "abab"], &["", "aba"]);
        check("a*", &["", "a", "aaaa"], &["b", "ab"]);
        check("a+?b??", &["a", "aab"], &["", "b", "abb"]);
        check("a{2}", &["aa"], &["a", "aaa"]);
        check("a{2,}", &["aa", "aaa"], &["a"]);
        check("a{1,3}b", &["ab", "aaab"], &["b", "aaaab"]);
        check("a{0}", &[""], &["a"]);
        check("(a*)*b", &["b", "aaab"], &["aaa"]);
        check("(|a)+", &["", "aa"], &["b"]);
        check(".", &["a", " ", "\t", "~"], &["", "ab"]);
        check("[a-c_]", &["a", "c", "_"], &["d", "-"]);
        check("[^a-c]", &["d", " "], &["a"]);
        check("[a-]", &["a", "-"], &["b"]);
        check("[-a]", &["a", "-"], &["b"]);
        check(r"[\]\-\d]", &["]", "-", "7"], &["\\", "a"]);
        check(r"\d\w\s\D\W\S", &["1_ a-b"], &["a_ a-b", "1_ 1-b"]);
        check(r"a\.b\\\{\}", &[r"a.b\{}"], &[r"axb\{}"]);
        check("a]}", &["a]}"], &["a"]);
    }

    #[test]
    fn what_engines_read_in_different_ways_is_refused() {
        use RegexFault::*;
        for (text, at, fault) in [
            ("(a", 0, Unbalanced),
            ("a)", 1, Unbalanced),
            ("*a", 0, NothingToRepeat),
            ("a**", 2, NothingToRepeat),
            ("a*+", 2, NothingToRepeat),
            ("(|*)", 2, NothingToRepeat),
            ("a{", 1, BadRepeat),
            ("a{,2}", 1, BadRepeat),
            ("a{2,1}", 1, BadRepeat),
            ("a{1001}", 1, BadRepeat),
            ("a{99999999999}", 1, BadRepeat),
            ("a{1 }", 1, BadRepeat),
            ("[]", 0, BadClass),
            ("[]a]", 0, BadClass),
            ("[a", 0, BadClass),
            ("[z-a]", 0, BadClass),
            (r"[\d-z]", 0, BadClass),
            ("[[:alpha:]]", 0, BadClass),
            ("x[a&&b]", 1, BadClass),
            ("[a--b]", 0, BadClass),
            (r"\b", 0, BadEscape),
            (r"a\1", 1, BadEscape),
            (r"\", 0, BadEscape),
            (r"\x41", 0, BadEscape),
            (r"\pL", 0, BadEscape),
            (r"\<a", 0, BadEscape),
            (r"[\>]", 1, BadEscape),
            ("^a", 0, Anchor),
            ("a$", 1, Anchor),
            ("(?i)a", 2, Unsupported),
            ("(?=a)", 2, Unsupported),
            ("a\u{e9}", 1, NotPlain),
            ("a\n", 1, NotPlain),
        ] {
            assert_eq!(Regex::parse(text), Err(RegexError { at, fault }), "{text}");
        }
    }

    #[test]
    fn large_expressions_are_refused_without_work() {
        use RegexFault::*;
        let fault = |text: &str| Regex::parse(text).unwrap_err().fault;
        assert_eq!(fault(&"a".repeat(257)), TooLong);
        assert!(Regex::parse(&"a".repeat(256)).is_ok());
        assert_eq!(fault("(a{1000}){1000}"), TooLarge);
        assert_eq!(fault("((((){1000}){1000}){1000}){1000}"), TooLarge);
        assert_eq!(fault("[a-z]{1000}[a-z]{1000}[a-z]{100}"), TooLarge);
        assert_eq!(fault(&alloc::format!("{}{}", "(".repeat(33), ")".repeat(33))), TooDeep);
    }

    #[test]
    fn time_is_linear_in_the_text() {
        let regex = Regex::parse("(a*)*(a|aa)+(a?){100}b").unwrap();
        assert!(!regex.matches(&[b'a'; 20_000]));
    }
}
