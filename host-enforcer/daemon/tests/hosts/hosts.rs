//! Hosts: the machine's own interfaces under policy, and nobody locked out.

use crate::link::Link;
use crate::machine::{FRIEND, Machine, NOTHING, SOME, STRANGER, peer4, peer6, vm4, vm6};
use crate::traffic::{Echo, arrives, connects, never_arrives, never_connects, send, until};
use bookend_abi::craft;
use bookend_abi::packet::SYN;
use bookend_abi::table::{ICMPV6, TCP, UDP};
use std::net::{IpAddr, TcpListener};
use std::process::Command;

#[test]
fn a_machine_accepts_and_opens_what_its_policy_allows_and_nothing_else() {
    let Some(mut m) = Machine::new(SOME) else { return };
    m.police(&[]);
    assert!(connects(&m.friend, &m.host, vm4(FRIEND), 8080));
    assert!(connects(&m.friend, &m.host, vm6(FRIEND), 8080));
    assert!(never_connects(&m.friend, &m.host, vm4(FRIEND), 8081));
    assert!(never_connects(&m.stranger, &m.host, vm4(STRANGER), 8080));
    assert!(never_connects(&m.stranger, &m.host, vm6(STRANGER), 8080));
    assert!(connects(&m.host, &m.friend, peer4(FRIEND), 9090));
    assert!(connects(&m.host, &m.friend, peer6(FRIEND), 9090));
    assert!(never_connects(&m.host, &m.friend, peer4(FRIEND), 9091));
    assert!(never_connects(&m.host, &m.stranger, peer4(STRANGER), 9090));
}

#[test]
fn ssh_survives_a_policy_that_denies_everything_whether_it_was_open_before_or_not() {
    let Some(mut m) = Machine::new(NOTHING) else { return };
    let mut session = Echo::new(&m.stranger, &m.host, vm4(STRANGER), 22);
    assert!(session.works());
    m.police(&[]);
    assert!(session.works());
    assert!(connects(&m.stranger, &m.host, vm4(STRANGER), 22));
    assert!(connects(&m.stranger, &m.host, vm6(STRANGER), 22));
    assert!(never_connects(&m.stranger, &m.host, vm4(STRANGER), 23));
    // Names can be asked for, and the answer comes.
    assert!(arrives(&m.stranger, peer4(STRANGER), 53, || send(&m.host, None, peer4(STRANGER), 53)));
    assert!(never_arrives(&m.stranger, peer4(STRANGER), 54, || send(&m.host, None, peer4(STRANGER), 54)));
    assert!(session.works());
}

#[test]
fn a_failsafe_that_is_narrowed_saves_nobody_else() {
    let Some(mut m) = Machine::new(NOTHING) else { return };
    m.describe("  failsafe: { inbound: [{ port: 22, cidr: 10.78.1.0/24 }] }\n", "");
    m.police(&[]);
    assert!(connects(&m.friend, &m.host, vm4(FRIEND), 22));
    assert!(never_connects(&m.stranger, &m.host, vm4(STRANGER), 22));
}

#[test]
fn what_is_open_goes_on_where_policy_allows_it_and_stops_where_not() {
    let Some(mut m) = Machine::new(SOME) else { return };
    let mut inward = Echo::new(&m.friend, &m.host, vm4(FRIEND), 8080);
    let mut outward = Echo::new(&m.host, &m.friend, peer4(FRIEND), 9090);
    let mut stray = Echo::new(&m.stranger, &m.host, vm4(STRANGER), 8080);
    assert!(inward.works() && outward.works() && stray.works());
    // Who listens was asked: that tells which end opened a connection.
    let server = m.host.inside(|| TcpListener::bind(("0.0.0.0", 8080)).unwrap());
    m.police(&[]);
    assert!(inward.works());
    assert!(outward.works());
    stray.must_stop();
    drop(server);
}

