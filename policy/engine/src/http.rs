//! HTTP conditions.

use alloc::string::String;
use serde::{Deserialize, Serialize};

use crate::{Clause, PathPattern, Request, Truth};

/// Conditions on an HTTP request; every part that is present must hold (S30).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpMatch {
    /// Methods, compared byte for byte (RFC 9110, 9.1).
    pub methods: Clause<String>,
    /// Path patterns.
    pub paths: Clause<PathPattern>,
}

impl HttpMatch {
    /// Whether the conditions hold for `request`. What the request lacks, or what servers read
    /// differently, is in doubt (S31, S33).
    pub fn holds(&self, request: &Request<'_>) -> Truth {
        self.method_holds(request).and(self.path_holds(request))
    }

    /// Whether the method condition holds.
    pub fn method_holds(&self, request: &Request<'_>) -> Truth {
        self.methods.holds(|method| match request.method() {
            Some(actual) if actual == method => Truth::Yes,
            // Some servers put methods into capitals before they look at them.
            Some(actual) if !actual.eq_ignore_ascii_case(method) => Truth::No,
            _ => Truth::Unknown,
        })
    }

    /// Whether the path condition holds.
    pub fn path_holds(&self, request: &Request<'_>) -> Truth {
        self.paths.holds(|pattern| match request.path() {
            Ok(path) => pattern.matches(path).into(),
            Err(_) => Truth::Unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_method_in_other_case_is_in_doubt() {
        let http = HttpMatch { methods: Clause::one_of(vec!["DELETE".into()]).unwrap(), paths: Clause::Any };
        let holds = |method: Option<&[u8]>| http.method_holds(&Request::new(method, Some(b"/")));
        assert_eq!(holds(Some(b"DELETE")), Truth::Yes);
        assert_eq!(holds(Some(b"delete")), Truth::Unknown);
        assert_eq!(holds(Some(b"Delete")), Truth::Unknown);
        assert_eq!(holds(Some(b"GET")), Truth::No);
        assert_eq!(holds(Some(b"\xff")), Truth::Unknown);
        assert_eq!(holds(None), Truth::Unknown);
    }
}
