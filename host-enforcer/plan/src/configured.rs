//! A plan for what a configuration says.

use bookend_engine::{Configuration, Service};

use crate::{Plan, PlanError};

/// Why there is no plan for a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfiguredError {
    /// The configuration cannot be read.
    #[error(transparent)]
    Configuration(#[from] bookend_engine::ConfigurationError),
    /// The Services cannot be read.
    #[error("the Services are refused: {0}")]
    Services(#[from] serde_json::Error),
    /// It can, and cannot be enforced.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl Plan {
    /// The plan of the host that has the interfaces which the inventory of a configuration names. The configuration
    /// is JSON, in the form in which filters get it, and so without the Services, which are a list as JSON.
    ///
    /// # Errors
    /// When it cannot be read, and as [`build`](Self::build).
    pub fn from_configuration(json: &[u8], services: &[u8]) -> Result<Self, ConfiguredError> {
        let services: Vec<Service> = serde_json::from_slice(services)?;
        let Configuration { program, inventory, .. } = Configuration::from_json(json)?;
        Ok(Self::build(&program, &inventory.with_services(services), &[])?)
    }
}
