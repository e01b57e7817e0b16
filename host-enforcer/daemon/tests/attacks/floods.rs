//! One workload that takes all it can get takes nothing from others, and not what it has itself.

use crate::attack::{Shot, expect};
use crate::field::{Field, POLICY, Role, TCP_PORT, UDP_PORT};
use crate::forge::Path;
use bookend_abi::packet::SYN;
use bookend_abi::table::GREATEST_QUOTA;
use std::time::{Duration, Instant};

const fn path(from: Role, to: Role) -> Path {
    Path { from, to, v6: false }
}

/// A connection that both ends know of, and have shown to know.
fn opened(path: Path, ports: (u16, u16)) -> Vec<Shot> {
    [path.opened(ports), path.goes_on(ports)].concat()
}

/// Sends one frame to each of many connections that a path allows: of both protocols, both families, from every port.
/// Returns how many arrived.
fn flood(field: &Field, from: Role, to: Role) -> usize {
    let mut arrived = 0;
    for v6 in [false, true] {
        let path = Path { from, to, v6 };
        let head = [&to.station()[..], &[2, 0xf1, 0, 0, 0, 0], &path.kind().to_be_bytes()].concat();
        let (near, far) = (field.link(from), field.link(to));
        let mut read = || {
            while let Some(frame) = far.receive() {
                arrived += usize::from(frame[6..14] == head[6..14]);
            }
            // What it sends itself must not lie in the way.
            while near.receive().is_some() {}
        };
        for port in 1024..=u16::MAX {
            for packet in [path.udp((port, UDP_PORT)), path.tcp((port, TCP_PORT), SYN)] {
                let frame = [&head[..], &packet].concat();
                // What is looked up again is not the least recently used.
                near.send(&frame);
                near.send(&frame);
            }
            if port % 0x1000 == 0 {
                read();
            }
        }
        read();
    }
    arrived
}

#[test]
fn a_workload_that_fills_the_table_of_connections_harms_only_itself() {
    let Some(mut field) = Field::new() else { return };
    field.enforcer.enforce();
    let (web, store) = (path(Role::Web, Role::Outside), path(Role::Outside, Role::Store));
    let (own, others) = ((700, TCP_PORT), (701, TCP_PORT));
    expect(&field, "before the flood", &[opened(web, own), opened(store, others)].concat());
    let sent = flood(&field, Role::Web, Role::Outside) + flood(&field, Role::Web, Role::Store);
    assert!(sent / 2 > 4 * GREATEST_QUOTA as usize, "{sent} packets are no flood");
    expect(&field, "others' open connections", &store.goes_on(others));
    expect(&field, "others' new connections", &opened(store, (702, TCP_PORT)));
    expect(&field, "its own open connection", &web.goes_on(own));
    // What it has too many of itself, it may open no more of, or only at the price of what it has not finished opening.
    expect(
        &field,
        "and the policy holds",
        &[web.stopped(&web.tcp((703, 80), SYN)), store.stopped(&store.tcp((703, 80), SYN))],
    );
}

/// What arrives at the store of `count` SYNs from as many ports, from `first` on; they take `time`.
fn syns(field: &Field, from: Role, first: u16, count: u16, time: Duration) -> usize {
    let path = path(from, Role::Store);
    let head =
        [&Role::Store.station()[..], &[2, 0xf2, 0, 0, 0, from.number()], &path.kind().to_be_bytes()].concat();
    let begin = Instant::now();
    let mut arrived = 0;
    let mut read = || {
        while let Some(frame) = field.link(Role::Store).receive() {
            arrived += usize::from(frame[6..14] == head[6..14]);
        }
    };
    for n in 0..count {
        field.link(from).send(&[&head[..], &path.tcp((first + n, TCP_PORT), SYN)].concat());
        let pace = time * u32::from(n) / u32::from(count);
        if begin.elapsed() < pace {
            read();
        }
    }
    read();
    arrived
}

#[test]
fn a_peer_that_floods_a_service_with_limits_leaves_it_to_the_others() {
    let Some(mut field) = Field::new() else { return };
    field.enforcer.enforce();
    let second = Duration::from_secs(1);
    // Without a limit everything arrives.
    assert_eq!(syns(&field, Role::Web, 2000, 5000, second), 5000);
    let limits =
        "  - name: store-answers\n    limits: { connectionsPerSource: { rate: 100/s, burst: 50 } }\n";
    field.enforcer.write("policy.yaml", &POLICY.replace("  - name: store-answers\n", limits));
    crate::traffic::until("the limits are in force", || {
        field.enforcer.journal().matches(r#""outcome":"applied""#).count() == 2
    });
    let arrived = syns(&field, Role::Web, 8000, 5000, second);
    // A second's worth, the burst, and what the machine's other business adds to the second.
    assert!((100..1000).contains(&arrived), "{arrived} of 5000 arrived");
    let new = opened(path(Role::Outside, Role::Store), (900, TCP_PORT));
    expect(&field, "another peer", &new);
    expect(&field, "and so goes on", &path(Role::Outside, Role::Store).goes_on((900, TCP_PORT)));
}
