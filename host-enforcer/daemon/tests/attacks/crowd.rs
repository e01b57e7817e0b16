//! A thousand interfaces at once.

use crate::field::{Field, Role, TCP_PORT, WORKLOADS, inventory};
use crate::forge::FORBIDDEN_TCP;
use crate::link::Link;
use crate::traffic::{until, until_slowly};
use bookend_abi::craft;
use bookend_abi::packet::SYN;
use bookend_abi::table::TCP;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A bridge has 1024 ports, and four are taken.
const CROWD: usize = 1000;

fn batch(field: &Field, lines: &str) {
    let mut command = field.enforcer.host.command("ip");
    let mut child = command.args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_thousand_interfaces_that_appear_at_once_are_all_policed_and_none_is_forgotten() {
    let Some(mut field) = Field::alone() else { return };
    let mut text = inventory(&WORKLOADS.map(|role| (role, role)));
    text.push_str("  - name: crowd\n    namespace: default\n    labels: { app: web }\n    instances:\n");
    for n in 0..CROWD {
        writeln!(text, "    - {{ addresses: [{}], interface: c{n} }}", address(n)).unwrap();
    }
    field.enforcer.write("inventory.yaml", &text);
    field.enforcer.enforce();
    let crowd = field.enforcer.namespace("crowd");
    let mut lines = String::new();
    for n in 0..CROWD {
        writeln!(lines, "link add c{n} master br0 up type veth peer name eth{n} netns {}", crowd.0).unwrap();
    }
    let begin = Instant::now();
    batch(&field, &lines);
    let made = begin.elapsed();
    let member = |n: usize| {
        crowd.ip(&format!("link set eth{n} up"));
        Link::open(&crowd, &format!("eth{n}"))
    };
    // The last of all tries to get something through until its turn has come.
    let last = member(CROWD - 1);
    let links = || std::fs::read_dir(field.enforcer.pin("links")).map_or(0, Iterator::count);
    let mut leaked = Duration::ZERO;
    until_slowly("all are policed", Duration::from_secs(60), || {
        last.send(&frame(CROWD - 1, FORBIDDEN_TCP));
        if arrived(&field, CROWD - 1).contains(&FORBIDDEN_TCP) {
            leaked = begin.elapsed();
        }
        let told = || field.enforcer.journal().matches(r#""outcome":"policed""#).count();
        links() == 2 * (CROWD + 3) && told() >= CROWD + 3
    });
    let policed = begin.elapsed();
    let told = format!(
        "\n{CROWD} interfaces made in {:.2} s, closed after {:.2} s, policed after {:.2} s\n",
        made.as_secs_f32(),
        leaked.as_secs_f32(),
        policed.as_secs_f32()
    );
    // Not by `println!`, which is shown only where a test fails.
    let _ = std::io::stderr().write_all(told.as_bytes());
    drop(last);
    for n in [0, 1, CROWD / 2, CROWD - 1] {
        let link = member(n);
        let mut seen = Vec::new();
        // Again and again: a port of the switch is not awake as soon as its interface is up.
        until("what is allowed arrives", || {
            link.send(&frame(n, FORBIDDEN_TCP));
            link.send(&frame(n, TCP_PORT));
            seen.extend(arrived(&field, n));
            !seen.is_empty()
        });
        assert!(seen.iter().all(|port| *port == TCP_PORT), "from interface {n}: {seen:?}");
    }
    // Nobody can be asked before there is an interface; a busy machine is late to hear of one.
    assert!(leaked < made + Duration::from_secs(3), "open for {leaked:?}");
    assert!(policed < made + Duration::from_secs(10), "policed after {policed:?}");
}

/// The address of a member of the crowd.
fn address(n: usize) -> IpAddr {
    [10, 79, (n / 256) as u8, (n % 256) as u8].into()
}

/// The hardware addresses and the type of what a member sends.
fn head(n: usize) -> Vec<u8> {
    [&Role::Outside.station()[..], &[2, 0xc0, 0, 0, (n >> 8) as u8, n as u8], &[8, 0]].concat()
}

/// A SYN of a member to a port outside.
fn frame(n: usize, port: u16) -> Vec<u8> {
    let segment = craft::tcp(6000, port, SYN);
    [head(n), craft::packet(address(n), Role::Outside.address(false), TCP, &segment)].concat()
}

/// The ports outside at which something of a member has arrived since the last look.
fn arrived(field: &Field, n: usize) -> Vec<u16> {
    let mut ports = Vec::new();
    while let Some(frame) = field.receive(Role::Outside) {
        if frame[6..12] == head(n)[6..12] {
            ports.push(u16::from_be_bytes([frame[36], frame[37]]));
        }
    }
    ports
}
