//! Filters for Envoy and what they stand in, as the JSON of its configuration.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::certificate::Identity;
use crate::error::Result;

pub use bookend_objects::mesh::{PEER, facts_of_requests};
use bookend_objects::mesh::{TCP_PROXY, judged_before_connecting, refusal, state};

/// Which of Envoy's filter chains a filter stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Among the filters of an HTTP connection manager, or of a cluster.
    Http,
    /// Among the filters of a listener.
    Network,
}

/// A proxy-wasm module and its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wasm {
    /// The compiled module, where Envoy may read it.
    pub module: PathBuf,
    /// The configuration; the module sees exactly these bytes.
    pub configuration: String,
    /// Which filters share a machine: those of one name with the same module.
    pub vm: String,
    /// What becomes of requests when the module fails: `FAIL_CLOSED`, `FAIL_OPEN` or `FAIL_RELOAD`.
    pub failure_policy: &'static str,
}

/// A shared object that speaks Envoy's interface of dynamic modules, and its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dynamic {
    /// The shared object, where Envoy may read it.
    pub module: PathBuf,
    /// The name that the module is given when it is asked for a filter.
    pub name: String,
    /// The configuration; the module sees exactly these bytes.
    pub configuration: String,
}

impl Wasm {
    /// A module that fails closed, in a machine of its own.
    pub fn new(module: impl Into<PathBuf>, configuration: impl Into<String>) -> Self {
        Self {
            module: module.into(),
            configuration: configuration.into(),
            vm: "bookend".to_owned(),
            failure_policy: "FAIL_CLOSED",
        }
    }

    /// The filter, for a chain.
    pub fn filter(&self, layer: Layer) -> Value {
        json!({ "name": "bookend", "typed_config": self.typed(layer) })
    }

    /// The typed configuration alone, for a chain or for discovery.
    pub fn typed(&self, layer: Layer) -> Value {
        json!({
            "@type": layer.wasm(),
            "config": {
                "name": "bookend",
                "root_id": "bookend",
                "failure_policy": self.failure_policy,
                "vm_config": {
                    "vm_id": self.vm,
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": self.module } },
                },
                "configuration": text(&self.configuration),
            },
        })
    }
}

impl Dynamic {
    /// The filter, for a chain.
    pub fn filter(&self, layer: Layer) -> Value {
        json!({ "name": "bookend", "typed_config": self.typed(layer) })
    }

    /// The typed configuration alone, for a chain or for discovery.
    pub fn typed(&self, layer: Layer) -> Value {
        json!({
            "@type": layer.dynamic(),
            "dynamic_module_config": {
                "module": { "local": { "filename": self.module } },
                // Unloading code that has threads or statics is undefined at best.
                "do_not_close": true,
            },
            "filter_name": self.name,
            "filter_config": text(&self.configuration),
        })
    }
}

impl Layer {
    fn wasm(self) -> &'static str {
        match self {
            Self::Http => "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            Self::Network => "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm",
        }
    }

    fn rbac(self) -> &'static str {
        match self {
            Self::Http => "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            Self::Network => "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",
        }
    }

    fn dynamic(self) -> &'static str {
        match self {
            Self::Http => {
                "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter"
            }
            Self::Network => {
                "type.googleapis.com/envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter"
            }
        }
    }
}

/// A configuration that a module sees byte for byte.
fn text(configuration: &str) -> Value {
    json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration })
}

/// A filter that is discovered: [`publish`] says what it is, before Envoy starts and whenever it changes. One
/// `directory` for each such filter.
pub fn discovered(directory: &Path, layer: Layer) -> Value {
    json!({
        "name": name(directory),
        "config_discovery": {
            "config_source": super::source(directory, "filter"),
            "type_urls": [layer.wasm(), layer.dynamic(), layer.rbac()],
            // Should the filter never arrive, deny everything instead of letting it pass.
            "default_config": refusal(layer == Layer::Http),
            "apply_default_config_without_warming": false,
        },
    })
}

/// The name by which a filter is discovered, and counted: that of its directory.
fn name(directory: &Path) -> Cow<'_, str> {
    directory.file_name().unwrap_or_default().to_string_lossy()
}

/// Replaces what a discovered filter is, in one step; Envoy notices. `version` is new each time.
pub fn publish(directory: &Path, version: u64, typed: &Value) -> Result<()> {
    let resource = json!({
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": name(directory),
        "typed_config": typed,
    });
    super::write_resources(directory, "filter", &version.to_string(), &[resource])
}

