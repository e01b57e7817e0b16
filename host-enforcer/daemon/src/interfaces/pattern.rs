//! Patterns of interface names.

use std::str::FromStr;

/// A pattern of interface names: `*` stands for any characters, none included, `?` for one, everything else for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

/// Why a text is no pattern.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It has no characters.
    #[error("a pattern of interface names must not be empty; write `veth*`, for example")]
    Empty,
    /// It means the loopback interface too.
    #[error(
        "`{0}` also means `lo`, and a host whose loopback interface is denied everything does not work; name those that \
         lead to workloads, for example `veth*`"
    )]
    Loopback(String),
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let pattern = Self(text.to_owned());
        match text {
            "" => Err(PatternError::Empty),
            _ if pattern.matches("lo") => Err(PatternError::Loopback(text.to_owned())),
            _ => Ok(pattern),
        }
    }
}

impl Pattern {
    /// Whether it means the interface `name`.
    pub fn matches(&self, name: &str) -> bool {
        matches(self.0.as_bytes(), name.as_bytes())
    }
}

/// Names have at most 15 bytes, so trying every end of a `*` is soon done.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            matches(rest, name) || name.split_first().is_some_and(|(_, name)| matches(pattern, name))
        }
        (Some((b'?', rest)), Some((_, name))) => matches(rest, name),
        (Some((wanted, rest)), Some((found, name))) => wanted == found && matches(rest, name),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_and_a_question_mark_for_one() {
        let matches = |pattern: &str, name: &str| pattern.parse::<Pattern>().unwrap().matches(name);
        assert!(matches("veth*", "veth") && matches("veth*", "veth1a2b") && matches("*-host", "a-host"));
        assert!(matches("tap?", "tap0") && matches("v*h?", "veth0") && matches("eth0", "eth0"));
        assert!(!matches("veth*", "eveth0") && !matches("tap?", "tap") && !matches("eth0", "eth01"));
    }

    #[test]
    fn a_pattern_that_means_the_loopback_interface_is_refused() {
        for text in ["*", "l*", "lo", "l?", ""] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }
}
