//! Principals: verified SPIFFE ids, and patterns over them.

use alloc::{format, string::String};
use serde::Serialize;

use crate::{Endpoint, Identity, Truth, WorkloadIdentity, written::written};

/// What is known of the SPIFFE id of an end (S41).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal<'a> {
    /// The URI subject alternative names of its verified certificate.
    Verified(&'a [&'a str]),
    /// None was seen, but whoever the end is known to be has the id of its account in this trust domain.
    Derived {
        /// The trust domain of the mesh.
        trust_domain: &'a str,
    },
    /// None was seen yet: the packet layer's view of somebody outside.
    Open,
    /// Nothing is known.
    Unknown,
}

impl WorkloadIdentity {
    /// The SPIFFE id of its account, in Istio's form.
    pub fn spiffe_id(&self, trust_domain: &str) -> String {
        format!("spiffe://{trust_domain}/ns/{}/sa/{}", self.namespace, self.service_account)
    }
}

/// A pattern over SPIFFE ids: a whole id, or one with `*` at the start or at the end for any rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct PrincipalPattern {
    text: String,
}

/// Why a principal pattern is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrincipalPatternError {
    /// Nothing, or nothing but a star.
    #[error("a principal pattern must say something")]
    Empty,
    /// A star inside, or two.
    #[error("`*` stands once, at the start or at the end")]
    InnerStar,
    /// It does not start with `spiffe://`, nor with `*`.
    #[error("a principal is a SPIFFE id and starts with `spiffe://`")]
    NotSpiffe,
    /// Characters that no SPIFFE id has (SPIFFE-ID, 2).
    #[error("a SPIFFE id has only letters, digits and `.-_/:`")]
    BadCharacter,
}

impl PrincipalPattern {
    /// Reads a pattern from its written form.
    ///
    /// # Errors
    /// When it could match no SPIFFE id, or has a star in another place.
    pub fn parse(text: &str) -> Result<Self, PrincipalPatternError> {
        let (_, literal, _) = parts(text);
        if literal.is_empty() {
            return Err(PrincipalPatternError::Empty);
        }
        if literal.contains('*') || (text.starts_with('*') && text.ends_with('*')) {
            return Err(PrincipalPatternError::InnerStar);
        }
        if !text.starts_with('*') && !text.starts_with("spiffe://") {
            return Err(PrincipalPatternError::NotSpiffe);
        }
        if !literal.chars().all(|c| c.is_ascii_alphanumeric() || ".-_/:".contains(c)) {
            return Err(PrincipalPatternError::BadCharacter);
        }
        Ok(Self { text: String::from(text) })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The id, if it means exactly one.
    pub fn exact(&self) -> Option<&str> {
        (!self.text.contains('*')).then_some(&self.text)
    }

    /// Whether the pattern means this id. Compared byte for byte.
    pub fn matches(&self, id: &str) -> bool {
        match parts(&self.text) {
            (true, literal, _) => id.ends_with(literal),
            (false, literal, true) => id.starts_with(literal),
            (false, literal, false) => id == literal,
        }
    }

    /// Whether `endpoint` is meant (S41).
    pub fn holds(&self, endpoint: &Endpoint<'_>) -> Truth {
        match (&endpoint.principal, &endpoint.identity) {
            (Principal::Verified(ids), _) => Truth::agreed(ids.iter().map(|id| self.matches(id).into())),
            (Principal::Derived { trust_domain }, Identity::Workload(workload)) => {
                self.matches(&workload.spiffe_id(trust_domain)).into()
            }
            (Principal::Derived { .. } | Principal::Open | Principal::Unknown, _) => Truth::Unknown,
        }
    }
}

/// Whether a star leads, the rest, and whether one follows.
fn parts(text: &str) -> (bool, &str, bool) {
    match (text.strip_prefix('*'), text.strip_suffix('*')) {
        (Some(rest), _) => (true, rest, false),
        (None, Some(rest)) => (false, rest, true),
        (None, None) => (false, text, false),
    }
}

written!(PrincipalPattern);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Location;

    #[test]
    fn a_star_stands_for_any_rest_at_one_end() {
        let matches = |pattern: &str, id: &str| PrincipalPattern::parse(pattern).unwrap().matches(id);
        assert!(matches("spiffe://a/ns/b/sa/c", "spiffe://a/ns/b/sa/c"));
        assert!(!matches("spiffe://a/ns/b/sa/c", "spiffe://a/ns/b/sa/cd"));
        assert!(matches("spiffe://a/*", "spiffe://a/ns/b/sa/c"));
        assert!(!matches("spiffe://a/*", "spiffe://ab/ns/b/sa/c"));
        assert!(matches("*/sa/c", "spiffe://a/ns/b/sa/c"));
        assert!(!matches("*/sa/c", "spiffe://a/ns/b/sa/C"));
    }

    #[test]
    fn patterns_that_could_mislead_are_refused() {
        use PrincipalPatternError::*;
        for (pattern, error) in [
            ("", Empty),
            ("*", Empty),
            ("**", InnerStar),
            ("*a*", InnerStar),
            ("spiffe://a/*/sa/b", InnerStar),
            ("cluster.local/ns/a/sa/b", NotSpiffe),
            ("spiffe://a/ns/b c", BadCharacter),
        ] {
            assert_eq!(PrincipalPattern::parse(pattern), Err(error), "{pattern}");
        }
    }

    #[test]
    fn several_names_in_a_certificate_are_certain_only_where_they_agree() {
        let holds = |pattern: &str, ids: &[&str]| {
            let endpoint = Endpoint {
                identity: Identity::Anonymous,
                location: Location::Unknown,
                principal: Principal::Verified(ids),
            };
            PrincipalPattern::parse(pattern).unwrap().holds(&endpoint)
        };
        let ids = ["spiffe://a/x", "spiffe://a/y"];
        assert_eq!(holds("spiffe://a/*", &ids), Truth::Yes);
        assert_eq!(holds("spiffe://a/x", &ids), Truth::Unknown);
        assert_eq!(holds("spiffe://b/*", &ids), Truth::No);
        assert_eq!(holds("spiffe://b/*", &[]), Truth::Unknown);
    }
}
