//! What a proxy says to whom a deny rule refuses.

use alloc::{string::String, vec::Vec};
use serde::Serialize;

use crate::tape::object;

/// The answer to a request that a deny rule refuses, in place of the usual one (S62). It changes no verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// HTTP status code, 300–599.
    pub status: u16,
    /// The body.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Further headers, names in lower case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
}

object!(Answer {
    status: "status",
    body: "body" or String::new(),
    headers: "headers" or Vec::new(),
});