/// The filter among network filters that records who the peer is, once for a connection: when the handshake is done, or
/// when a connection without one begins. Never together with [`facts_of_requests`]: Envoy takes a second writer of the same
/// key for a bug of its own, and writes a stack trace at every request.
pub fn facts_of_connections() -> Value {
    bookend_objects::mesh::facts()
}

/// The filter among network filters that records who the proxy is itself. A [`Dynamic`] module needs it: Envoy tells its
/// node to none.
pub fn node_of_connections() -> Value {
    let part = |name: &str| format!("%TYPED_CEL(xds.node.metadata.{name})%");
    json!({
        "name": "bookend.node",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.set_filter_state.v3.Config",
            "on_new_connection": [state("bookend.node", &json!({ "json_format": {
                "NAMESPACE": part("NAMESPACE"),
                "SERVICE_ACCOUNT": part("SERVICE_ACCOUNT"),
                "LABELS": part("LABELS"),
            } }))],
        },
    })
}

/// The filter behind the one that verifies tokens that records what it verified. A [`Dynamic`] module needs it: Envoy hands
/// out no metadata that has parts.
pub fn tokens_of_requests() -> Value {
    let payloads = "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%";
    json!({
        "name": "bookend.tokens",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
            "on_request_headers": [state("bookend.tokens", &json!({
                "text_format_source": { "inline_string": payloads },
                "omit_empty_values": true,
            }))],
        },
    })
}

/// A transport socket that demands certificates of the authority, and offers these application protocols.
pub fn server_tls(identity: &Identity, authority: &str, protocols: &[&str]) -> Value {
    let inline = |text: &str| json!({ "inline_string": text });
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": true,
            "common_tls_context": {
                "alpn_protocols": protocols,
                "tls_certificates": [{
                    "certificate_chain": inline(&identity.certificate),
                    "private_key": inline(&identity.key),
                }],
                "validation_context": { "trusted_ca": inline(authority) },
            },
        },
    })
}

/// An HTTP connection manager with these filters and the router behind them. `options` are fields of its configuration,
/// a route among them.
pub fn manager(filters: &[Value], options: &Value) -> Value {
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
    });
    let filters: Vec<&Value> = filters.iter().chain([&router]).collect();
    let mut config = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "inbound",
        "http_filters": filters,
    });
    if let (Some(config), Some(options)) = (config.as_object_mut(), options.as_object()) {
        config.extend(options.clone());
    }
    json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": config })
}

/// Everything to one cluster, as a route configuration.
pub fn route(cluster: &str) -> Value {
    json!({ "virtual_hosts": [{
        "name": "all",
        "domains": ["*"],
        "routes": [{ "match": { "prefix": "" }, "route": { "cluster": cluster, "timeout": "0s" } }],
    }] })
}

/// What ends a chain of network filters: bytes go to a cluster as they come.
///
/// With `max_early_data_bytes` it does not stop the reading before it is connected. Without that, a filter before it
/// that holds a connection until its handshake is done would hold the handshake as well.
pub fn tcp_proxy(cluster: &str) -> Value {
    let mut config = judged_before_connecting();
    config.extend([
        ("@type".to_owned(), json!(TCP_PROXY)),
        ("stat_prefix".to_owned(), json!(cluster)),
        ("cluster".to_owned(), json!(cluster)),
    ]);
    json!({ "name": "envoy.filters.network.tcp_proxy", "typed_config": config })
}

/// A cluster with one endpoint.
pub fn cluster(name: &str, endpoint: SocketAddr) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [
            { "endpoint": { "address": address(endpoint) } },
        ] }] },
    })
}

/// An address in Envoy's form.
pub fn address(at: SocketAddr) -> Value {
    super::address(at.ip(), at.port())
}

/// The bootstrap of a workload's proxy: who it is, and these listeners and clusters. `labels` is an object of texts.
pub fn bootstrap(
    admin: SocketAddr,
    (namespace, service_account, labels): (&str, &str, &Value),
    listeners: &[Value],
    clusters: &[Value],
) -> Value {
    json!({
        "node": {
            "id": format!("{service_account}.{namespace}"),
            "cluster": service_account,
            "metadata": { "NAMESPACE": namespace, "SERVICE_ACCOUNT": service_account, "LABELS": labels },
        },
        "admin": { "address": address(admin) },
        "layered_runtime": { "layers": [{ "name": "static", "static_layer": {
            // Silences the warning that no limit is set; nothing here comes near it.
            "overload": { "global_downstream_max_connections": 100_000 },
        } }] },
        "static_resources": { "listeners": listeners, "clusters": clusters },
    })
}
