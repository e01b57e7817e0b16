//! What a proxy says to whom a deny rule refuses.

use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// The answer to a request that a deny rule refuses, in place of the usual one (S62). It changes no verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answer {
    /// HTTP status code, 300–599.
    pub status: u16,
    /// The body.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Further headers, names in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
}
