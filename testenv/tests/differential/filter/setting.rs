//! One Envoy with the shipped filter in several settings.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use bookend_harness::{Instance, Module, Plugin, Properties, Value as Attribute};
use bookend_testenv::certificate::Identity;
use bookend_testenv::envoy::plugin::{self, Layer, Wasm};
use bookend_testenv::{Running, Stand};
use bookend_testing::World;
use serde_json::{Value, json};

use super::access::Line;
use super::question::{Peer, peers};

/// Who is who, and what `web` may do.
const DOCUMENTS: &str = include_str!("documents.yaml");

/// What filters report, each in a listener of its own.
pub(super) const SETTINGS: [&str; 4] = [
    r#"{ "accessLog": { "allowed": true } }"#,
    r#"{ "answers": { "rule": true }, "decisionLog": { "denied": 0, "audited": 0 } }"#,
    r#"{ "accessLog": { "allowed": true }, "answers": { "rule": true }, "metrics": { "rules": 1 } }"#,
    r#"{ "decisionLog": { "allowed": 2, "denied": 3, "perSecond": 5 }, "metrics": { "rules": 0 } }"#,
];

/// How many lines of a log were too many for a second, which depends on how many seconds there were.
pub(super) const SUPPRESSED: &str = "bookend.log.suppressed";

/// What the service says first to whoever connects.
pub(super) const BANNER: &[u8] = b"welcome";

const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const SERVICE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9000);
const ADMIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 15_000);

/// How long a line may take to be written.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where requests go for a setting.
pub(super) fn destination(setting: usize, encrypted: bool) -> SocketAddr {
    at(if encrypted { 9200 } else { 9100 }, setting)
}

/// Where connections go.
pub(super) fn stream_destination(setting: usize, encrypted: bool) -> SocketAddr {
    at(if encrypted { 9400 } else { 9300 }, setting)
}

fn at(base: u16, setting: usize) -> SocketAddr {
    (OWN, base + u16::try_from(setting).expect("there are few settings")).into()
}

/// The Envoy, and what it was configured with.
pub(super) struct Bench {
    envoy: Running,
    module: Module,
    world: World,
    identities: BTreeMap<Vec<&'static str>, Identity>,
    pub(super) stand: Stand,
}

impl Bench {
    pub(super) fn new() -> Self {
        let stand = Stand::new("asked").unwrap();
        let world = World::compile(&[DOCUMENTS]).unwrap();
        let path = stand.module("bookend_filter.wasm").unwrap();
        let module = Module::load(&std::fs::read(&path).unwrap()).unwrap();
        stand.own(OWN.into()).unwrap();
        let mut identities = BTreeMap::new();
        for peer in peers() {
            stand.own(peer.address).unwrap();
            let identity = stand.authority().issue_to_all(&peer.names).unwrap();
            identities.insert(peer.names, identity);
        }
        let server = stand.authority().issue("spiffe://cluster.local/ns/default/sa/server").unwrap();
        let (requests, connections) =
            (stand.directory().join("requests"), stand.directory().join("connections"));
        let mut listeners = Vec::new();
        for (number, setting) in SETTINGS.iter().enumerate() {
            let wasm =
                Wasm { vm: format!("setting {number}"), ..Wasm::new(&path, configuration(&world, setting)) };
            for encrypted in [false, true] {
                let tls =
                    encrypted.then(|| plugin::server_tls(&server, stand.authority().certificate(), &[]));
                listeners.push(listener(
                    destination(number, encrypted),
                    tls.as_ref(),
                    &manager(&wasm, &requests),
                ));
                let streams =
                    [wasm.filter(Layer::Network), logged(plugin::tcp_proxy("service"), &connections)];
                listeners.push(listener(stream_destination(number, encrypted), tls.as_ref(), &streams));
            }
        }
        serve(&stand);
        let node = ("default", "server", &json!({ "app": "server" }));
        let clusters = [plugin::cluster("service", SERVICE)];
        let bootstrap = plugin::bootstrap(ADMIN, node, &listeners, &clusters);
        let options = ["--concurrency", "1", "--log-level", "error", "--file-flush-interval-msec", "5"];
        let envoy = stand.start_with(&bootstrap, &options).unwrap();
        Self { envoy, module, world, identities, stand }
    }

