//! The JSON Schema of Bookend's own documents, for editors.

use serde_json::Value;

/// The schema, as it is written: in JSON, so that tools can read it without this crate.
const SCHEMA: &str = include_str!("schema.json");

/// The JSON Schema (draft 2020-12) of every document of Bookend's own.
///
/// It refuses less than [`compile`](crate::compile): what several fields or documents say together only that tells.
pub fn schema() -> Value {
    // The tests show that it can be read.
    serde_json::from_str(SCHEMA).unwrap_or_default()
}
