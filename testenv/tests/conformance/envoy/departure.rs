//! What leaves a workload: it goes where it wants to go, past the filter, and is answered there by the same Envoy.

use bookend_testenv::envoy::plugin::{self, Layer};
use serde_json::{Value, json};

use super::configuration::{Parts, filter, here};

/// What leaves a workload leaves it from these addresses, so that the answers are not asked again.
const FROM: [&str; 2] = ["127.0.0.6", "::6"];

/// The cluster of what leaves.
pub(super) fn cluster(parts: &Parts<'_>) -> Value {
    let [v4, v6] = FROM.map(|address| json!({ "address": address, "port_value": 0 }));
    json!({
        "name": "anywhere",
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "2s",
        "upstream_bind_config": { "source_address": v4, "extra_source_addresses": [{ "address": v6 }] },
        "typed_extension_protocol_options": { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http_protocol_options": { "allow_custom_methods": true } },
            "http_filters": [
                plugin::discovered(&filter(&parts.directory, Layer::Http), Layer::Http),
                {
                    "name": "envoy.filters.http.upstream_codec",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
                    },
                },
            ],
        } },
    })
}

/// The network filter that tells the cluster where a connection wants to go.
pub(super) fn goal() -> Value {
    json!({
        "name": "goal",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.set_filter_state.v3.Config",
            "on_new_connection": [{
                "object_key": "envoy.network.transport_socket.original_dst_address",
                "format_string": { "text_format_source": { "inline_string": "%DOWNSTREAM_LOCAL_ADDRESS%" } },
            }],
        },
    })
}

/// A route that sends everything to the cluster.
pub(super) fn there() -> Value {
    let tunnel = json!({ "cluster": "anywhere", "upgrade_configs": [{ "upgrade_type": "CONNECT" }] });
    json!({ "virtual_hosts": [{
        "name": "all",
        "domains": ["*"],
        "routes": [
            { "match": { "connect_matcher": {} }, "route": tunnel },
            { "match": { "prefix": "" }, "route": { "cluster": "anywhere" } },
        ],
    }] })
}

/// The filter chain of what arrives past the filter: it is answered.
pub(super) fn arrival() -> Value {
    let [v4, v6] = FROM;
    let range = |address: &str, length| json!({ "address_prefix": address, "prefix_len": length });
    let options = json!({
        "stat_prefix": "answers",
        "normalize_path": false,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "upgrade_configs": [{ "upgrade_type": "CONNECT" }],
        "http_protocol_options": { "allow_absolute_url": false, "allow_custom_methods": true },
        "route_config": here(),
    });
    json!({
        "filter_chain_match": {
            "transport_protocol": "raw_buffer",
            "source_prefix_ranges": [range(v4, 32), range(v6, 128)],
        },
        "filters": [plugin::manager(&[], &options)],
    })
}