    /// The same filter in the harness.
    pub(super) fn start(&self, setting: &str) -> Instance {
        let metadata = |name| ["xds", "node", "metadata", name];
        let labels = BTreeMap::from([("app".to_owned(), Attribute::from("server"))]);
        let properties = Properties::new()
            .with(["xds", "node", "id"], "server.default")
            .with(metadata("NAMESPACE"), "default")
            .with(metadata("SERVICE_ACCOUNT"), "server")
            .with(metadata("LABELS"), Attribute::Map(labels));
        let configuration = configuration(&self.world, setting).into_bytes();
        let plugin = Plugin { name: "bookend".to_owned(), configuration, properties, ..Plugin::default() };
        self.module.start(&plugin).unwrap()
    }

    /// The certificate of a peer, if it has names to prove.
    pub(super) fn identity(&self, peer: &Peer) -> Option<Identity> {
        if peer.names.is_empty() { None } else { self.identities.get(&peer.names).cloned() }
    }

    /// The line about a request. None if Envoy never heard of it.
    pub(super) fn line(&self, number: usize) -> Option<Line> {
        self.find("requests", &number.to_string(), PATIENCE)
    }

    /// The line about a connection.
    pub(super) fn connection(&self, from: SocketAddr) -> Line {
        self.find("connections", &from.to_string(), PATIENCE).expect("Envoy logs every connection")
    }

    fn find(&self, file: &str, case: &str, patience: Duration) -> Option<Line> {
        let path = self.stand.directory().join(file);
        let end = Instant::now() + patience;
        loop {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let found = text.lines().rev().find_map(|line| Line::read(line).filter(|line| line.case == case));
            if found.is_some() || Instant::now() > end {
                return found;
            }
            self.envoy.alive().unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The filter's counters that are not 0, by the names that it gave them.
    pub(super) fn counters(&self) -> BTreeMap<String, u64> {
        let gauges =
            ["bookend.configuration.faulty", "bookend.policy.revision", "bookend.policy.rules", SUPPRESSED];
        let found = self.envoy.statistics("bookend.").unwrap().into_iter();
        found
            .filter_map(|(name, value)| Some((name.get(name.find("bookend.")?..)?.to_owned(), value)))
            .filter(|(name, value)| *value > 0 && !gauges.contains(&name.as_str()))
            .collect()
    }
}

fn configuration(world: &World, setting: &str) -> String {
    let mut json: Value = serde_json::from_slice(&world.configuration.to_json().unwrap()).unwrap();
    if let Some(object) = json.as_object_mut() {
        object.insert("settings".to_owned(), serde_json::from_str(setting).unwrap());
    }
    json.to_string()
}

fn listener(at: SocketAddr, tls: Option<&Value>, filters: &[Value]) -> Value {
    let filters: Vec<&Value> = filters.iter().collect();
    let facts = plugin::facts_of_connections();
    let filters: Vec<&Value> = [&facts].into_iter().chain(filters).collect();
    let mut chain = json!({ "filters": filters });
    if let (Some(tls), Some(chain)) = (tls, chain.as_object_mut()) {
        chain.insert("transport_socket".to_owned(), tls.clone());
    }
    json!({ "name": at.to_string(), "address": plugin::address(at), "filter_chains": [chain] })
}

/// Requests reach the filter as they are sent, and Envoy answers what it lets pass.
fn manager(wasm: &Wasm, log: &Path) -> [Value; 1] {
    let options = json!({
        "delayed_close_timeout": "0s",
        "normalize_path": false,
        "merge_slashes": false,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "use_remote_address": false,
        "generate_request_id": false,
        "max_request_headers_kb": 60,
        "common_http_protocol_options": { "headers_with_underscores_action": "ALLOW" },
        "http_protocol_options": { "allow_absolute_url": false, "allow_custom_methods": true },
        "access_log": [access_log(log, "%REQ(X-CASE)%")],
        "route_config": { "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": [{ "match": { "prefix": "" }, "direct_response": { "status": 200 } }],
        }] },
    });
    [plugin::manager(&[wasm.filter(Layer::Http)], &options)]
}

fn logged(mut filter: Value, log: &Path) -> Value {
    if let Some(config) = filter.pointer_mut("/typed_config").and_then(Value::as_object_mut) {
        config
            .insert("access_log".to_owned(), json!([access_log(log, "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%")]));
    }
    filter
}

fn access_log(path: &Path, case: &str) -> Value {
    let mut format: BTreeMap<&str, &str> = Line::FORMAT.into();
    format.insert("case", case);
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": { "json_format": format },
        },
    })
}

/// A service that speaks first, and ends.
fn serve(stand: &Stand) {
    let socket = stand.namespace().run(|| TcpListener::bind(SERVICE)).unwrap().unwrap();
    // The thread ends with the process; it waits for connections until then.
    std::thread::spawn(move || {
        for stream in socket.incoming() {
            let _ = stream.unwrap().write_all(BANNER);
        }
    });
}