#[test]
fn a_machine_is_released_when_its_document_goes_and_when_the_enforcer_is_detached() {
    let Some(mut m) = Machine::new(SOME) else { return };
    m.police(&[]);
    assert!(never_connects(&m.stranger, &m.host, vm4(STRANGER), 8080));
    m.forget();
    assert!(connects(&m.stranger, &m.host, vm4(STRANGER), 8080));
    m.describe("", "");
    until("the machine is policed again", || never_connects(&m.stranger, &m.host, vm4(STRANGER), 8080));
    // What is enforced outlives the enforcer, and `detach` ends it.
    m.kill();
    assert!(never_connects(&m.stranger, &m.host, vm4(STRANGER), 8080));
    assert!(connects(&m.friend, &m.host, vm4(FRIEND), 8080));
    m.detach();
    assert!(connects(&m.stranger, &m.host, vm4(STRANGER), 8080));
}

#[test]
fn other_machines_are_peers_and_their_interfaces_are_not_here() {
    let Some(mut m) = Machine::new(SOME) else { return };
    let other = "---\napiVersion: bookend.dev/v1alpha1\nkind: Host\nmetadata: { name: friend2, namespace: legacy }\n\
                 spec:\n  labels: { app: friend }\n  interfaces: [{ name: eth0, addresses: [10.78.2.2] }]\n";
    m.describe("", other);
    m.police(&[]);
    assert!(connects(&m.stranger, &m.host, vm4(STRANGER), 8080));
    assert!(never_connects(&m.stranger, &m.host, vm6(STRANGER), 8080));
}

