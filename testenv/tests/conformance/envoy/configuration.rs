//! The configuration of an Envoy that answers for itself, behind the filter.

use std::net::SocketAddr;
use std::path::Path;

use bookend_engine::Workload;
use bookend_testenv::envoy::{Verifier, facts};
use bookend_testing::World;
use serde_json::{Value, json};

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// The response header that names the rule.
pub(super) const RULE_HEADER: &str = "x-bookend-rule";

/// The response header that tells what is only audited.
pub(super) const AUDIT_HEADER: &str = "x-bookend-audit";

/// The bootstrap of the proxy of `workload`, which listens at `endpoints`.
pub(super) fn bootstrap(
    workload: &Workload,
    endpoints: &[SocketAddr],
    admin: SocketAddr,
    directory: &Path,
    verifier: &Verifier,
) -> Value {
    let identity = &workload.identity;
    let (first, rest) = endpoints.split_first().map_or((admin, &[][..]), |(first, rest)| (*first, rest));
    json!({
        "node": {
            "id": workload.name,
            "cluster": workload.name,
            "metadata": {
                "NAMESPACE": identity.namespace,
                "SERVICE_ACCOUNT": identity.service_account,
                "LABELS": identity.labels,
            },
        },
        "admin": { "address": address(admin) },
        "layered_runtime": { "layers": [{ "name": "static", "static_layer": {
            "overload": { "global_downstream_max_connections": 100_000 },
        } }] },
        "static_resources": { "listeners": [{
            "name": "inbound",
            "address": address(first),
            "additional_addresses": rest.iter().map(|e| json!({ "address": address(*e) })).collect::<Vec<_>>(),
            "listener_filters": [{
                "name": "envoy.filters.listener.tls_inspector",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
                },
            }],
            "filter_chains": [
                {
                    "filter_chain_match": { "transport_protocol": "tls" },
                    "transport_socket": tls(directory),
                    "filters": [manager(directory, verifier)],
                },
                {
                    "filter_chain_match": { "transport_protocol": "raw_buffer" },
                    "filters": [manager(directory, verifier)],
                },
            ],
        }] },
    })
}

fn address(at: SocketAddr) -> Value {
    json!({ "socket_address": { "address": at.ip().to_string(), "port_value": at.port() } })
}

fn tls(directory: &Path) -> Value {
    let file = |name: &str| json!({ "filename": directory.join(name) });
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": true,
            "common_tls_context": {
                "tls_certificates": [{
                    "certificate_chain": file("certificate.pem"),
                    "private_key": file("key.pem"),
                }],
                "validation_context": { "trusted_ca": file("authority.pem") },
            },
        },
    })
}

/// Requests reach the filter as they are sent, and whatever it lets pass is answered with the rule it names.
fn manager(directory: &Path, verifier: &Verifier) -> Value {
    json!({
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "inbound",
            // Close at once; otherwise Envoy waits a second for the client to do so first.
            "delayed_close_timeout": "0s",
            "normalize_path": false,
            "merge_slashes": false,
            "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
            "use_remote_address": false,
            "upgrade_configs": [{ "upgrade_type": "CONNECT" }],
            "http_protocol_options": { "allow_absolute_url": false, "allow_custom_methods": true },
            "http_filters": [
                facts(),
                verifier.filter(),
                {
                    "name": "bookend",
                    "config_discovery": {
                        "config_source": {
                            "resource_api_version": "V3",
                            "initial_fetch_timeout": "0s",
                            "path_config_source": {
                                "path": directory.join("filter/filter.json"),
                                "watched_directory": { "path": directory.join("filter") },
                            },
                        },
                        "type_urls": [WASM],
                    },
                },
                {
                    "name": "envoy.filters.http.router",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                    },
                },
            ],
            // What the filter attached, told with what it refuses and with what it lets pass.
            "local_reply_config": { "mappers": [{
                "filter": { "status_code_filter": { "comparison": {
                    "op": "EQ", "value": { "default_value": 403, "runtime_key": "bookend.refused" },
                } } },
                "headers_to_add": attached(),
            }] },
            "route_config": {
                "response_headers_to_add": attached(),
                "virtual_hosts": [{
                    "name": "all",
                    "domains": ["*"],
                    "routes": [
                        { "match": { "connect_matcher": {} }, "direct_response": { "status": 200 } },
                        { "match": { "prefix": "" }, "direct_response": { "status": 200 } },
                    ],
                }],
            },
        },
    })
}

/// Headers that tell the rule and the audit; `-` where there is none.
fn attached() -> Value {
    let header = |key: &str, value: &str| json!({ "header": { "key": key, "value": value } });
    json!([
        header(RULE_HEADER, "%FILTER_STATE(wasm.bookend.rule:PLAIN)%"),
        header(AUDIT_HEADER, "%FILTER_STATE(wasm.bookend.audit:PLAIN)%"),
    ])
}

/// Writes the filter's configuration where Envoy watches for it, in one step.
pub(super) fn write_filter(
    directory: &Path,
    version: u64,
    module: &Path,
    world: &World,
) -> anyhow::Result<()> {
    let resource = json!({
        "version_info": version.to_string(),
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": "bookend",
            "typed_config": {
                "@type": WASM,
                "config": {
                    "name": "bookend",
                    "root_id": "bookend",
                    "failure_policy": "FAIL_CLOSED",
                    "vm_config": {
                        "vm_id": "bookend",
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": { "local": { "filename": module } },
                    },
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": String::from_utf8(world.configuration.to_json()?)?,
                    },
                },
            },
        }],
    });
    let watched = directory.join("filter");
    std::fs::create_dir_all(&watched)?;
    let next = watched.join("next");
    std::fs::write(&next, resource.to_string())?;
    std::fs::rename(&next, watched.join("filter.json"))?;
    Ok(())
}
