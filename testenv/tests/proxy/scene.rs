//! A workload `server` behind an Envoy with the shipped module, servers behind that, and clients.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use bookend_testenv::certificate::Identity;
use bookend_testenv::envoy::plugin::{self, Layer, Wasm};
use bookend_testenv::{Running, Stand};
use bookend_testing::World;
use serde_json::{Value, json};

use crate::line::{Caller, Line};
use crate::streams::Streams;
use crate::upstream::{Manner, Upstream};

/// Who is who: `web` may do what the policy says, `other` may not, and `server` is asked.
pub(crate) const INVENTORY: &str = r#"
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: { name: proxy }
spec:
  workloads:
  - { name: web, serviceAccount: web, labels: { app: web }, proxy: true, instances: [{ addresses: [10.0.0.1] }] }
  - { name: server, serviceAccount: server, labels: { app: server }, proxy: true, jwt: true, instances: [{ addresses: [10.0.0.2] }] }
  - { name: other, serviceAccount: other, labels: { app: other }, proxy: true, instances: [{ addresses: [10.0.0.3] }] }
"#;

/// What `web` may ask of `server`, and everybody.
pub(crate) const POLICY: &str = r#"
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: p }
spec:
  isolate: [{ workloads: { labels: { app: server } }, directions: [ingress] }]
  allow:
  - name: reads
    from: [{ workloads: { labels: { app: web } } }]
    to: [{ workloads: { labels: { app: server } } }]
    http: [{ methods: [GET, POST], paths: ["/open/*", "/shop.Cart/Get"] }]
  - name: tunnels
    from: [{ workloads: { labels: { app: web } } }]
    to: [{ workloads: { labels: { app: server } } }]
    http: [{ methods: [CONNECT], hosts: ["open.test:443"] }]
  - name: streams
    from: [{ workloads: { labels: { app: web } } }]
    to: [{ workloads: { labels: { app: server } } }]
    ports: [9090, 9091]
  - name: public
    to: [{ workloads: { labels: { app: server } } }]
    ports: [9081]
    http: [{ paths: ["/public"] }]
  - name: public-streams
    to: [{ workloads: { labels: { app: server } } }]
    ports: [9092]
"#;

/// Where `server` listens: over TLS and in the clear for HTTP, and four times for bytes.
pub(crate) const WEB: &str = "10.0.0.2:9080";
pub(crate) const WEB_PLAIN: &str = "10.0.0.2:9081";
pub(crate) const ECHO: &str = "10.0.0.2:9090";
pub(crate) const BANNER: &str = "10.0.0.2:9091";
pub(crate) const ECHO_PLAIN: &str = "10.0.0.2:9092";
pub(crate) const BANNER_PLAIN: &str = "10.0.0.2:9093";

/// The parts that a test may change before Envoy starts.
pub(crate) struct Scene {
    pub(crate) envoy: Running,
    pub(crate) web: Upstream,
    pub(crate) calls: Upstream,
    pub(crate) echo: Upstream,
    pub(crate) banner: Upstream,
    pub(crate) client: Identity,
    pub(crate) stranger: Identity,
    pub(crate) plan: Plan,
}

/// What a test wants to be different.
pub(crate) struct Plan {
    pub(crate) stand: Stand,
    /// The filter, by layer: as it is, or discovered.
    pub(crate) requests: Value,
    pub(crate) streams: Value,
    /// HTTP filters before it.
    pub(crate) before: Vec<Value>,
    /// Fields of the connection manager.
    pub(crate) options: Value,
    /// Fields of the node's metadata, in place of the workload's.
    pub(crate) metadata: Option<Value>,
    /// What Envoy is told of statistics.
    pub(crate) statistics: Value,
}

/// A configuration of the module by documents, with what it may tell.
pub(crate) fn configuration(documents: &[&str], settings: &Value) -> String {
    let world = World::compile(documents).unwrap();
    let mut json: Value = serde_json::from_slice(&world.configuration.to_json().unwrap()).unwrap();
    json["settings"] = settings.clone();
    json.to_string()
}

