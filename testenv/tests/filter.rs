//! How the world delivers a filter, proved with a stand-in: it sees its configuration and the facts, a new
//! configuration reaches open connections, and a refused one changes nothing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bookend_testenv::http::{self, Connection, Request};
use bookend_testenv::world::topology::{APP_UID, GATEWAY_PORT, service, workload};
use bookend_testenv::{Filter, World};

const LIMIT: Duration = Duration::from_secs(10);

/// The stand-in as a file, gone with the value.
struct Module(PathBuf);

impl Module {
    fn new(name: &str) -> Self {
        let bytes = wat::parse_str(include_str!("stand-in/filter.wat")).unwrap();
        let path = std::env::temp_dir().join(format!("bookend-stand-in-{}-{name}.wasm", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }

    fn configured(&self, text: &str) -> Filter {
        Filter { module: self.0.clone(), configuration: text.to_owned(), outbound: None }
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

fn world(filter: Filter) -> World {
    let builder = World::builder(env!("CARGO_BIN_EXE_bookend-demo")).filter(filter);
    builder.build().unwrap_or_else(|error| panic!("{error}"))
}

/// `GET /ratings/1` from the reviews pod, through its sidecar.
fn ratings(world: &World) -> http::Response {
    let request = Request::get("ratings:9080", "/ratings/1").header("x-forwarded-for", "10.244.0.12");
    let to = service("ratings").unwrap().address();
    let pod = world.pod("reviews-v1").unwrap();
    pod.namespace().run_as(APP_UID, || http::exchange(to, &request, LIMIT)).unwrap().unwrap()
}

#[test]
fn the_filter_knows_the_direct_peer_whatever_a_header_says() {
    let module = Module::new("facts");
    let world = world(module.configured("allow"));
    eprintln!("{:?}", world.timings());
    assert_eq!(ratings(&world).status, 200);
    world.reconfigure(&module.configured("facts")).unwrap();
    let answer = ratings(&world);
    assert_eq!(answer.status, 403);
    let (peer, own) = (workload("reviews-v1").unwrap(), workload("ratings").unwrap());
    assert_eq!(answer.text(), format!("{} {}:9080 {} ", peer.ipv4(), own.ipv4(), peer.spiffe_id()));
}

#[test]
fn a_filter_behind_its_workload_answers_before_anything_leaves() {
    let module = Module::new("outbound");
    let both = |outbound: &str| Filter { outbound: Some(outbound.to_owned()), ..module.configured("allow") };
    let world = world(both("allow"));
    assert_eq!(ratings(&world).status, 200);
    world.reconfigure(&both("facts")).unwrap();
    let before = world.now().unwrap();
    let answer = ratings(&world);
    assert_eq!(answer.status, 403);
    // Its peer is the workload, which wants to go to the service.
    let own = workload("reviews-v1").unwrap().ipv4();
    assert_eq!(answer.text(), format!("{own} {}  ", service("ratings").unwrap().address()));
    assert_eq!(world.received_since(&before).unwrap(), []);
}

#[test]
fn a_new_configuration_reaches_connections_that_are_already_open() {
    let module = Module::new("reload");
    let world = world(module.configured("allow"));
    let gateway = SocketAddr::from((workload("gateway").unwrap().ipv4(), GATEWAY_PORT));
    let mut connection = world.outside().run(|| Connection::open(gateway, LIMIT)).unwrap().unwrap();
    let mut status =
        || connection.ask(&Request::get("bookinfo.example", "/productpage"), LIMIT).unwrap().status;
    assert_eq!(status(), 200);
    world.reconfigure(&module.configured("deny")).unwrap();
    assert_eq!(status(), 403);
    let error = world.reconfigure(&module.configured("nonsense")).unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!(status(), 403, "a refused configuration changed something");
    world.reconfigure(&module.configured("allow")).unwrap();
    assert_eq!(status(), 200);
}
