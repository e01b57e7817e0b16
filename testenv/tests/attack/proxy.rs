//! The Envoys: one for each normalization that Istio offers, with doors to every policy.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bookend_lang::{Source, compile};
use bookend_testenv::certificate::Identity;
use bookend_testenv::envoy::plugin::{self, Layer, Wasm};
use serde_json::{Value, json};

use crate::data::Suite;

/// What Envoy does to paths, as `meshConfig.pathNormalization` of Istio says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Normalization {
    None,
    Base,
    MergeSlashes,
    DecodeAndMergeSlashes,
}

impl Normalization {
    pub(crate) const ALL: [Self; 4] =
        [Self::None, Self::Base, Self::MergeSlashes, Self::DecodeAndMergeSlashes];

    /// As Istio calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Base => "BASE",
            Self::MergeSlashes => "MERGE_SLASHES",
            Self::DecodeAndMergeSlashes => "DECODE_AND_MERGE_SLASHES",
        }
    }

    /// Where its Envoy listens.
    pub(crate) fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 50, 0, 1 + self as u8)
    }

    fn admin(self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 15_001 + self as u16))
    }

    /// The fields of the connection manager that Istio sets for it.
    fn options(self) -> Value {
        let escaped =
            if self == Self::DecodeAndMergeSlashes { "UNESCAPE_AND_FORWARD" } else { "KEEP_UNCHANGED" };
        json!({
            "normalize_path": self != Self::None,
            "merge_slashes": matches!(self, Self::MergeSlashes | Self::DecodeAndMergeSlashes),
            "path_with_escaped_slashes_action": escaped,
        })
    }
}

/// What Envoy speaks to the upstream, and how it finds out what the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// What the client speaks, as Istio does where nobody says the port's protocol.
    Same,
    /// HTTP/1.1.
    Plain,
    /// HTTP/2.
    Streams,
    /// What is not HTTP is passed on as it comes; what is, as the client speaks it.
    Sniffing,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Same, Self::Plain, Self::Streams, Self::Sniffing];

    /// What reports call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Same => "as the client",
            Self::Plain => "HTTP/1.1",
            Self::Streams => "HTTP/2",
            Self::Sniffing => "sniffing",
        }
    }

    fn cluster(self) -> &'static str {
        match self {
            Self::Same | Self::Sniffing => "same",
            Self::Plain => "plain",
            Self::Streams => "streams",
        }
    }
}

/// What stands between a client and the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The filter, with the policies.
    Bookend,
    /// The filter, with a policy that allows everything.
    Weak,
    /// Nothing.
    Absent,
}

/// The port at which a policy is attacked.
pub(crate) fn port(policy: usize, way: Way) -> u16 {
    u16::try_from(8000 + 10 * policy).unwrap_or_default() + way as u16
}

/// What an Envoy needs beyond the suite.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    /// The module.
    pub(crate) module: &'a Path,
    /// Envoy's own certificate.
    pub(crate) identity: &'a Identity,
    /// Whose certificates it accepts.
    pub(crate) authority: &'a str,
    /// Where the upstream listens.
    pub(crate) upstream: SocketAddr,
}

/// The bootstrap of the Envoy with this normalization.
pub(crate) fn bootstrap(
    suite: &Suite,
    normalization: Normalization,
    guard: Guard,
    parts: &Parts<'_>,
) -> Result<Value> {
    let mut listeners = Vec::new();
    for (place, policy) in suite.policies.iter().enumerate() {
        let configuration = match guard {
            Guard::Bookend => configuration(&[&suite.inventory, &policy.documents])
                .with_context(|| format!("the policy `{}`", policy.name))?,
            Guard::Weak | Guard::Absent => configuration(&[&suite.inventory, ANYTHING])?,
        };
        let filter = (guard != Guard::Absent).then(|| wasm(parts.module, configuration));
        listeners.extend(Way::ALL.map(|way| listener(place, way, normalization, filter.as_ref(), parts)));
    }
    let clusters = [
        cluster(
            "same",
            json!({ "use_downstream_protocol_config": {
            "http_protocol_options": {}, "http2_protocol_options": { "allow_connect": true },
        } }),
            parts.upstream,
        ),
        cluster("plain", json!({ "explicit_http_config": { "http_protocol_options": {} } }), parts.upstream),
        cluster(
            "streams",
            json!({ "explicit_http_config": { "http2_protocol_options": { "allow_connect": true } } }),
            parts.upstream,
        ),
    ];
    let labels = json!({ "app": "shop" });
    Ok(plugin::bootstrap(normalization.admin(), ("default", "shop", &labels), &listeners, &clusters))
}

/// A policy that allows everything, by a rule.
const ANYTHING: &str = "apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: weak }
spec: { allow: [{ name: anything, to: [{ workloads: { labels: { app: shop } } }] }] }";

