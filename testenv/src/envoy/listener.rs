//! What Envoy listens on, after Istio's virtual inbound, virtual outbound and gateway listeners.

use std::path::Path;

use serde_json::{Value, json};

use super::cluster::{INBOUND_PASSTHROUGH, PASSTHROUGH, inbound_name, outbound_name, tls};
use super::filter::Places;
use super::plugin::{facts_of_connections, tcp_proxy};
use super::{access, address};
use crate::world::redirect::{INBOUND_PORT, OUTBOUND_PORT};
use crate::world::topology::{APP_PORT, GATEWAY_PORT, Proxy, SERVICES, Service, Workload, service};

/// The listeners of `workload`'s proxy.
pub(super) fn listeners(workload: &Workload, places: Places<'_>) -> Vec<Value> {
    match workload.proxy {
        Proxy::Sidecar => {
            vec![virtual_inbound(places), virtual_outbound(places), outbound_http()]
        }
        Proxy::Gateway => vec![gateway(places)],
        Proxy::None => Vec::new(),
    }
}

/// Everything that comes in, by its original destination port; mTLS only, as `PeerAuthentication` STRICT says.
fn virtual_inbound(places: Places<'_>) -> Value {
    let directory = places.directory;
    let name = inbound_name();
    let http = http_manager(json!({
        "stat_prefix": format!("inbound_{APP_PORT}"),
        "route_config": {
            "name": name,
            "validate_clusters": false,
            "virtual_hosts": [{
                "name": "inbound|http|9080",
                "domains": ["*"],
                "routes": [{ "name": "default", "match": { "prefix": "/" }, "route": { "cluster": name, "timeout": "0s" } }],
            }],
        },
        "use_remote_address": false,
        "forward_client_cert_details": "APPEND_FORWARD",
        "set_current_client_cert_details": { "subject": true, "dns": true, "uri": true },
        "access_log": access::configuration(directory),
        "http_filters": with_router(places.of_requests()),
    }));
    json!({
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": "virtualInbound",
        "traffic_direction": "INBOUND",
        "address": address("0.0.0.0", INBOUND_PORT),
        "additional_addresses": [{ "address": address("::", INBOUND_PORT) }],
        "listener_filters": [
            original_destination(),
            {
                "name": "envoy.filters.listener.tls_inspector",
                "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector" },
            },
        ],
        "listener_filters_timeout": "2s",
        "continue_on_listener_filters_timeout": true,
        "filter_chains": [
            {
                // A loop otherwise: somebody dialled the redirection port itself.
                "name": "virtualInbound-blackhole",
                "filter_chain_match": { "destination_port": INBOUND_PORT },
                "filters": [tcp_proxy("BlackHoleCluster")],
            },
            {
                "name": "0.0.0.0_9080",
                "filter_chain_match": { "destination_port": APP_PORT, "transport_protocol": "tls" },
                "transport_socket": server_tls(directory),
                "filters": [facts_of_connections(), http],
            },
            {
                "name": "virtualInbound",
                "filter_chain_match": { "transport_protocol": "tls" },
                "transport_socket": server_tls(directory),
                "filters": after_facts(places.of_streams(), tcp_proxy(INBOUND_PASSTHROUGH)),
            },
        ],
    })
}

/// Everything that goes out: handed to the listener of its port, else passed through as it is.
fn virtual_outbound(places: Places<'_>) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": "virtualOutbound",
        "traffic_direction": "OUTBOUND",
        "address": address("0.0.0.0", OUTBOUND_PORT),
        "additional_addresses": [{ "address": address("::", OUTBOUND_PORT) }],
        "use_original_dst": true,
        "filter_chains": [
            {
                "name": "virtualOutbound-blackhole",
                "filter_chain_match": { "destination_port": OUTBOUND_PORT },
                "filters": [tcp_proxy("BlackHoleCluster")],
            },
            {
                "name": "virtualOutbound-catchall-tcp",
                "filters": after_facts(places.of_outbound_streams(), tcp_proxy(PASSTHROUGH)),
            },
        ],
    })
}

