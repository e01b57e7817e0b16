//! The Bookend filter, where it stands in the chains of a sidecar and a gateway, and what must stand before it.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::plugin::{self, Layer, Wasm};
use crate::error::{Doing, Error, Result};

/// The directory of the filter before the workload, among HTTP filters.
const REQUESTS: &str = "requests";
/// The same filter among network filters, for what is no HTTP.
const STREAMS: &str = "streams";
/// The directory of the filter behind the workload, among the HTTP filters of clusters.
const OUTBOUND_REQUESTS: &str = "outbound-requests";
/// The same filter among network filters.
const OUTBOUND_STREAMS: &str = "outbound-streams";

/// The Bookend filter: a module and its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The compiled module.
    pub module: PathBuf,
    /// The configuration, JSON text; the module sees exactly these bytes.
    pub configuration: String,
    /// The configuration of the same module behind the workload, if it shall stand there too.
    pub outbound: Option<String>,
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
        Ok(Self { module, ..self.clone() })
    }

    /// Writes what Envoy discovers, below its `directory`.
    pub(super) fn publish(&self, directory: &Path, version: u64) -> Result<()> {
        let ends = [
            (REQUESTS, STREAMS, Some(&self.configuration)),
            (OUTBOUND_REQUESTS, OUTBOUND_STREAMS, self.outbound.as_ref()),
        ];
        for (requests, streams, configuration) in ends {
            let Some(configuration) = configuration else { continue };
            let mut wasm = Wasm::new(&self.module, configuration);
            // One machine for each end.
            requests.clone_into(&mut wasm.vm);
            plugin::publish(&directory.join(requests), version, &wasm.typed(Layer::Http))?;
            plugin::publish(&directory.join(streams), version, &wasm.typed(Layer::Network))?;
        }
        Ok(())
    }
}

/// Where the filter stands in an Envoy whose files are below `directory`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'d> {
    pub(super) directory: &'d Path,
    /// Before the workload.
    pub(super) inbound: bool,
    /// Behind the workload.
    pub(super) outbound: bool,
}

impl<'d> Places<'d> {
    pub(super) fn new(directory: &'d Path, filter: Option<&Filter>) -> Self {
        let outbound = filter.is_some_and(|filter| filter.outbound.is_some());
        Self { directory, inbound: filter.is_some(), outbound }
    }

    /// The HTTP filters that come before the router.
    pub(super) fn of_requests(self) -> Vec<Value> {
        self.here(self.inbound, REQUESTS, Layer::Http)
    }

    /// The network filters that come before the one that passes bytes on.
    pub(super) fn of_streams(self) -> Vec<Value> {
        self.here(self.inbound, STREAMS, Layer::Network)
    }

    /// The network filters on the way out.
    pub(super) fn of_outbound_streams(self) -> Vec<Value> {
        self.here(self.outbound, OUTBOUND_STREAMS, Layer::Network)
    }

    /// The HTTP filters of a cluster, where the endpoint is chosen.
    pub(super) fn of_outbound_requests(self) -> Vec<Value> {
        self.here(self.outbound, OUTBOUND_REQUESTS, Layer::Http)
    }

    fn here(self, stands: bool, name: &str, layer: Layer) -> Vec<Value> {
        let Self { directory, .. } = self;
        if stands { vec![plugin::discovered(&directory.join(name), layer)] } else { Vec::new() }
    }
}
