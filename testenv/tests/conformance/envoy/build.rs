//! What the filter was built for.

use std::path::Path;

use bookend_testenv::envoy::plugin::{Dynamic, Layer, Wasm};
use serde_json::Value;

/// What the filter was built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// Envoy's sandbox.
    Wasm,
    /// Envoy's own process.
    Native,
}

impl Build {
    /// What reports call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wasm => "module in Envoy",
            Self::Native => "dynamic module in Envoy",
        }
    }

    /// What `scripts/build` calls it.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Wasm => "bookend_filter.wasm",
            Self::Native => "libbookend_filter.so",
        }
    }

    /// How a log is told what the filter attached under this name.
    pub(super) fn attached(self, name: &str) -> String {
        let prefix = match self {
            Self::Wasm => "wasm.",
            Self::Native => "",
        };
        format!("%FILTER_STATE({prefix}{name}:PLAIN)%")
    }

    /// The filter's configuration in Envoy's.
    pub(super) fn typed(self, module: &Path, configuration: String, layer: Layer) -> Value {
        match self {
            Self::Wasm => Wasm::new(module, configuration).typed(layer),
            Self::Native => {
                Dynamic { module: module.to_owned(), name: "bookend".to_owned(), configuration }.typed(layer)
            }
        }
    }
}
