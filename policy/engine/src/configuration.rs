//! The filter's configuration: what travels to a proxy.

use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

use crate::{Inventory, Program, Settings};

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
    /// How the filter works.
    #[serde(default, skip_serializing_if = "Settings::is_default")]
    pub settings: Settings,
}

/// A configuration that is refused, with the reason.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is refused: {0}")]
pub struct ConfigurationError(#[from] serde_json::Error);

impl Configuration {
    /// Reads a configuration from JSON.
    ///
    /// # Errors
    /// When it is not JSON, a field is missing, unknown or of the wrong type, or a value is out of range.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ConfigurationError> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Writes the configuration as JSON.
    ///
    /// # Errors
    /// Never for a configuration that was built by this crate; the signature is serde's.
    pub fn to_json(&self) -> Result<Vec<u8>, ConfigurationError> {
        Ok(serde_json::to_vec(self)?)
    }
}
