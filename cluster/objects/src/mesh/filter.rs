//! EnvoyFilter: what says who the peer is, the filter of streams, and that of requests where there is no other way.

use serde_json::{Map, Value, json};

use super::document::{Document, configured, plain};
use super::facts::{TCP_PROXY, facts, facts_of_requests, judged_before_connecting};
use super::{Gateway, Means, Mesh};

/// The contexts in which connections come in.
const CONTEXTS: [&str; 2] = ["SIDECAR_INBOUND", "GATEWAY"];

/// Proxies of Istio 1.29 and newer, which are Envoy 1.37 and newer: older ones have no way to hold a stream until its handshake is over,
/// and would refuse the whole listener.
const NEW: &str = r"^(1\.(29|[3-9][0-9])|[2-9]|[1-9][0-9])([^0-9]|$)";
/// Proxies of Istio 1.25 to 1.28: they can say who the peer is with each request.
const OLD: &str = r"^1\.2[5-8]([^0-9]|$)";

/// Where in Envoy a filter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Requests,
    Streams,
}

impl Layer {
    fn name(self) -> &'static str {
        match self {
            Self::Requests => "bookend-requests",
            Self::Streams => "bookend-streams",
        }
    }

    fn wasm(self) -> &'static str {
        match self {
            Self::Requests => "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            Self::Streams => "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm",
        }
    }

    fn rbac(self) -> &'static str {
        match self {
            Self::Requests => "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            Self::Streams => "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",
        }
    }

    /// The filter before which it stands: nothing that comes after lets anybody in.
    fn before(self) -> Value {
        match self {
            Self::Requests => json!({
                "name": "envoy.filters.network.http_connection_manager",
                "subFilter": { "name": "envoy.filters.http.router" },
            }),
            Self::Streams => json!({ "name": "envoy.filters.network.tcp_proxy" }),
        }
    }

    fn applied_to(self) -> &'static str {
        match self {
            Self::Requests => "HTTP_FILTER",
            Self::Streams => "NETWORK_FILTER",
        }
    }
}

/// A filter of Envoy's own that refuses everything: `http` is one of requests, and otherwise one of streams.
pub fn refusal(http: bool) -> Value {
    let rules = json!({ "action": "ALLOW", "policies": {} });
    match http {
        true => json!({ "@type": Layer::Requests.rbac(), "rules": rules }),
        false => json!({ "@type": Layer::Streams.rbac(), "rules": rules, "stat_prefix": "bookend." }),
    }
}

/// For the whole namespace; in the root namespace, where that would be the whole mesh, for each gateway.
pub(super) fn objects<'m>(mesh: &Mesh<'m>, document: &Document) -> Vec<(Option<&'m Gateway>, Value)> {
    let everybody = (!mesh.root).then_some(None);
    let gateways = mesh.gateways.iter().filter(|_| mesh.root).map(Some);
    let whom: Vec<Option<&'m Gateway>> = everybody.into_iter().chain(gateways).collect();
    let mut objects = Vec::new();
    for gateway in whom {
        let name = |name: &str| {
            gateway.map_or_else(|| name.to_owned(), |gateway| format!("{}-{name}", gateway.object()))
        };
        objects.push((gateway, object(plain(mesh, &name("bookend-connections")), gateway, connections())));
        let layers: &[Layer] = match mesh.means {
            Means::EnvoyFilter => &[Layer::Streams, Layer::Requests],
            Means::WasmPlugin | Means::TrafficExtension => &[Layer::Streams],
        };
        for layer in layers {
            let name = name(layer.name());
            let patches = inserted(*layer, mesh, &name, document);
            objects.push((gateway, object(configured(mesh, &name), gateway, patches)));
        }
    }
    objects
}

fn object(metadata: Value, gateway: Option<&Gateway>, patches: Vec<Value>) -> Value {
    let mut spec = Map::from_iter([("configPatches".to_owned(), Value::Array(patches))]);
    spec.extend(
        gateway.map(|gateway| ("workloadSelector".to_owned(), json!({ "labels": gateway.labels() }))),
    );
    json!({ "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": metadata, "spec": spec })
}

