//! The filter behind its workload: what goes out is judged where the endpoint is chosen.

use bookend_testenv::Stand;
use bookend_testenv::envoy::plugin::{self, Layer, Wasm};
use serde_json::{Value, json};

use crate::line::Caller;
use crate::scene::{INVENTORY, OPTIONS, configuration, log, logged};
use crate::upstream::{Manner, Upstream};

/// What `web` may ask of others; nobody says who may ask it.
const POLICY: &str = r#"
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: p }
spec:
  isolate: [{ workloads: { labels: { app: web } }, directions: [egress] }]
  allow:
  - name: reads
    from: [{ workloads: { labels: { app: web } } }]
    to: [{ workloads: { labels: { app: server } } }]
    ports: [9080]
    http: [{ methods: [GET], paths: ["/open/*"] }]
  - name: streams
    from: [{ workloads: { labels: { app: web } } }]
    to: [{ workloads: { labels: { app: server } } }]
    ports: [9090]
"#;

/// A cluster with one endpoint and the filter before it.
fn cluster(name: &str, at: &Upstream, filter: &Value) -> Value {
    let mut cluster = plugin::cluster(name, at.at);
    cluster["typed_extension_protocol_options"] = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http_protocol_options": {} },
        "http_filters": [filter, {
            "name": "envoy.filters.http.upstream_codec",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
            },
        }],
    } });
    cluster
}

#[test]
fn requests_are_judged_by_where_they_go() {
    let stand = Stand::new("outbound").unwrap();
    for address in ["10.0.0.1", "10.0.0.2", "10.0.0.3", "192.0.2.1"] {
        stand.own(address.parse().unwrap()).unwrap();
    }
    let module = stand.module("bookend_filter.wasm").unwrap();
    let settings = json!({ "end": "source", "accessLog": { "allowed": true } });
    let wasm = Wasm::new(module, configuration(&[INVENTORY, POLICY], &settings));
    let server = Upstream::new(&stand, "10.0.0.2:9080", Manner::Web);
    let other = Upstream::new(&stand, "10.0.0.3:9080", Manner::Web);
    let unknown = Upstream::new(&stand, "192.0.2.1:9080", Manner::Web);
    let filter = wasm.filter(Layer::Http);
    let clusters: Vec<Value> = [("server", &server), ("other", &other), ("unknown", &unknown)]
        .map(|(name, at)| cluster(name, at, &filter))
        .into();
    let hosts: Vec<Value> = ["server", "other", "unknown"]
        .map(|name| {
            json!({ "name": name, "domains": [name], "routes": [
                { "match": { "prefix": "" }, "route": { "cluster": name, "timeout": "0s" } },
            ] })
        })
        .into();
    let manager = plugin::manager(
        &[],
        &json!({ "route_config": { "virtual_hosts": hosts }, "access_log": log(&stand), "use_remote_address": false }),
    );
    let listener = json!({
        "name": "out",
        "address": plugin::address("10.0.0.1:15001".parse().unwrap()),
        "filter_chains": [{ "filters": [plugin::facts_of_connections(), manager] }],
    });
    let admin = "127.0.0.1:15000".parse().unwrap();
    let own = ("default", "web", &json!({ "app": "web" }));
    let envoy = stand.start_with(&plugin::bootstrap(admin, own, &[listener], &clusters), OPTIONS).unwrap();
    let caller = Caller { from: "10.0.0.1".parse().unwrap(), identity: None, protocols: &[] };
    let mut line = caller.dial(&stand, "10.0.0.1:15001".parse().unwrap());
    let mut ask = |host: &str, path: &str| line.ask(&format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n"));
    assert_eq!(ask("server", "/open/1").status, 200);
    let denied = ask("server", "/closed/1");
    assert_eq!((denied.status, denied.body.as_str()), (403, "denied by policy"));
    assert_eq!(ask("other", "/open/2").status, 403);
    // Where the endpoint is known, it is judged, whoever that may be (S61).
    assert_eq!(ask("unknown", "/open/3").status, 403);
    let heard = server.heard();
    assert!(heard.contains("/open/1") && !heard.contains("closed"), "{heard}");
    assert_eq!(server.heard(), "");
    assert!(!other.heard().contains("GET") && !unknown.heard().contains("GET"));
    let logged = |path| logged(&stand, &envoy, path);
    assert_eq!(logged("/closed/1")["details"], "bookend_denied{default/p/isolate[0]}");
    assert_eq!(logged("/closed/1")["rule"], "default/p/isolate[0]");
    assert_eq!(logged("/open/1")["rule"], "default/p/reads");
}

#[test]
fn streams_are_judged_by_where_they_want_to_go() {
    let stand = Stand::new("outstream").unwrap();
    for address in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
        stand.own(address.parse().unwrap()).unwrap();
    }
    let module = stand.module("bookend_filter.wasm").unwrap();
    let settings = json!({ "end": "source" });
    let wasm = Wasm::new(module, configuration(&[INVENTORY, POLICY], &settings));
    let echo = Upstream::new(&stand, "127.0.0.1:7001", Manner::Echo);
    // As after a redirection: the local address of a connection is where it wants to go.
    let listener = |at: &str| {
        let filters =
            [plugin::facts_of_connections(), wasm.filter(Layer::Network), plugin::tcp_proxy("echo")];
        json!({
            "name": at,
            "address": plugin::address(at.parse().unwrap()),
            "filter_chains": [{ "filters": filters }],
        })
    };
    let places = ["10.0.0.2:9090", "10.0.0.2:9091", "10.0.0.3:9090", "127.0.0.9:9090"];
    let listeners: Vec<Value> = places.map(listener).into();
    let admin = "127.0.0.1:15000".parse().unwrap();
    let own = ("default", "web", &json!({ "app": "web" }));
    let clusters = [plugin::cluster("echo", echo.at)];
    let envoy = stand.start_with(&plugin::bootstrap(admin, own, &listeners, &clusters), OPTIONS).unwrap();
    let caller = Caller { from: "10.0.0.1".parse().unwrap(), identity: None, protocols: &[] };
    let heard = places.map(|place| {
        let mut line = caller.dial(&stand, place.parse().unwrap());
        line.say("hello");
        line.finish();
        line.hear_out()
    });
    // The last is no workload's address, and may be a Service's (S61).
    assert_eq!(heard, ["hellobye", "", "", "hellobye"]);
    let told = || Ok(envoy.sum("bookend.connections.left")? == 1);
    envoy.await_that("a count of what is left to the kernel", told).unwrap();
}
