//! Where Envoy may send to: the other services (mTLS), its own application, and whatever was dialled.

use std::path::Path;

use serde_json::{Value, json};

use super::address;
use super::filter::Places;
use crate::world::redirect::{PASSTHROUGH_V4, PASSTHROUGH_V6};
use crate::world::topology::{APP_PORT, Proxy, SERVICES, Service, Workload};

/// The cluster for connections to addresses the mesh does not know.
pub(super) const PASSTHROUGH: &str = "PassthroughCluster";
/// The cluster for inbound connections to ports that are no service's.
pub(super) const INBOUND_PASSTHROUGH: &str = "InboundPassthroughCluster";

/// The cluster towards the own application.
pub(super) fn inbound_name() -> String {
    format!("inbound|{APP_PORT}||")
}

/// The cluster towards a service, named as Istio names it.
pub(super) fn outbound_name(service: &Service) -> String {
    format!("outbound|{APP_PORT}||{}.default.svc.cluster.local", service.name)
}

/// All clusters of `workload`'s proxy.
pub(super) fn clusters(workload: &Workload, places: Places<'_>) -> Vec<Value> {
    let mut clusters: Vec<Value> = SERVICES.iter().map(|service| outbound(service, places)).collect();
    if workload.proxy == Proxy::Sidecar {
        let mut passthrough = original_destination(PASSTHROUGH);
        filter(&mut passthrough, places);
        clusters.push(passthrough);
        for name in [inbound_name(), INBOUND_PASSTHROUGH.to_owned()] {
            let mut cluster = original_destination(&name);
            if let Some(fields) = cluster.as_object_mut() {
                fields.insert("upstream_bind_config".to_owned(), as_the_proxy());
            }
            clusters.push(cluster);
        }
    }
    clusters
}

fn original_destination(name: &str) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": name,
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "2s",
    })
}

/// The source by which the redirection rules know the proxy's connections to its own application.
fn as_the_proxy() -> Value {
    json!({
        "source_address": { "address": PASSTHROUGH_V4.to_string(), "port_value": 0 },
        "extra_source_addresses": [
            { "address": { "address": PASSTHROUGH_V6.to_string(), "port_value": 0 } },
        ],
    })
}

/// Puts the filter before the endpoints of a cluster, where it is known which one is chosen.
fn filter(cluster: &mut Value, places: Places<'_>) {
    let mut filters = places.of_outbound_requests();
    if filters.is_empty() {
        return;
    }
    filters.push(json!({
        "name": "envoy.filters.http.upstream_codec",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
        },
    }));
    let options = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http_protocol_options": {} },
        "http_filters": filters,
    } });
    if let Some(fields) = cluster.as_object_mut() {
        fields.insert("typed_extension_protocol_options".to_owned(), options);
    }
}

fn outbound(service: &Service, places: Places<'_>) -> Value {
    let name = outbound_name(service);
    let endpoints: Vec<Value> = service
        .workloads()
        .map(|workload| json!({ "endpoint": { "address": address(workload.ipv4(), APP_PORT) } }))
        .collect();
    let mut identities: Vec<String> = service.workloads().map(Workload::spiffe_id).collect();
    identities.dedup();
    let names: Vec<Value> = identities
        .iter()
        .map(|identity| json!({ "san_type": "URI", "matcher": { "exact": identity } }))
        .collect();
    let mut cluster = json!({
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC",
        "lb_policy": "ROUND_ROBIN",
        // Istio's default is 10 s. Blocked attempts are part of the show, so be quick about them.
        "connect_timeout": "1s",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": endpoints }] },
        "transport_socket": {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": format!("outbound_.{APP_PORT}_._.{}.default.svc.cluster.local", service.name),
                "common_tls_context": tls(places.directory, &["istio-peer-exchange", "istio"], &names),
            },
        },
    });
    filter(&mut cluster, places);
    cluster
}

/// The TLS half that both directions share: our certificate, the mesh's authority, TLS 1.2 or later.
pub(super) fn tls(directory: &Path, protocols: &[&str], names: &[Value]) -> Value {
    let mut validation = json!({ "trusted_ca": { "filename": directory.join("authority.pem") } });
    if let Some(fields) = validation.as_object_mut().filter(|_| !names.is_empty()) {
        fields.insert("match_typed_subject_alt_names".to_owned(), json!(names));
    }
    json!({
        "tls_params": { "tls_minimum_protocol_version": "TLSv1_2" },
        "alpn_protocols": protocols,
        "tls_certificates": [{
            "certificate_chain": { "filename": directory.join("certificate.pem") },
            "private_key": { "filename": directory.join("key.pem") },
        }],
        "validation_context": validation,
    })
}