/// What is the same for every policy.
fn connections() -> Vec<Value> {
    let mut early = judged_before_connecting();
    early.insert("@type".to_owned(), json!(TCP_PROXY));
    let mut patches = Vec::new();
    for context in CONTEXTS {
        let before = |proxies: &str, filter: Option<Value>| {
            let mut conditions = json!({ "context": context, "proxy": { "proxyVersion": proxies } });
            if let (Some(fields), Some(filter)) = (conditions.as_object_mut(), filter) {
                fields.insert("listener".to_owned(), json!({ "filterChain": { "filter": filter } }));
            }
            conditions
        };
        // First in every chain: whatever comes behind may ask for it.
        patches.push(json!({
            "applyTo": "NETWORK_FILTER",
            "match": before(NEW, None),
            "patch": { "operation": "INSERT_FIRST", "value": facts() },
        }));
        patches.push(json!({
            "applyTo": "HTTP_FILTER",
            "match": before(OLD, Some(json!({ "name": "envoy.filters.network.http_connection_manager" }))),
            "patch": { "operation": "INSERT_FIRST", "value": facts_of_requests() },
        }));
        let name = "envoy.filters.network.tcp_proxy";
        patches.push(json!({
            "applyTo": "NETWORK_FILTER",
            "match": before(NEW, Some(json!({ "name": name }))),
            "patch": { "operation": "MERGE", "value": { "name": name, "typed_config": early } },
        }));
    }
    patches
}

/// The filter, discovered by its own name, so that a change of policy drains no connection.
fn inserted(layer: Layer, mesh: &Mesh<'_>, name: &str, document: &Document) -> Vec<Value> {
    // Names of discovered filters are one space for a proxy, and so are those that it was given from elsewhere.
    let name = format!("bookend.dev/{}/{name}", mesh.namespace);
    let mut patches = vec![json!({
        "applyTo": "EXTENSION_CONFIG",
        "patch": { "operation": "ADD", "value": { "name": name, "typed_config": typed(layer, mesh, document) } },
    })];
    let value = json!({
        "name": name,
        "config_discovery": {
            "config_source": { "ads": {}, "initial_fetch_timeout": "60s", "resource_api_version": "V3" },
            // Should the filter never arrive, deny everything instead of letting it pass.
            "default_config": refusal(layer == Layer::Requests),
            "apply_default_config_without_warming": false,
            "type_urls": [layer.wasm(), layer.rbac()],
        },
    });
    for context in CONTEXTS {
        let mut conditions =
            json!({ "context": context, "listener": { "filterChain": { "filter": layer.before() } } });
        if let (Layer::Streams, Some(fields)) = (layer, conditions.as_object_mut()) {
            fields.insert("proxy".to_owned(), json!({ "proxyVersion": NEW }));
        }
        patches.push(json!({
            "applyTo": layer.applied_to(),
            "match": conditions,
            "patch": { "operation": "INSERT_BEFORE", "value": value },
        }));
    }
    patches
}

fn typed(layer: Layer, mesh: &Mesh<'_>, document: &Document) -> Value {
    json!({
        "@type": layer.wasm(),
        "config": {
            "name": layer.name(),
            "root_id": "bookend",
            "failure_policy": "FAIL_CLOSED",
            "vm_config": {
                "runtime": "envoy.wasm.runtime.v8",
                // Istio's agent fetches it, and puts a file in its place before Envoy sees this.
                "code": { "remote": {
                    "http_uri": { "uri": mesh.pull.url(), "timeout": "30s", "cluster": "_" },
                    "sha256": mesh.pull.sha256(),
                } },
                "environment_variables": { "key_values": { "ISTIO_META_WASM_IMAGE_PULL_POLICY": "IfNotPresent" } },
            },
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": document.text,
            },
        },
    })
}
