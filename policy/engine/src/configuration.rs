//! The filter's configuration: what travels to a proxy.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde::{Deserialize, Serialize};

use crate::{Inventory, Program, json::Reader};

/// What a filter needs to decide: the same for every proxy, which picks what concerns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Configuration {
    /// Names the policy this was made from, in logs and metrics.
    pub revision: String,
    /// The program.
    pub program: Program,
    /// Who is who.
    pub inventory: Inventory,
}

/// A configuration that is refused, with the reason and its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is refused: {0}")]
pub struct ConfigurationError(String);

impl Configuration {
    /// Reads a configuration from JSON.
    ///
    /// # Errors
    /// When it is not JSON, a field is missing, unknown or of the wrong type, or a value is out of range.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ConfigurationError> {
        let text = core::str::from_utf8(bytes)
            .map_err(|error| ConfigurationError(format!("byte {} is not UTF-8", error.valid_up_to())))?;
        let mut reader = Reader::new(text);
        let read = Self::deserialize(&mut reader).and_then(|read| reader.end().map(|()| read));
        read.map_err(|fault| {
            let (line, column) = reader.position();
            ConfigurationError(format!("{fault} at line {line} column {column}"))
        })
    }

    /// Writes the configuration as JSON.
    ///
    /// # Errors
    /// Never for a configuration that was built by this crate; the signature is serde's.
    pub fn to_json(&self) -> Result<Vec<u8>, ConfigurationError> {
        serde_json::to_vec(self).map_err(|error| ConfigurationError(error.to_string()))
    }
}