fn wasm(module: &Path, configuration: String) -> Wasm {
    Wasm::new(PathBuf::from(module), configuration)
}

fn configuration(documents: &[&str]) -> Result<String> {
    let sources: Vec<_> = documents.iter().map(|text| Source::new("attack", text.as_bytes())).collect();
    let compiled = compile(&sources).map_err(|refused| {
        let lines: Vec<_> = refused.diagnostics.iter().map(|it| it.line(&sources).to_string()).collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    })?;
    Ok(String::from_utf8(compiled.configuration().to_json()?)?)
}

fn listener(
    place: usize,
    way: Way,
    normalization: Normalization,
    filter: Option<&Wasm>,
    parts: &Parts<'_>,
) -> Value {
    let tls = plugin::server_tls(parts.identity, parts.authority, &["h2", "http/1.1"]);
    let secure = json!({
        "filter_chain_match": { "transport_protocol": "tls" },
        "transport_socket": tls,
        "filters": [manager(way, normalization, filter)],
    });
    let mut plain = json!({
        "filter_chain_match": { "transport_protocol": "raw_buffer" },
        "filters": [manager(way, normalization, filter)],
    });
    let mut inspectors = vec![inspector("tls_inspector", "TlsInspector")];
    let mut chains = vec![secure];
    if way == Way::Sniffing {
        inspectors.push(inspector("http_inspector", "HttpInspector"));
        plain["filter_chain_match"]["application_protocols"] = json!(["http/1.0", "http/1.1", "h2c"]);
        let mut filters = vec![plugin::facts_of_connections()];
        filters.extend(filter.map(|filter| filter.filter(Layer::Network)));
        filters.push(plugin::tcp_proxy(way.cluster()));
        chains.push(json!({
            "filter_chain_match": { "transport_protocol": "raw_buffer" },
            "filters": filters,
        }));
    }
    chains.push(plain);
    json!({
        "name": format!("{place}-{}", way.name()),
        "address": plugin::address(SocketAddr::from((normalization.address(), port(place, way)))),
        "listener_filters": inspectors,
        "listener_filters_timeout": "1s",
        "continue_on_listener_filters_timeout": true,
        "filter_chains": chains,
    })
}

fn inspector(name: &str, message: &str) -> Value {
    json!({
        "name": format!("envoy.filters.listener.{name}"),
        "typed_config": { "@type": format!("type.googleapis.com/envoy.extensions.filters.listener.{name}.v3.{message}") },
    })
}

/// As Istio's inbound, and wider: HTTP/1.0, any method, CONNECT and every upgrade come through.
fn manager(way: Way, normalization: Normalization, filter: Option<&Wasm>) -> Value {
    let mut options = json!({
        "delayed_close_timeout": "0.1s",
        "use_remote_address": false,
        "forward_client_cert_details": "APPEND_FORWARD",
        "set_current_client_cert_details": { "subject": true, "dns": true, "uri": true },
        "proxy_100_continue": true,
        "upgrade_configs": [
            { "upgrade_type": "websocket" },
            { "upgrade_type": "CONNECT" },
            { "upgrade_type": "spdy/3.1" },
        ],
        "http_protocol_options": { "accept_http_10": true, "allow_custom_methods": true, "enable_trailers": true },
        "http2_protocol_options": { "allow_connect": true },
        "route_config": { "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": [
                { "match": { "connect_matcher": {} }, "route": { "cluster": way.cluster(), "timeout": "5s" } },
                { "match": { "prefix": "" }, "route": { "cluster": way.cluster(), "timeout": "5s" } },
            ],
        }] },
    });
    if let (Some(options), Value::Object(paths)) = (options.as_object_mut(), normalization.options()) {
        options.extend(paths);
    }
    let mut filters = vec![plugin::facts_of_requests()];
    filters.extend(filter.map(|filter| filter.filter(Layer::Http)));
    plugin::manager(&filters, &options)
}

/// Every client's connection has one of its own to the upstream, which begins with who the client is, and carries one
/// request.
fn cluster(name: &str, protocol: Value, upstream: SocketAddr) -> Value {
    let mut options = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": { "idle_timeout": "1s", "max_requests_per_connection": 1 },
    });
    if let (Some(options), Value::Object(protocol)) = (options.as_object_mut(), protocol) {
        options.extend(protocol);
    }
    let mut cluster = plugin::cluster(name, upstream);
    cluster["connection_pool_per_downstream_connection"] = json!(true);
    cluster["typed_extension_protocol_options"] =
        json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options });
    cluster["transport_socket"] = json!({
        "name": "envoy.transport_sockets.upstream_proxy_protocol",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
            "config": { "version": "V1" },
            "transport_socket": {
                "name": "envoy.transport_sockets.raw_buffer",
                "typed_config": { "@type": "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer" },
            },
        },
    });
    cluster
}
