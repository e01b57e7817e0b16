//! The filter's configuration: what travels to a proxy.

mod draft;
mod excerpt;

use alloc::{format, string::String, vec::Vec};
use serde::{
    Serialize,
    de::{DeserializeSeed, Error},
};

use crate::{Inventory, Program, Rule, Settings};
use draft::{Draft, Part};

/// What a filter needs to decide: the same for every proxy, which picks what concerns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    /// Names the policy this was made from, in logs and metrics.
    pub revision: String,
    /// How the filter works. Before the program, so that whoever reads that one knows it.
    #[serde(skip_serializing_if = "Settings::is_default")]
    pub settings: Settings,
    /// The program.
    pub program: Program,
    /// Who is who.
    pub inventory: Inventory,
}

/// A configuration that is refused, with the reason.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is refused: {0}")]
pub struct ConfigurationError(#[from] serde_json::Error);

impl Configuration {
    /// Reads a configuration from JSON.
    ///
    /// # Errors
    /// When it is not JSON, a field is missing, unknown, duplicate or of the wrong type, or a value is out of range.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ConfigurationError> {
        Self::from_json_where(bytes, &|_, _| true)
    }

    /// Reads a configuration without the rules that are refused by `retained`, which is told the settings once they are known. Every
    /// rule is read all the same, but not two at a time.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub(crate) fn from_json_where(
        bytes: &[u8],
        retained: &dyn Fn(&Rule, Option<&Settings>) -> bool,
    ) -> Result<Self, ConfigurationError> {
        let text = core::str::from_utf8(bytes).map_err(|error| {
            serde_json::Error::custom(format!("byte {} is not UTF-8", error.valid_up_to()))
        })?;
        let mut json = serde_json::Deserializer::from_str(text);
        let mut draft = Draft::new(retained);
        Part::whole(&mut draft).deserialize(&mut json)?;
        json.end()?;
        Ok(draft.finished().map_err(serde_json::Error::custom)?)
    }

    /// Writes the configuration as JSON.
    ///
    /// # Errors
    /// Never for a configuration that was built by this crate; the signature is serde's.
    pub fn to_json(&self) -> Result<Vec<u8>, ConfigurationError> {
        Ok(serde_json::to_vec(self)?)
    }
}