/// HTTP to the services: the HTTP host chooses, whatever address was dialled.
fn outbound_http() -> Value {
    let mut hosts: Vec<Value> =
        SERVICES.iter().map(|service| virtual_host(service, &domains(service), &["/"])).collect();
    hosts.push(json!({
        "name": "allow_any",
        "domains": ["*"],
        "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": PASSTHROUGH, "timeout": "0s" } }],
    }));
    json!({
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": "0.0.0.0_9080",
        "traffic_direction": "OUTBOUND",
        "bind_to_port": false,
        "address": address("0.0.0.0", APP_PORT),
        "additional_addresses": [{ "address": address("::", APP_PORT) }],
        "filter_chains": [{
            "filters": [facts_of_connections(), http_manager(json!({
                "stat_prefix": "outbound_0.0.0.0_9080",
                "route_config": {
                    "name": "9080",
                    "validate_clusters": false,
                    "ignore_port_in_host_matching": true,
                    "virtual_hosts": hosts,
                },
                "use_remote_address": false,
                "http_filters": with_router(Vec::new()),
            }))],
        }],
    })
}

/// The front door: plain HTTP from anywhere, the routes of Bookinfo's `Gateway` and `VirtualService`.
fn gateway(places: Places<'_>) -> Value {
    let directory = places.directory;
    let paths = ["/productpage", "/static", "/login", "/logout", "/api/v1/products"];
    let hosts: Vec<Value> = service("productpage")
        .map(|service| virtual_host(service, &["*".to_owned()], &paths))
        .into_iter()
        .collect();
    json!({
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": "0.0.0.0_8080",
        "traffic_direction": "OUTBOUND",
        "address": address("0.0.0.0", GATEWAY_PORT),
        "additional_addresses": [{ "address": address("::", GATEWAY_PORT) }],
        "filter_chains": [{
            "filters": [facts_of_connections(), http_manager(json!({
                "stat_prefix": "outbound_0.0.0.0_8080",
                "route_config": { "name": "http.8080", "validate_clusters": false, "virtual_hosts": hosts },
                "use_remote_address": true,
                "forward_client_cert_details": "SANITIZE_SET",
                "set_current_client_cert_details": { "subject": true, "dns": true, "uri": true },
                "access_log": access::configuration(directory),
                "http_filters": with_router(places.of_requests()),
            }))],
        }],
    })
}

fn domains(service: &Service) -> [String; 5] {
    let name = service.name;
    [
        name.to_owned(),
        format!("{name}.default"),
        format!("{name}.default.svc"),
        format!("{name}.default.svc.cluster.local"),
        service.address().ip().to_string(),
    ]
}

fn virtual_host(service: &Service, domains: &[String], prefixes: &[&str]) -> Value {
    let routes: Vec<Value> = prefixes
        .iter()
        .map(|prefix| {
            json!({
                "match": { "prefix": prefix },
                "route": { "cluster": outbound_name(service), "timeout": "0s" },
            })
        })
        .collect();
    json!({ "name": format!("{}.default.svc.cluster.local:{APP_PORT}", service.name), "domains": domains, "routes": routes })
}

/// An HTTP connection manager with Istio's settings for every direction.
fn http_manager(specific: Value) -> Value {
    let mut config = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "server_name": "istio-envoy",
        "normalize_path": true,
        "merge_slashes": false,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "upgrade_configs": [{ "upgrade_type": "websocket" }],
        "stream_idle_timeout": "0s",
        "http_protocol_options": { "accept_http_10": true },
    });
    if let (Some(config), Value::Object(specific)) = (config.as_object_mut(), specific) {
        config.extend(specific);
    }
    json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": config })
}

/// These network filters behind the one that records who the peer is, and the last one behind them.
fn after_facts(filters: Vec<Value>, last: Value) -> Vec<Value> {
    [facts_of_connections()].into_iter().chain(filters).chain([last]).collect()
}

fn with_router(mut filters: Vec<Value>) -> Vec<Value> {
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
    }));
    filters
}

fn original_destination() -> Value {
    json!({
        "name": "envoy.filters.listener.original_dst",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst" },
    })
}

fn server_tls(directory: &Path) -> Value {
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": true,
            "common_tls_context": tls(directory, &["istio-peer-exchange", "h2", "http/1.1"], &[]),
        },
    })
}
