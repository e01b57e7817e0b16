//! The Bookend filter and what must stand before it in an HTTP filter chain.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::source;
use crate::error::{Doing, Error, Result};
use crate::world::topology::Workload;

/// The name of the extension, and of its discovery resource.
pub(super) const NAME: &str = "bookend";
/// The directory and file of the discovery resource.
pub(super) const FILE: &str = "ecds";

/// Filter state that holds the address of the direct peer, whatever `x-forwarded-for` says.
const PEER_ADDRESS_KEY: &str = "bookend.peer_address";
/// Filter state that holds the URI names of the peer's verified certificate, joined with a comma.
const PEER_URI_SANS_KEY: &str = "bookend.peer_uri_sans";

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const RBAC: &str = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";

/// The Bookend filter: a module and its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The compiled module.
    pub module: PathBuf,
    /// The configuration, JSON text; the module sees exactly these bytes.
    pub configuration: String,
}

impl Filter {
    /// Copies the module into `directory`, where every user can read it, under a name made from its content.
    pub(crate) fn staged(&self, directory: &Path) -> Result<Self> {
        let bytes = fs::read(&self.module).map_err(|error| {
            Error::new(format!("cannot read the filter `{}`: {error}", self.module.display()))
                .cure("run scripts/build")
        })?;
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let module = directory.join(format!("filter-{:016x}.wasm", hasher.finish()));
        if !module.exists() {
            fs::write(&module, bytes).doing(format!("write `{}`", module.display()))?;
        }
        Ok(Self { module, configuration: self.configuration.clone() })
    }

    /// The discovery resource.
    pub(super) fn resource(&self, workload: &Workload) -> Value {
        json!({
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": NAME,
            "typed_config": {
                "@type": WASM,
                "config": {
                    "name": NAME,
                    "root_id": NAME,
                    "failure_policy": "FAIL_CLOSED",
                    "vm_config": {
                        "vm_id": format!("{NAME}.{}", workload.key),
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": { "local": { "filename": self.module } },
                    },
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": self.configuration,
                    },
                },
            },
        })
    }
}

/// The HTTP filters in front of the router. Without Bookend only the two facts are recorded.
pub(super) fn chain(directory: &Path, filtered: bool) -> Vec<Value> {
    let mut chain = vec![facts()];
    if filtered {
        chain.push(json!({
            "name": NAME,
            "config_discovery": {
                "config_source": source(directory, FILE),
                "type_urls": [WASM, RBAC],
                // Should the filter never arrive, deny everything instead of letting it pass.
                "default_config": { "@type": RBAC, "rules": { "action": "ALLOW", "policies": {} } },
                "apply_default_config_without_warming": false,
            },
        }));
    }
    chain.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
    }));
    chain
}

/// The filter that must stand before Bookend's: it records who the direct peer is, by what the connection says and not
/// what a header says.
pub fn facts() -> Value {
    let fact = |key: &str, format: &str| {
        json!({
            "object_key": key,
            "factory_key": "envoy.string",
            "format_string": { "text_format_source": { "inline_string": format }, "omit_empty_values": true },
            "read_only": true,
            "skip_if_empty": true,
        })
    };
    json!({
        "name": "bookend.facts",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
            "on_request_headers": [
                fact(PEER_ADDRESS_KEY, "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"),
                fact(PEER_URI_SANS_KEY, "%DOWNSTREAM_PEER_URI_SAN%"),
            ],
        },
    })
}
