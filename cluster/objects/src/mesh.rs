//! The filter in Istio's proxies: what the proxies of one namespace are given, by Istio's own objects.
//!
//! Facts about Istio that shape them (read in its sources, 1.20 to 1.30):
//! * `pluginConfig` reaches the module as the JSON of a `google.protobuf.StringValue`, so nothing is lost of what a `Struct` can hold;
//!   its keys come sorted and its numbers as doubles, which [`structured`] proves harmless.
//! * A WasmPlugin without `match` also stands in the listeners of what goes out, where this filter has no business. `SERVER` means
//!   what comes into sidecars; listeners of gateways count as `CLIENT`.
//! * One of type `NETWORK` also stands before the HTTP connection manager of every HTTP port. There it would judge as a stream what is
//!   a request (S34). So streams are judged where an EnvoyFilter puts the filter: before `tcp_proxy`, and nowhere else.
//! * Whatever lies in the mesh's root namespace is for the whole mesh. There only what names gateways is written.

mod document;
mod facts;
mod filter;
mod gateway;
mod plugin;
mod structured;

use std::fmt;

use bookend_engine::Configuration;
use serde_json::Value;

use crate::install::Image;
use document::Document;
pub use facts::{PEER, PEER_FORMAT, TCP_PROXY, facts, facts_of_requests, judged_before_connecting, state};
pub use filter::refusal;
pub use gateway::Gateway;
pub use structured::{Unrepresentable, structured};

/// The most bytes that an object may have, as JSON. API servers take 1.5 MiB together with what they write about it themselves.
pub const MOST: usize = 1_000_000;

/// The most bytes of all objects of a namespace together: each of its gateways has a configuration of its own, and all are written again with
/// every change.
pub const MOST_TOGETHER: usize = 8 * MOST;

/// The annotation with the revision of the policies that an object was made from.
pub const POLICIES: &str = "bookend.dev/policies";
/// The annotation with the revision of the configuration in it, as proxies tell it.
pub const REVISION: &str = "bookend.dev/revision";

/// By which of Istio's objects proxies get the filter of requests. That of streams, and what says who the peer is, always come by
/// EnvoyFilter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Means {
    /// By WasmPlugin.
    WasmPlugin,
    /// By TrafficExtension, which takes its place from Istio 1.30 on.
    TrafficExtension,
    /// By EnvoyFilter, for meshes that forbid the others.
    EnvoyFilter,
}

/// The image of the filter, and how proxies get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// The image; it has a digest.
    pub image: Image,
    /// The Secret of the namespace with the credentials of its registry. EnvoyFilters have no place for it: proxies take the filter of streams
    /// from what they fetched for requests.
    pub secret: Option<String>,
}

/// What the proxies of a namespace are given.
#[derive(Clone, Copy, Debug)]
pub struct Mesh<'m> {
    /// The name of the installation.
    pub install: &'m str,
    /// The namespace.
    pub namespace: &'m str,
    /// Whether it is the root namespace of the mesh.
    pub root: bool,
    /// The gateways among its workloads.
    pub gateways: &'m [Gateway],
    /// The filter.
    pub pull: &'m Pull,
    /// What it gets. Its revision is its own.
    pub configuration: &'m Configuration,
    /// The revision of the policies that this was made from.
    pub policies: &'m str,
    /// How requests get their filter.
    pub means: Means,
    /// Whether EnvoyFilters may be written.
    pub envoy_filters: bool,
}

/// A namespace that cannot be given its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is too large for an object.
    TooLarge {
        /// The namespace.
        namespace: String,
        /// Its bytes, as JSON.
        bytes: usize,
        /// How many workloads it names.
        workloads: usize,
        /// With how many addresses.
        addresses: usize,
        /// How many rules and isolations it has.
        rules: usize,
    },
    /// It is too large for so many gateways.
    TooMany {
        /// The namespace.
        namespace: String,
        /// The bytes of one object, as JSON.
        bytes: usize,
        /// How many gateways there are.
        gateways: usize,
    },
    /// It says something that does not survive the way.
    Unrepresentable {
        /// The namespace.
        namespace: String,
        /// What.
        what: Unrepresentable,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { namespace, bytes, workloads, addresses, rules } => write!(
                f,
                "what the proxies of the namespace `{namespace}` have to know is {bytes} bytes, and an object may have {MOST}: {rules} rules, \
                 {workloads} workloads and {addresses} addresses; select peers by namespace or service account instead of labels, or give workloads that \
                 policies tell apart service accounts of their own, which makes their addresses unnecessary"
            ),
            Self::TooMany { namespace, bytes, gateways } => write!(
                f,
                "what the proxies of the namespace `{namespace}` have to know is {bytes} bytes for each of {gateways} gateways, and all of them together may \
                 have {MOST_TOGETHER}; give gateways namespaces of their own, or select fewer peers by labels"
            ),
            Self::Unrepresentable { namespace, what } => {
                write!(f, "the proxies of the namespace `{namespace}` cannot be told: {what}")
            }
        }
    }
}

impl std::error::Error for Unfit {}

impl Mesh<'_> {
    /// The objects, each complete, in the order in which they are applied: first what says who the peer is. Each with the gateway that it is for;
    /// without one it is for all proxies of the namespace, or for its sidecars.
    ///
    /// # Errors
    /// When the configuration does not fit into an object. The last good objects then stay.
    pub fn objects(&self) -> Result<Vec<(Option<&Gateway>, Value)>, Unfit> {
        let document = Document::new(self)?;
        let mut objects = Vec::new();
        if self.envoy_filters {
            objects.extend(filter::objects(self, &document));
        }
        if self.means != Means::EnvoyFilter {
            objects.extend(plugin::objects(self, &document));
        }
        Ok(objects)
    }
}

#[cfg(test)]
mod tests;
