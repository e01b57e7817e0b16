mod association;
mod audit;
mod connection;
mod law;
mod message;
mod neighbor;

use super::*;
use crate::event::TO_WORKLOAD;
use crate::flow;
use crate::packet::{ACK, FIN, RST, SYN};
use crate::plain::PlainTables;
use crate::table::{
    BlockKey, ICMP, ICMPV6, OTHER_PROTOCOL, PolicyHead, SCTP, TCP, UDP, VerdictKey, VerdictValue,
};
use crate::{address, craft};
use std::net::IpAddr;

const IFINDEX: u32 = 7;
const SECOND: u64 = 1_000_000_000;

const OWN: &str = "10.0.0.1";
const FRIEND: &str = "10.0.0.2";
const STRANGER: &str = "192.0.2.1";
const FRIEND_IDENTITY: u64 = 22;
const EGRESS: u64 = 100;
const INGRESS: u64 = 200;
const ISOLATED: u64 = 900;

/// One workload that owns [`OWN`] and `fd00::1`, isolated both ways; it may open TCP 80 to the friend, and the friend
/// TCP 8080, UDP 53 and echo to it.
struct World {
    tables: PlainTables,
    now: u64,
}

impl World {
    fn new() -> Self {
        let mut tables = PlainTables::default();
        let (ifindex, quota) = (IFINDEX, 64);
        tables.police(Interface { egress: EGRESS, ingress: INGRESS, epoch: 1, flags: 0, ifindex, quota });
        for own in [OWN, "fd00::1"] {
            tables.owned.insert(OwnedKey { ifindex: IFINDEX, address: address(own) });
        }
        tables.identities.insert(address(FRIEND), FRIEND_IDENTITY);
        for handle in [EGRESS, INGRESS] {
            tables.policies.insert(
                handle,
                PolicyHead {
                    tcp_prefixes: 1 << 16,
                    udp_prefixes: 1 << 16,
                    default_rule: ISOLATED,
                    ..PolicyHead::default()
                },
            );
        }
        let mut world = Self { tables, now: 1_000 * SECOND };
        world.allow(EGRESS, TCP, 80, 16, 1);
        world.allow(INGRESS, TCP, 8080, 16, 2);
        world.allow(INGRESS, UDP, 53, 16, 3);
        world.allow(INGRESS, ICMP, 0, 0, 4);
        world
    }

    fn verdict(
        &mut self,
        policy: u64,
        identity: u64,
        protocol: u8,
        port: u16,
        prefix_length: u8,
        value: VerdictValue,
    ) {
        let key = VerdictKey { policy, identity, block: 0, port, protocol, prefix_length };
        self.tables.verdicts.insert(key, value);
        let head = self.tables.policies.get_mut(&policy).unwrap();
        match protocol {
            TCP => head.tcp_prefixes |= 1 << prefix_length,
            UDP => head.udp_prefixes |= 1 << prefix_length,
            SCTP => head.sctp_prefixes |= 1 << prefix_length,
            ICMP => head.icmp_prefixes |= 1 << prefix_length,
            ICMPV6 => head.icmpv6_prefixes |= 1 << prefix_length,
            _ => {}
        }
    }

    fn allow(&mut self, policy: u64, protocol: u8, port: u16, prefix_length: u8, rule: u64) {
        self.verdict(policy, FRIEND_IDENTITY, protocol, port, prefix_length, VerdictValue::new(rule, ALLOW));
    }

    fn judge(&mut self, direction: u8, frame: &[u8]) -> Outcome {
        self.tables.judge(direction, IFINDEX, frame, self.now)
    }

    fn send(&mut self, remote: &str, protocol: u8, payload: &[u8]) -> Outcome {
        self.judge(FROM_WORKLOAD, &craft::frame(ip(OWN), ip(remote), protocol, payload))
    }

    fn receive(&mut self, remote: &str, protocol: u8, payload: &[u8]) -> Outcome {
        self.judge(TO_WORKLOAD, &craft::frame(ip(remote), ip(OWN), protocol, payload))
    }

    /// An established connection from the workload to the friend's port 80.
    fn connected() -> Self {
        let mut world = Self::new();
        passes(world.send(FRIEND, TCP, &craft::tcp(5000, 80, SYN)), Reason::RULE, 1);
        passes(world.receive(FRIEND, TCP, &craft::tcp(80, 5000, SYN | ACK)), Reason::ESTABLISHED, 1);
        passes(world.send(FRIEND, TCP, &craft::tcp(5000, 80, ACK)), Reason::ESTABLISHED, 1);
        world
    }