#[test]
fn tagged_frames_are_judged_like_others() {
    let Some(mut m) = Machine::new(SOME) else { return };
    m.police(&["--sample", "1"]);
    let (inside, outside) = (Link::open(&m.host, "eth0"), Link::new(&m.friend));
    let tagged = |from: IpAddr, to: IpAddr, port| {
        let mut frame = craft::frame(from, to, TCP, &craft::tcp(40_000, port, SYN));
        // 802.1Q, VLAN 7.
        frame.splice(12..12, [0x81, 0x00, 0x00, 0x07]);
        frame
    };
    assert!(crosses(&inside, &outside, &tagged(vm4(FRIEND), peer4(FRIEND), 9090)));
    assert!(!crosses(&inside, &outside, &tagged(vm4(FRIEND), peer4(FRIEND), 9091)));
    // There need not be a device for the VLAN: the journal tells what became of what came in.
    for port in [8080, 8081] {
        outside.send(&tagged(peer4(FRIEND), vm4(FRIEND), port));
    }
    let told = |verdict: &str, port: &str| {
        m.journal().lines().any(|line| {
            line.contains(&format!(r#""verdict":"{verdict}""#)) && line.contains(&format!(":{port}"))
        })
    };
    until("both are told", || told("allow", "8080") && told("deny", "8081"));
}

#[test]
fn a_lease_is_asked_for_and_answered_though_no_port_of_it_is_failsafe() {
    let Some(mut m) = Machine::new(NOTHING) else { return };
    m.describe("  failsafe: { inbound: [22], outbound: [53] }\n", "");
    m.police(&[]);
    let all = IpAddr::from([255; 4]);
    let (inside, outside) = (Link::open(&m.host, "eth0"), Link::new(&m.friend));
    let ask = craft::frame([0; 4].into(), all, UDP, &craft::udp(68, 67, b"discover"));
    assert!(crosses(&inside, &outside, &ask));
    let mut offer = craft::frame(peer4(FRIEND), all, UDP, &craft::udp(67, 68, b"offer"));
    offer[..6].copy_from_slice(&[0xff; 6]);
    assert!(arrives(&m.host, [0; 4].into(), 68, || outside.send(&offer)));
    // Nothing else goes that way.
    let other = craft::frame([0; 4].into(), all, UDP, &craft::udp(68, 69, b"discover"));
    assert!(!crosses(&inside, &outside, &other));
}

#[test]
fn a_router_is_heard_and_neighbors_are_found_though_nothing_is_allowed() {
    let Some(mut m) = Machine::new(NOTHING) else { return };
    m.host.inside(|| std::fs::write("/proc/sys/net/ipv6/conf/eth0/accept_ra", "2").unwrap());
    m.police(&[]);
    // Neighbors are forgotten, and must be found anew for ssh.
    m.host.ip("neigh flush all");
    m.friend.ip("neigh flush all");
    assert!(connects(&m.friend, &m.host, vm6(FRIEND), 22));
    // A router at fe80::2 that gives out fd79::/64 (RFC 4861, 4.2 and 4.6.2).
    let mut prefix = vec![3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0, 0xfd, 0x79];
    prefix.resize(32, 0);
    let body: Vec<u8> = [0, 0, 0, 0, 0, 0, 0, 0].into_iter().chain(prefix).collect();
    let message = craft::icmp(134, [64, 0, 0x0e, 0x10], &body);
    let mut frame = craft::frame("fe80::2".parse().unwrap(), "ff02::1".parse().unwrap(), ICMPV6, &message);
    frame[21] = 255;
    frame[..6].copy_from_slice(&[0x33, 0x33, 0, 0, 0, 1]);
    let outside = Link::new(&m.friend);
    until("the machine has an address of the prefix", || {
        outside.send(&frame);
        let addresses =
            Command::new("ip").args(["-n", &m.host.0, "-6", "addr", "show", "dev", "eth0"]).output();
        String::from_utf8(addresses.unwrap().stdout).unwrap().contains("fd79:")
    });
}

#[test]
fn a_machine_that_forwards_does_not_judge_what_is_not_its_own() {
    let Some(mut m) = Machine::new(NOTHING) else { return };
    let pod = m.namespace("pod");
    m.plug(&pod, "pod0", 3);
    m.host.inside(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap());
    m.describe("  forwards: true\n", "");
    m.police(&[]);
    assert!(connects(&m.stranger, &pod, peer4(3), 8080));
    assert!(connects(&pod, &m.stranger, peer4(STRANGER), 9090));
    assert!(never_connects(&m.stranger, &m.host, vm4(STRANGER), 8080));
    m.describe("", "");
    until("it forwards no more", || never_connects(&m.stranger, &pod, peer4(3), 8080));
}

#[test]
fn a_dry_run_drops_nothing_tells_what_it_would_drop_and_ends_at_once() {
    let Some(mut m) = Machine::new(SOME) else { return };
    m.police(&["--dry-run", "--sample", "1"]);
    let mut stray = Echo::new(&m.stranger, &m.host, vm4(STRANGER), 8080);
    let mut allowed = Echo::new(&m.friend, &m.host, vm4(FRIEND), 8080);
    assert!(stray.works() && allowed.works());
    assert!(connects(&m.friend, &m.host, vm4(FRIEND), 8081));
    until("the journal tells what would be dropped", || {
        m.journal().lines().any(|line| {
            line.contains(r#""verdict":"deny""#)
                && line.contains(r#""observed":true"#)
                && line.contains("8080")
        })
    });
    assert!(m.status("text").contains("dry run"), "{}", m.status("text"));
    m.kill();
    m.police(&[]);
    assert!(allowed.works());
    stray.must_stop();
    assert!(never_connects(&m.friend, &m.host, vm4(FRIEND), 8081));
    assert!(!m.status("text").contains("dry run"), "{}", m.status("text"));
}

#[test]
fn a_dry_run_opens_what_was_enforced_before() {
    let Some(mut m) = Machine::new(SOME) else { return };
    m.police(&[]);
    assert!(never_connects(&m.stranger, &m.host, vm4(STRANGER), 8080));
    m.kill();
    m.police(&["--dry-run"]);
    assert!(connects(&m.stranger, &m.host, vm4(STRANGER), 8080));
}

#[test]
fn an_interface_without_ethernet_is_refused_and_left_as_it_is() {
    let Some(mut m) = Machine::new(SOME) else { return };
    m.host.ip("tuntap add mode tun name tun0");
    let spec = "  - { name: tun0, addresses: [10.78.9.1] }\n";
    m.describe(spec, "");
    m.launch_so(&[], &["--host", "legacy/vm", "--listen", "none"]);
    until("it says why", || m.said().contains("its packets have no Ethernet header"));
    assert!(m.said().contains("so it is left as it is"), "{}", m.said());
    until("the others are policed", || never_connects(&m.stranger, &m.host, vm4(STRANGER), 8080));
    assert!(connects(&m.friend, &m.host, vm4(FRIEND), 8080));
}

/// Whether a frame that is sent at the one end of a link arrives at the other, with or without its tag.
fn crosses(from: &Link, to: &Link, frame: &[u8]) -> bool {
    while to.receive().is_some() {}
    from.send(frame);
    (0..20).any(|_| to.receive().is_some_and(|seen| seen.ends_with(&frame[frame.len() - 28..])))
}