/// The filter that enforces `POLICY`, and tells the rule of everything.
pub(crate) fn usual() -> String {
    configuration(
        &[INVENTORY, POLICY],
        &json!({ "accessLog": { "allowed": true }, "decisionLog": { "allowed": 1 } }),
    )
}

impl Plan {
    pub(crate) fn new(name: &str) -> Self {
        let stand = Stand::new(name).unwrap();
        let module = stand.module("bookend_filter.wasm").unwrap();
        Self::with(stand, &Wasm::new(module, usual()))
    }

    /// With this filter in both layers.
    pub(crate) fn with(stand: Stand, wasm: &Wasm) -> Self {
        let (requests, streams) = (wasm.filter(Layer::Http), wasm.filter(Layer::Network));
        let (before, options, statistics) = (Vec::new(), json!({}), json!({}));
        Self { stand, requests, streams, before, options, metadata: None, statistics }
    }

    /// The module that was built, where Envoy may read it.
    pub(crate) fn module(&self) -> PathBuf {
        self.stand.module("bookend_filter.wasm").unwrap()
    }

    fn listeners(&self) -> Vec<Value> {
        let authority = self.stand.authority();
        let own = authority.issue("spiffe://cluster.local/ns/default/sa/server").unwrap();
        let socket = |protocols: &[&str]| plugin::server_tls(&own, authority.certificate(), protocols);
        let listener = |at: &str, tls: Option<Value>, filters: Vec<Value>| {
            let facts = [plugin::node_of_connections(), plugin::facts_of_connections()];
            let filters: Vec<Value> = facts.into_iter().chain(filters).collect();
            let mut chain = json!({ "filters": filters });
            if let Some(tls) = tls {
                chain["transport_socket"] = tls;
            }
            json!({ "name": at, "address": plugin::address(at.parse().unwrap()), "filter_chains": [chain] })
        };
        let http = || vec![self.manager()];
        let tcp = |cluster| vec![self.streams.clone(), plugin::tcp_proxy(cluster)];
        vec![
            listener(WEB, Some(socket(&["h2", "http/1.1"])), http()),
            listener(WEB_PLAIN, None, http()),
            listener(ECHO, Some(socket(&[])), tcp("echo")),
            listener(BANNER, Some(socket(&[])), tcp("banner")),
            listener(ECHO_PLAIN, None, tcp("echo")),
            listener(BANNER_PLAIN, None, tcp("banner")),
        ]
    }

    fn manager(&self) -> Value {
        let mut options = json!({
            "use_remote_address": false,
            "delayed_close_timeout": "0s",
            "upgrade_configs": [{ "upgrade_type": "websocket" }, { "upgrade_type": "CONNECT" }],
            "http2_protocol_options": { "allow_connect": true },
            "access_log": log(&self.stand),
            "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [
                {
                    "match": { "connect_matcher": {} },
                    "route": {
                        "cluster": "echo",
                        "upgrade_configs": [{ "upgrade_type": "CONNECT", "connect_config": {} }],
                    },
                },
                { "match": { "prefix": "/shop." }, "route": { "cluster": "calls" } },
                { "match": { "prefix": "" }, "route": { "cluster": "web", "timeout": "0s" } },
            ] }] },
        });
        let more = self.options.as_object().unwrap().clone();
        options.as_object_mut().unwrap().extend(more);
        let filters: Vec<Value> = self.before.iter().chain([&self.requests]).cloned().collect();
        plugin::manager(&filters, &options)
    }

    /// The bootstrap, for servers at these addresses.
    pub(crate) fn bootstrap(&self, [web, calls, echo, banner]: [SocketAddr; 4]) -> Value {
        let mut over_http2 = plugin::cluster("calls", calls);
        over_http2["typed_extension_protocol_options"] = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        });
        let clusters = [
            plugin::cluster("web", web),
            over_http2,
            plugin::cluster("echo", echo),
            plugin::cluster("banner", banner),
        ];
        let labels = json!({ "app": "server" });
        let admin = "127.0.0.1:15000".parse().unwrap();
        let mut bootstrap =
            plugin::bootstrap(admin, ("default", "server", &labels), &self.listeners(), &clusters);
        bootstrap["stats_config"] = self.statistics.clone();
        if let Some(metadata) = &self.metadata {
            bootstrap["node"]["metadata"] = metadata.clone();
        }
        bootstrap
    }

    pub(crate) fn start(self) -> Scene {
        for address in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
            self.stand.own(address.parse().unwrap()).unwrap();
        }
        let web = Upstream::new(&self.stand, "127.0.0.1:7001", Manner::Web);
        let calls = Upstream::new(&self.stand, "127.0.0.1:7002", Manner::Calls);
        let echo = Upstream::new(&self.stand, "127.0.0.1:7003", Manner::Echo);
        let banner = Upstream::new(&self.stand, "127.0.0.1:7004", Manner::Banner);
        let bootstrap = self.bootstrap([web.at, calls.at, echo.at, banner.at]);
        let envoy = self.stand.start_with(&bootstrap, OPTIONS).unwrap_or_else(|error| panic!("{error}"));
        let issue = |name: &str| {
            self.stand.authority().issue(&format!("spiffe://cluster.local/ns/default/sa/{name}")).unwrap()
        };
        let (client, stranger) = (issue("web"), issue("other"));
        Scene { envoy, web, calls, echo, banner, client, stranger, plan: self }
    }
}

