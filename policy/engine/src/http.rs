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
        self.methods.holds(|method| request.method().map_or(Truth::Unknown, |m| (m == method).into()))
    }

    /// Whether the path condition holds.
    pub fn path_holds(&self, request: &Request<'_>) -> Truth {
        self.paths.holds(|pattern| match request.path() {
            Ok(path) => pattern.matches(path).into(),
            Err(_) => Truth::Unknown,
        })
    }
}