    fn isolate(&mut self) {
        self.tables.verdicts.clear();
        self.tables.policed_mut(IFINDEX).unwrap().epoch += 1;
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn address(text: &str) -> Address {
    address::from_ip(ip(text))
}

#[track_caller]
fn passes(outcome: Outcome, reason: Reason, rule: u64) {
    assert_eq!((outcome.verdict, outcome.reason.name(), outcome.rule), (ALLOW, reason.name(), rule));
}

#[track_caller]
fn drops(outcome: Outcome, reason: Reason) {
    assert_eq!((outcome.verdict, outcome.reason.name()), (DENY, reason.name()));
    assert!(outcome.report, "everything denied is reported");
}

#[test]
fn before_a_policy_is_known_everything_is_denied() {
    let mut world = World::new();
    world.tables.leave(IFINDEX);
    drops(world.send(FRIEND, TCP, &craft::tcp(5000, 80, SYN)), Reason::UNKNOWN_INTERFACE);
    drops(
        world.judge(FROM_WORKLOAD, &craft::arp(1, [10, 0, 0, 1], [10, 0, 0, 2])),
        Reason::UNKNOWN_INTERFACE,
    );
    world.tables.police(Interface { ifindex: IFINDEX, ..Interface::default() });
    drops(world.send(FRIEND, TCP, &craft::tcp(5000, 80, SYN)), Reason::UNKNOWN_POLICY);
    world.tables.police(Interface { egress: 12345, ifindex: IFINDEX, ..Interface::default() });
    drops(world.send(FRIEND, TCP, &craft::tcp(5000, 80, SYN)), Reason::UNKNOWN_POLICY);
}

#[test]
fn an_isolated_workload_reaches_only_what_a_rule_names() {
    let mut world = World::new();
    passes(world.send(FRIEND, TCP, &craft::tcp(5000, 80, SYN)), Reason::RULE, 1);
    for (remote, protocol, payload) in [
        (FRIEND, TCP, craft::tcp(5000, 81, SYN)),
        (FRIEND, UDP, craft::udp(5000, 80, b"")),
        (FRIEND, ICMP, craft::icmp(8, [0; 4], b"")),
        (FRIEND, SCTP, craft::sctp_init(5000, 80)),
        (FRIEND, 47, vec![0; 12]),
        (STRANGER, TCP, craft::tcp(5000, 80, SYN)),
    ] {
        let outcome = world.send(remote, protocol, &payload);
        drops(outcome, Reason::ISOLATION);
        assert_eq!(outcome.rule, ISOLATED);
    }
}

#[test]
fn a_workload_that_is_not_isolated_reaches_what_no_rule_denies() {
    let mut world = World::new();
    world.tables.policies.get_mut(&EGRESS).unwrap().flags = PolicyHead::DEFAULT_ALLOW;
    world.verdict(EGRESS, OUTSIDE, TCP, 25, 16, VerdictValue::new(9, DENY));
    passes(world.send(STRANGER, TCP, &craft::tcp(5000, 443, SYN)), Reason::DEFAULT, ISOLATED);
    let outcome = world.send(STRANGER, TCP, &craft::tcp(5000, 25, SYN));
    drops(outcome, Reason::RULE);
    assert_eq!(outcome.rule, 9);
}

#[test]
fn a_verdict_that_is_neither_allow_nor_deny_denies() {
    let mut world = World::new();
    world.verdict(EGRESS, FRIEND_IDENTITY, TCP, 80, 16, VerdictValue::new(9, 2));
    drops(world.send(FRIEND, TCP, &craft::tcp(5000, 80, SYN)), Reason::RULE);
}

#[test]
fn the_longest_port_prefix_decides() {
    let mut world = World::new();
    world.allow(EGRESS, TCP, 0, 0, 10);
    world.allow(EGRESS, TCP, 8192, 3, 11);
    world.verdict(EGRESS, FRIEND_IDENTITY, TCP, 9080, 16, VerdictValue::new(12, DENY));
    passes(world.send(FRIEND, TCP, &craft::tcp(5000, 1, SYN)), Reason::RULE, 10);
    passes(world.send(FRIEND, TCP, &craft::tcp(5000, 8192, SYN)), Reason::RULE, 11);
    passes(world.send(FRIEND, TCP, &craft::tcp(5000, 16383, SYN)), Reason::RULE, 11);
    passes(world.send(FRIEND, TCP, &craft::tcp(5000, 16384, SYN)), Reason::RULE, 10);
    passes(world.send(FRIEND, TCP, &craft::tcp(5000, 65535, SYN)), Reason::RULE, 10);
    drops(world.send(FRIEND, TCP, &craft::tcp(5000, 9080, SYN)), Reason::RULE);
}

#[test]
fn the_longest_block_of_this_policy_decides() {
    let mut world = World::new();
    let block = |policy, text, length: u32| BlockKey::new(policy, address(text), 96 + length);
    world.tables.blocks.insert(block(EGRESS, "192.0.0.0", 8), 1);
    world.tables.blocks.insert(block(EGRESS, "192.0.2.0", 24), 2);
    world.tables.blocks.insert(block(INGRESS, "192.0.2.1", 32), 3);
    let key = VerdictKey {
        policy: EGRESS,
        identity: OUTSIDE,
        block: 2,
        port: 443,
        protocol: TCP,
        prefix_length: 16,
    };
    world.tables.verdicts.insert(key, VerdictValue::new(7, ALLOW));
    // Not until the head says that there are blocks.
    drops(world.send(STRANGER, TCP, &craft::tcp(5000, 443, SYN)), Reason::ISOLATION);
    world.tables.policies.get_mut(&EGRESS).unwrap().flags = PolicyHead::HAS_BLOCKS;
    passes(world.send(STRANGER, TCP, &craft::tcp(5000, 443, SYN)), Reason::RULE, 7);
    drops(world.send("192.0.3.1", TCP, &craft::tcp(5000, 443, SYN)), Reason::ISOLATION);
    drops(world.send("10.0.0.9", TCP, &craft::tcp(5000, 443, SYN)), Reason::ISOLATION);
}

#[test]
fn other_protocols_have_one_verdict() {
    let mut world = World::new();
    world.allow(EGRESS, OTHER_PROTOCOL, 0, 0, 13);
    passes(world.send(FRIEND, 47, &[0; 12]), Reason::RULE, 13);
    passes(world.receive(FRIEND, 47, &[0; 12]), Reason::ESTABLISHED, 13);
    drops(world.receive(FRIEND, 50, &[0; 12]), Reason::ISOLATION);
}

#[test]
fn a_workload_sends_from_its_own_addresses_only() {
    let mut world = World::new();
    let syn = craft::tcp(5000, 80, SYN);
    drops(world.judge(FROM_WORKLOAD, &craft::frame(ip(FRIEND), ip(OWN), TCP, &syn)), Reason::SPOOFED_SOURCE);
    drops(
        world.judge(FROM_WORKLOAD, &craft::frame(ip("fe80::1"), ip("fd00::2"), TCP, &syn)),
        Reason::SPOOFED_SOURCE,
    );
    drops(
        world.judge(FROM_WORKLOAD, &craft::frame(ip("0.0.0.0"), ip(FRIEND), UDP, &craft::udp(68, 67, b""))),
        Reason::SPOOFED_SOURCE,
    );
    drops(
        world.judge(TO_WORKLOAD, &craft::frame(ip(FRIEND), ip("10.0.0.3"), TCP, &syn)),
        Reason::FOREIGN_DESTINATION,
    );
}

#[test]
fn allowed_connections_are_reported_once_and_on_request() {
    let mut world = World::new();
    assert!(!world.send(FRIEND, TCP, &craft::tcp(5000, 80, SYN)).report);
    world.tables.config.sample = 1;
    assert!(world.send(FRIEND, TCP, &craft::tcp(5001, 80, SYN)).report);
    assert!(!world.receive(FRIEND, TCP, &craft::tcp(80, 5001, SYN | ACK)).report);
}

#[test]
fn a_report_names_the_workload_local() {
    let mut world = World::new();
    let frame = craft::frame(ip(FRIEND), ip(OWN), TCP, &craft::tcp(5000, 8080, SYN));
    world.tables.config.sample = 1;
    world.judge(TO_WORKLOAD, &frame);
    let event = world.tables.events[0];
    assert_eq!((event.local, event.local_port), (address(OWN), 8080));
    assert_eq!((event.remote, event.remote_port), (address(FRIEND), 5000));
    assert_eq!((event.rule, event.policy, event.identity), (2, INGRESS, FRIEND_IDENTITY));
}
