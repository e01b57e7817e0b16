//! The world by itself, without any policy: it must work, every hop over mTLS, and leave nothing behind.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bookend_testenv::World;
use bookend_testenv::http::{self, Request, Response};
use bookend_testenv::journal::{ATTEMPT_HEADER, Record};
use bookend_testenv::world::topology::{GATEWAY_PORT, workload};

const LIMIT: Duration = Duration::from_secs(10);

fn world() -> World {
    World::builder(env!("CARGO_BIN_EXE_bookend-demo")).build().unwrap_or_else(|error| panic!("{error}"))
}

fn page(world: &World, mark: &str) -> Response {
    let gateway = SocketAddr::from((workload("gateway").unwrap().ipv4(), GATEWAY_PORT));
    let request = Request::get("bookinfo.example", "/productpage").header(ATTEMPT_HEADER, mark);
    world.outside().run(|| http::exchange(gateway, &request, LIMIT)).unwrap().unwrap()
}

/// The identities Envoy vouched for, in the order of the hops.
fn identities(record: &Record) -> Vec<&str> {
    let forwarded = record.header("x-forwarded-client-cert").unwrap_or_default();
    forwarded.split([',', ';']).filter_map(|part| part.strip_prefix("URI=")).collect()
}

#[test]
fn the_page_renders_and_every_hop_is_mutual_tls() {
    let world = world();
    eprintln!("{:?}", world.timings());
    let before = world.now().unwrap();
    // Three reviews pods take turns: after three pages each has served one.
    for turn in 0..3 {
        let response = page(&world, &format!("page-{turn}"));
        assert_eq!(response.status, 200, "{}", response.text());
        let text = response.text();
        assert!(text.contains("William Shakespeare"), "{text}");
        assert!(text.contains("An extremely entertaining play"), "{text}");
    }
    let records = world.received_since(&before).unwrap();
    let expected = [
        ("productpage", vec!["istio-system/sa/istio-ingressgateway"]),
        ("details", vec!["default/sa/bookinfo-productpage"]),
        ("reviews-v1", vec!["default/sa/bookinfo-productpage"]),
        ("reviews-v2", vec!["default/sa/bookinfo-productpage"]),
        ("reviews-v3", vec!["default/sa/bookinfo-productpage"]),
        ("ratings", vec!["default/sa/bookinfo-reviews"]),
    ];
    for (service, hops) in expected {
        let hops: Vec<String> = hops.iter().map(|hop| format!("spiffe://cluster.local/ns/{hop}")).collect();
        let received: Vec<_> = records.iter().filter(|record| record.service() == service).collect();
        assert!(!received.is_empty(), "{service} received nothing");
        for record in received {
            assert_eq!(identities(record), hops, "{record:?}");
        }
    }
    for key in ["productpage", "details", "reviews-v1", "reviews-v2", "reviews-v3", "ratings"] {
        let pod = world.pod(key).unwrap();
        let handshakes = pod.statistic("listener.0.0.0.0_15006.ssl.handshake").unwrap();
        assert!(handshakes > 0, "{key} saw no handshake");
    }
}

#[test]
fn a_world_leaves_nothing_behind() {
    let world = world();
    let (prefix, directory) = (world.run().namespace(""), world.run().directory());
    let children = processes_below(&directory);
    assert!(children.len() >= 17, "seven Envoys and ten services, not {children:?}");
    drop(world);
    assert!(!directory.exists());
    assert_eq!(processes_below(&directory), BTreeSet::new());
    let names = bookend_testenv::namespace::names();
    assert!(!names.iter().any(|name| name.starts_with(&prefix)), "{names:?}");
}

/// The processes whose command line names a file below `directory`.
fn processes_below(directory: &Path) -> BTreeSet<String> {
    let directory = format!("{}/", directory.display());
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&directory))
        .collect()
}