/// The name of the access log.
const LOG: &str = "access.jsonl";

/// How Envoy is started: what the module logs is to be read.
pub(crate) const OPTIONS: &[&str] = &[
    "--concurrency",
    "1",
    "--log-level",
    "warning",
    "--component-log-level",
    "wasm:info",
    "--file-flush-interval-msec",
    "1",
];

/// An access log of what the filter attached, one JSON object a line.
pub(crate) fn log(stand: &Stand) -> Value {
    json!([{
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": stand.directory().join(LOG),
            "log_format": { "json_format": {
                "path": "%REQ(:PATH)%",
                "code": "%RESPONSE_CODE%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "rule": "%FILTER_STATE(wasm.bookend.rule:PLAIN)%",
                "audit": "%FILTER_STATE(wasm.bookend.audit:PLAIN)%",
            } },
        },
    }])
}

impl Scene {
    pub(crate) fn new(name: &str) -> Self {
        Plan::new(name).start()
    }

    /// A connection of `web`.
    pub(crate) fn dial(&self, to: &str) -> Line {
        self.dial_as(Some(&self.client), "10.0.0.1", to, &[])
    }

    /// A connection of `other`.
    pub(crate) fn dial_as_stranger(&self, to: &str) -> Line {
        self.dial_as(Some(&self.stranger), "10.0.0.3", to, &[])
    }

    /// A connection in the clear, from `web`'s address.
    pub(crate) fn dial_plain(&self, to: &str) -> Line {
        self.dial_as(None, "10.0.0.1", to, &[])
    }

    pub(crate) fn dial_as(
        &self,
        identity: Option<&Identity>,
        from: &str,
        to: &str,
        protocols: &[&str],
    ) -> Line {
        let caller = Caller { from: from.parse().unwrap(), identity, protocols };
        caller.dial(&self.plan.stand, to.parse().unwrap())
    }

    /// A connection of HTTP/2 of `web`.
    pub(crate) fn streams(&self) -> Streams {
        Streams::new(self.dial_as(Some(&self.client), "10.0.0.1", WEB, &["h2"]))
    }

    /// The line of the access log about the request with this path, once it is there.
    pub(crate) fn logged(&self, path: &str) -> Value {
        logged(&self.plan.stand, &self.envoy, path)
    }

    /// The access log so far.
    pub(crate) fn access(&self) -> String {
        access(&self.plan.stand)
    }
}

/// The access log so far.
fn access(stand: &Stand) -> String {
    fs::read_to_string(stand.directory().join(LOG)).unwrap()
}

/// The line of the access log about the request with this path, once it is there.
pub(crate) fn logged(stand: &Stand, envoy: &Running, path: &str) -> Value {
    let mut found = None;
    let search = || {
        let text = access(stand);
        let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        found = lines.rfind(|line| line["path"] == path);
        Ok(found.is_some())
    };
    envoy.await_that(&format!("a line about `{path}`"), search).unwrap();
    found.unwrap()
}
