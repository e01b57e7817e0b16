//! What can be attempted, and that each attempt succeeds where nothing stops it: the control of every later
//! claim that something was stopped.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use std::net::{IpAddr, SocketAddr};

use bookend_testenv::packet::{Forgery, Payload};
use bookend_testenv::world::topology::{GATEWAY_PORT, external, workload};
use bookend_testenv::{Act, Answer, Attempt, Observation, Target, World, http};

fn world() -> World {
    World::builder(env!("CARGO_BIN_EXE_bookend-demo")).build().unwrap_or_else(|error| panic!("{error}"))
}

fn reached(world: &World, attempt: &Attempt) -> Observation {
    let observation = world.attempt(attempt).unwrap();
    assert!(observation.reached(attempt), "{attempt:?}\n{observation:?}");
    observation
}

#[test]
fn without_a_policy_everything_gets_through() {
    let world = world();
    let ratings = workload("ratings").unwrap();

    for (method, status) in [("GET", 200), ("POST", 400), ("PUT", 405), ("DELETE", 405)] {
        for from in ["reviews-v2", "details"] {
            let attempt = Attempt::http(from, method, "ratings", "/ratings/1");
            assert_eq!(reached(&world, &attempt).status(), Some(status), "{attempt:?}");
        }
    }
    let gateway = SocketAddr::from((workload("gateway").unwrap().ipv4(), GATEWAY_PORT));
    let request = http::Request::get("bookinfo.example", "/productpage");
    let visit = Attempt::by("internet", Act::Http { to: Target::Address(gateway), request });
    assert_eq!(reached(&world, &visit).status(), Some(200));

    // From an honest application these pass its sidecar as plain TCP; around the proxy they go out directly.
    let places =
        [("database", 3306), ("database", 22), ("books-api", 443), ("internet", 80), ("metadata", 80)];
    for (key, port) in places {
        for address in external(key).unwrap().addresses() {
            let act = Act::Connect { to: (address, port).into() };
            for attempt in [Attempt::by("ratings", act.clone()), Attempt::around_the_proxy("ratings", act)] {
                assert_eq!(reached(&world, &attempt).answer, Answer::Connected, "{attempt:?}");
            }
        }
    }
    for (address, spoofed) in ratings.addresses().into_iter().zip(workload("reviews-v1").unwrap().addresses())
    {
        attack(&world, address, spoofed);
    }
}

/// What somebody does who has taken over productpage.
fn attack(world: &World, address: IpAddr, spoofed: IpAddr) {
    let to = SocketAddr::new(address, 9080);
    let bypass = Attempt::around_the_proxy("productpage", Act::Connect { to });
    assert_eq!(reached(world, &bypass).answer, Answer::Connected);
    for from in ["productpage", "intruder"] {
        reached(world, &Attempt::by(from, Act::Datagram { to: (address, 53).into() }));
        reached(world, &Attempt::by(from, Act::Echo { to: address }));
        for payload in [Payload::Syn, Payload::Datagram, Payload::Echo] {
            let forgery = Forgery { source: spoofed, source_port: 4711, to, payload };
            reached(world, &Attempt::by(from, Act::Forge(forgery)));
        }
        let scan = reached(world, &Attempt::by(from, Act::Scan { to: address, ports: 9000..=9099 }));
        assert_eq!(scan.arrived.len(), 100);
    }
}

#[test]
fn strict_sidecars_refuse_plain_text_and_a_flushed_redirection_exposes_the_network() {
    let world = world();
    let to = SocketAddr::from((workload("ratings").unwrap().ipv4(), 9080));
    let request = http::Request::get("ratings:9080", "/ratings/1");
    let plain = Attempt::by("intruder", Act::Http { to: Target::Address(to), request });
    let observation = world.attempt(&plain).unwrap();
    assert!(!observation.reached(&plain) && observation.status().is_none(), "{observation:?}");
    assert!(!observation.arrived.is_empty(), "nothing but the sidecar stopped it");

    let pod = world.pod("productpage").unwrap();
    let direct = Attempt::by("productpage", Act::Connect { to });
    pod.flush_redirection().unwrap();
    let observation = reached(&world, &direct);
    assert_eq!(observation.answer, Answer::Connected);
    pod.restore_redirection().unwrap();
    let page = Attempt::http("productpage", "GET", "details", "/details/0");
    assert_eq!(reached(&world, &page).status(), Some(200));
}
