//! Envoys with the recorder before scripted services.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use bookend_testenv::envoy::plugin;
use bookend_testenv::{Running, Stand};
use serde_json::{Value, json};

use crate::recorder::{self, Record};
use crate::scene::Scene;

/// Between parts that must arrive one by one, on a machine that is busy.
const PAUSE: Duration = Duration::from_millis(60);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The configuration of every plugin.
pub(crate) const CONFIGURATION: &str = "the configuration";

/// The listener of a scene, its service and its VM.
pub(crate) fn listener(scene: usize) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port(8000, scene)))
}

fn service(scene: usize) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port(9000, scene)))
}

pub(crate) fn vm(scene: usize) -> String {
    format!("scene {scene}")
}

fn port(base: u16, scene: usize) -> u16 {
    base + u16::try_from(scene).expect("there are few scenes")
}

/// An Envoy with a listener for each scene.
pub(crate) struct Site {
    envoy: Running,
    stand: Stand,
}

impl Site {
    /// Starts the services and the Envoy.
    pub(crate) fn new(scenes: &[Scene]) -> Self {
        let stand = Stand::new("recorded").unwrap();
        let (mut listeners, mut clusters) = (Vec::new(), Vec::new());
        for (number, scene) in scenes.iter().enumerate() {
            serve(&stand, number, scene);
            let module = stand.file(&format!("scene-{number}.wasm"), scene.plugin()).unwrap();
            let wasm = plugin::Wasm { vm: vm(number), ..plugin::Wasm::new(module, CONFIGURATION) };
            let cluster = format!("service-{number}");
            listeners.push(listen(number, scene, &wasm, &cluster));
            clusters.push(upstream(plugin::cluster(&cluster, service(number))));
        }
        let node = ("default", "ratings", &json!({ "app": "ratings" }));
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, 15_000));
        let mut bootstrap = plugin::bootstrap(admin, node, &listeners, &clusters);
        let extra = json!({ "LIST": ["a", 1, true], "NUMBER": 1.5, "TRUE": true, "NULL": null });
        let metadata = bootstrap.pointer_mut("/node/metadata").and_then(Value::as_object_mut).unwrap();
        metadata.extend(extra.as_object().cloned().unwrap());
        Self { envoy: stand.start(&bootstrap).unwrap(), stand }
    }

    /// Plays a scene, and says what was recorded of it, the last start of its plugin included.
    pub(crate) fn play(&self, number: usize, scene: &Scene) -> Vec<Record> {
        let before = self.envoy.log().len();
        let peer = || self.stand.namespace().run(|| converse(listener(number), scene)).unwrap();
        peer();
        let records = || recorder::records(self.envoy.log().get(before..).unwrap_or_default().lines());
        let over = |records: &[Record]| records.iter().any(|record| record.callback == "proxy_on_delete");
        let what = format!("the end of scene {number} ({scene:?})");
        self.envoy.await_that(&what, || Ok(over(&records()))).unwrap();
        records()
    }

    /// What the plugins recorded when they were configured.
    pub(crate) fn configured(&self) -> Vec<Record> {
        let records = recorder::records(self.envoy.log().lines());
        records.into_iter().filter(|record| record.callback == "proxy_on_configure").collect()
    }
}

fn listen(number: usize, scene: &Scene, wasm: &plugin::Wasm, cluster: &str) -> Value {
    let last = match scene {
        Scene::Http { .. } => vec![plugin::manager(
            &[wasm.filter(plugin::Layer::Http)],
            &json!({
                "codec_type": "HTTP1",
                "generate_request_id": false,
                "route_config": plugin::route(cluster),
                "http_protocol_options": { "enable_trailers": true },
            }),
        )],
        Scene::Tcp { .. } => vec![wasm.filter(plugin::Layer::Network), plugin::tcp_proxy(cluster)],
    };
    let filters: Vec<Value> = [plugin::facts_of_connections()].into_iter().chain(last).collect();
    json!({
        "name": format!("scene-{number}"),
        "address": plugin::address(listener(number)),
        "filter_chains": [{ "filters": filters }],
    })
}

/// Trailers come through only where both sides are told so.
fn upstream(mut cluster: Value) -> Value {
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let typed = json!({ options: {
        "@type": format!("type.googleapis.com/{options}"),
        "explicit_http_config": { "http_protocol_options": { "enable_trailers": true } },
    } });
    if let Some(cluster) = cluster.as_object_mut() {
        cluster.insert("typed_extension_protocol_options".to_owned(), typed);
    }
    cluster
}

/// Sends the peer's parts and reads until the end. A connection without HTTP ends with a reset, so that Envoy hears of
/// the peer's end alone.
fn converse(to: SocketAddr, scene: &Scene) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    let (parts, answered) = match scene {
        Scene::Http { request, .. } => (request.wire(), true),
        Scene::Tcp { parts, answer, .. } => {
            (parts.iter().map(|part| part.as_bytes().to_vec()).collect(), answer.is_some())
        }
    };
    for part in parts {
        // The proxy may have closed it.
        let _ = stream.write_all(&part);
        std::thread::sleep(PAUSE);
    }
    let mut buffer = [0; 4096];
    match scene {
        Scene::Http { .. } => while stream.read(&mut buffer).is_ok_and(|read| read > 0) {},
        Scene::Tcp { .. } if answered => drop(stream.read(&mut buffer)),
        Scene::Tcp { .. } => {}
    }
    if matches!(scene, Scene::Tcp { .. }) {
        nix::sys::socket::setsockopt(
            &stream,
            nix::sys::socket::sockopt::Linger,
            &nix::libc::linger { l_onoff: 1, l_linger: 0 },
        )
        .unwrap();
    }
}

/// Answers as the scene says, when everything has arrived.
fn serve(stand: &Stand, number: usize, scene: &Scene) {
    let (ending, answer) = match scene {
        Scene::Http { request, response, .. } => {
            let ending = request.wire().pop().unwrap_or_default();
            // Headers may have been added before the end of the head.
            let ending = if request.chunks.is_empty() { b"\r\n\r\n".to_vec() } else { ending };
            (ending, response.as_ref().map(super::scene::Message::wire).unwrap_or_default())
        }
        Scene::Tcp { parts, answer, .. } => {
            let answer = answer.iter().map(|text| text.as_bytes().to_vec()).collect();
            (parts.last().map(|part| part.as_bytes().to_vec()).unwrap_or_default(), answer)
        }
    };
    let socket = stand.namespace().run(|| TcpListener::bind(service(number))).unwrap().unwrap();
    // The thread ends with the process; it waits for connections until then.
    std::thread::spawn(move || {
        for stream in socket.incoming() {
            let (mut stream, answer, ending) = (stream.unwrap(), answer.clone(), ending.clone());
            std::thread::spawn(move || {
                let (mut buffer, mut arrived) = ([0; 4096], Vec::new());
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    arrived.extend_from_slice(buffer.get(..read).unwrap_or_default());
                    if !arrived.ends_with(&ending) {
                        continue;
                    }
                    arrived.clear();
                    for part in &answer {
                        let _ = stream.write_all(part);
                        std::thread::sleep(PAUSE);
                    }
                }
            });
        }
    });
}
