//! The configuration of an Envoy that answers for itself, behind the filter.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bookend_engine::{End, Workload};
use bookend_testenv::certificate::Identity;
use bookend_testenv::envoy::Verifier;
use bookend_testenv::envoy::plugin::{self, Layer};
use serde_json::{Value, json};

use super::{Build, departure};

/// What Envoy says to a stream that the filter lets pass.
pub(super) const GREETING: &[u8] = b"passed";

/// The header of an answer that says why it was given, unless it is one to a call of gRPC.
pub(super) const DETAILS_HEADER: &str = "x-details";

/// Clients of streams come from these ports, and no others: one listener takes both, and tells them apart by that.
const STREAM_PORTS: std::ops::Range<u16> = 20_000..20_200;

/// What the bootstrap of a workload's proxy is made of.
pub(super) struct Parts<'p> {
    pub(super) build: Build,
    pub(super) workload: &'p Workload,
    /// The end at which the filter stands.
    pub(super) end: End,
    /// Where it listens. What leaves its workload is taken where it wants to go.
    pub(super) endpoints: Vec<SocketAddr>,
    pub(super) admin: SocketAddr,
    pub(super) identity: Identity,
    /// The certificate of the authority.
    pub(super) authority: &'p str,
    pub(super) verifier: &'p Verifier,
    /// Where its filters and its log are.
    pub(super) directory: PathBuf,
}

/// The port that the client of a stream comes from, always another one.
pub(super) fn stream_port(number: u16) -> u16 {
    STREAM_PORTS.start + number % (STREAM_PORTS.end - STREAM_PORTS.start)
}

/// Where Envoy logs to.
pub(super) fn log(directory: &Path) -> PathBuf {
    directory.join("access.jsonl")
}

/// The directory of the filter of this layer.
pub(super) fn filter(directory: &Path, layer: Layer) -> PathBuf {
    directory.join(match layer {
        Layer::Http => "http",
        Layer::Network => "network",
    })
}

/// The bootstrap.
pub(super) fn bootstrap(parts: &Parts<'_>) -> Value {
    let identity = &parts.workload.identity;
    let own = (identity.namespace.as_str(), identity.service_account.as_str(), &json!(identity.labels));
    let (first, rest) =
        parts.endpoints.split_first().map_or((parts.admin, &[][..]), |(first, rest)| (*first, rest));
    let listener = json!({
        "name": "inbound",
        "address": plugin::address(first),
        "additional_addresses":
            rest.iter().map(|at| json!({ "address": plugin::address(*at) })).collect::<Vec<_>>(),
        "listener_filters": [{
            "name": "envoy.filters.listener.tls_inspector",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
            },
        }],
        "access_log": access(parts, "stream"),
        "filter_chains": [
            chain(parts, true, &stream(parts)),
            chain(parts, false, &stream(parts)),
            chain(parts, true, &requests(parts)),
            chain(parts, false, &requests(parts)),
            departure::arrival(),
        ],
    });
    let clusters = match parts.end {
        End::Destination => Vec::new(),
        End::Source => vec![departure::cluster(parts)],
    };
    plugin::bootstrap(parts.admin, own, &[listener], &clusters)
}

/// Network filters behind the one that knows the peer.
struct Chain {
    ports: Option<Vec<u16>>,
    filters: Vec<Value>,
}

fn chain(parts: &Parts<'_>, tls: bool, chain: &Chain) -> Value {
    let mut matched = json!({ "transport_protocol": if tls { "tls" } else { "raw_buffer" } });
    if let (Some(matched), Some(ports)) = (matched.as_object_mut(), &chain.ports) {
        matched.insert("source_ports".to_owned(), json!(ports));
    }
    let filters: Vec<Value> =
        [plugin::node_of_connections(), plugin::facts_of_connections(), departure::goal()]
            .into_iter()
            .chain(chain.filters.clone())
            .collect();
    let mut value = json!({ "filter_chain_match": matched, "filters": filters });
    if let (Some(value), true) = (value.as_object_mut(), tls) {
        let socket = plugin::server_tls(&parts.identity, parts.authority, &[]);
        value.insert("transport_socket".to_owned(), socket);
    }
    value
}

/// Streams reach the filter, and whatever it lets pass is greeted.
fn stream(parts: &Parts<'_>) -> Chain {
    let greeting = json!({
        "name": "envoy.filters.network.direct_response",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config",
            "response": { "inline_string": String::from_utf8_lossy(GREETING) },
        },
    });
    let filter = plugin::discovered(&filter(&parts.directory, Layer::Network), Layer::Network);
    Chain { ports: Some(STREAM_PORTS.collect()), filters: vec![filter, greeting] }
}

/// A route that answers everything.
pub(super) fn here() -> Value {
    json!({ "virtual_hosts": [{
        "name": "all",
        "domains": ["*"],
        "routes": [
            { "match": { "connect_matcher": {} }, "direct_response": { "status": 200 } },
            { "match": { "prefix": "" }, "direct_response": { "status": 200 } },
        ],
    }] })
}

/// Requests reach the filter as they are sent, and whatever it lets pass is answered.
fn requests(parts: &Parts<'_>) -> Chain {
    let mut filters = vec![parts.verifier.filter(), plugin::tokens_of_requests()];
    let routes = match parts.end {
        End::Destination => {
            filters.push(plugin::discovered(&filter(&parts.directory, Layer::Http), Layer::Http));
            here()
        }
        End::Source => departure::there(),
    };
    let manager = plugin::manager(
        &filters,
        &json!({
            // Close at once; otherwise Envoy waits a second for the client to do so first.
            "delayed_close_timeout": "0s",
            "normalize_path": false,
            "merge_slashes": false,
            "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
            "use_remote_address": false,
            "upgrade_configs": [{ "upgrade_type": "CONNECT" }],
            "http_protocol_options": { "allow_absolute_url": false, "allow_custom_methods": true },
            "access_log": access(parts, "request"),
            // Why, told with what Envoy or the filter refuses.
            "local_reply_config": { "mappers": [{
                "filter": { "status_code_filter": { "comparison": {
                    "op": "GE", "value": { "default_value": 300, "runtime_key": "bookend.refused" },
                } } },
                "headers_to_add": [
                    { "header": { "key": DETAILS_HEADER, "value": "%RESPONSE_CODE_DETAILS%" } },
                ],
            }] },
            "route_config": routes,
        }),
    );
    Chain { ports: None, filters: vec![manager] }
}

/// A log with one line for each request, or for each connection, of what the filter attached.
fn access(parts: &Parts<'_>, kind: &str) -> Value {
    json!([{
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": log(&parts.directory),
            "log_format": { "json_format": {
                "kind": kind,
                "peer": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "rule": parts.build.attached("bookend.rule"),
                "audit": parts.build.attached("bookend.audit"),
            } },
        },
    }])
}
