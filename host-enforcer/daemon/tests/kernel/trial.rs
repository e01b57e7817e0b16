//! The programs on single packets, against the same decision over plain tables.

mod dice;

use bookend_abi::craft;
use bookend_abi::packet::{ABORT, ACK, SHUTDOWN, SYN};
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{
    ALLOW, BlockKey, Config, Counter, DENY, ICMP, ICMPV6, Interface, Limit, OUTSIDE, OwnedKey, PolicyHead,
    Rate, SCTP, TCP, UDP, VerdictKey, VerdictValue,
};
use bookend_abi::{Event, FROM_WORKLOAD, Outcome, Reason, TO_WORKLOAD, address};
use bookend_enforcer::kernel::Trial;
use dice::{Dice, apart};
use std::collections::BTreeMap;
use std::net::IpAddr;

const OWN: &str = "10.0.0.1";
const OWN6: &str = "fd00::1";
const FRIEND: &str = "10.0.0.2";
const FRIEND6: &str = "fd00::2";
const STRANGER: &str = "192.0.2.7";
const EGRESS: u64 = 0x1111_1111_1111_1111;
const INGRESS: u64 = 0x2222_2222_2222_2222;
const FRIEND_IDENTITY: u64 = 0x3333_3333_3333_3333;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn address(text: &str) -> bookend_abi::Address {
    address::from_ip(ip(text))
}

/// A workload that may open TCP 9080 and 8192–16383 to a friend, SCTP 3868 and ICMP timestamps and type 42, and anything to
/// a block, and be reached on UDP 53 and by echo. An audit speaks of TCP 9081 and 9082, of type 42 and of the default.
fn tables() -> PlainTables {
    let mut tables = PlainTables::default();
    let (ifindex, quota) = (Trial::IFINDEX, 1_024);
    tables.police(Interface { egress: EGRESS, ingress: INGRESS, epoch: 5, flags: 0, ifindex, quota });
    tables.config = Config { epoch: 9, sample: 1, ..Config::default() };
    for own in [OWN, OWN6] {
        tables.owned.insert(OwnedKey { ifindex: Trial::IFINDEX, address: address(own) });
    }
    for friend in [FRIEND, FRIEND6] {
        tables.identities.insert(address(friend), FRIEND_IDENTITY);
    }
    let head = PolicyHead {
        flags: PolicyHead::HAS_BLOCKS,
        tcp_prefixes: 1 << 16 | 1 << 3 | 1,
        udp_prefixes: 1 << 16,
        sctp_prefixes: 1 << 16,
        icmp_prefixes: 1 << 8 | 1,
        icmpv6_prefixes: 1 << 16,
        default_rule: 77,
        default_audit_rule: 0,
    };
    tables.policies.insert(EGRESS, head);
    let default_audit_rule = 78;
    tables.policies.insert(
        INGRESS,
        PolicyHead { flags: head.flags | PolicyHead::DEFAULT_AUDIT_ALLOW, default_audit_rule, ..head },
    );
    tables.blocks.insert(BlockKey::new(EGRESS, address("192.0.2.0"), 96 + 24), 4);
    tables.blocks.insert(BlockKey::new(INGRESS, address("192.0.2.0"), 96 + 24), 5);
    let mut allow = |policy, identity, block, protocol, port, prefix_length, rule| {
        let key = VerdictKey { policy, identity, block, port, protocol, prefix_length };
        tables.verdicts.insert(key, VerdictValue::new(rule, ALLOW));
    };
    allow(EGRESS, FRIEND_IDENTITY, 0, TCP, 9080, 16, 1);
    allow(EGRESS, FRIEND_IDENTITY, 0, TCP, 8192, 3, 2);
    allow(EGRESS, OUTSIDE, 4, TCP, 0, 0, 3);
    allow(INGRESS, FRIEND_IDENTITY, 0, UDP, 53, 16, 4);
    allow(INGRESS, FRIEND_IDENTITY, 0, ICMP, 0, 0, 5);
    allow(INGRESS, FRIEND_IDENTITY, 0, ICMPV6, 128 << 8, 16, 6);
    allow(EGRESS, FRIEND_IDENTITY, 0, SCTP, 3868, 16, 7);
    allow(EGRESS, FRIEND_IDENTITY, 0, ICMP, 13 << 8, 8, 8);
    let mut audit = |protocol, port, prefix_length, value| {
        let (policy, identity) = (EGRESS, FRIEND_IDENTITY);
        let key = VerdictKey { policy, identity, block: 0, port, protocol, prefix_length };
        tables.verdicts.insert(key, value);
    };
    audit(TCP, 9081, 16, VerdictValue::new(9, ALLOW).audited(79, DENY));
    audit(TCP, 9082, 16, VerdictValue::new(9, DENY).audited(79, ALLOW));
    audit(ICMP, 42 << 8, 8, VerdictValue::new(9, ALLOW).audited(79, DENY));
    tables
}

fn tcp(from: &str, to: &str, ports: (u16, u16), flags: u8) -> Vec<u8> {
    craft::frame(ip(from), ip(to), TCP, &craft::tcp(ports.0, ports.1, flags))
}

fn udp(from: &str, to: &str, ports: (u16, u16)) -> Vec<u8> {
    craft::frame(ip(from), ip(to), UDP, &craft::udp(ports.0, ports.1, b"data"))
}

/// Chunks of SCTP.
const DATA: u8 = 0;
const INIT_ACK: u8 = 2;

fn sctp(from: &str, to: &str, packet: &[u8]) -> Vec<u8> {
    craft::frame(ip(from), ip(to), SCTP, packet)
}

fn patched(mut frame: Vec<u8>, offset: usize, bytes: &[u8]) -> Vec<u8> {
    frame[offset..offset + bytes.len()].copy_from_slice(bytes);
    frame
}

/// A conversation: every packet in order, for the table of connections remembers.
fn conversation() -> Vec<(u8, Vec<u8>)> {
    let (from, to) = (FROM_WORKLOAD, TO_WORKLOAD);
    let echo = |kind| craft::icmp(kind, [0, 7, 0, 1], b"ping");
    let neighbor = |kind: u8, target: &str| craft::icmp(kind, [0; 4], &address(target));
    let sent = craft::packet(ip(OWN), ip(FRIEND), TCP, &craft::tcp(40000, 9080, ACK));
    let syn = |to: &str, port| tcp(OWN, to, (40000, port), SYN);
    let bundled =
        [craft::sctp_init(5001, 3868), craft::sctp(0, 0, 7, DATA, &[0; 16])[12..].to_vec()].concat();
    let associated = craft::packet(ip(OWN), ip(FRIEND), SCTP, &craft::sctp(5000, 3868, 7, DATA, &[0; 16]));
    let mut with_options = tcp(OWN, FRIEND, (40007, 9080), SYN);
    with_options.splice(34..34, [148, 4, 0, 0, 1, 0, 0, 0]);
    let with_options = patched(patched(with_options, 14, &[0x47]), 16, &48_u16.to_be_bytes());
    vec![
        (from, syn(FRIEND, 9080)),
        (to, tcp(FRIEND, OWN, (9080, 40000), SYN | ACK)),
        (from, tcp(OWN, FRIEND, (40000, 9080), ACK)),
        (to, tcp(FRIEND, OWN, (9080, 40001), ACK)),
        (from, syn(FRIEND, 9000)),
        (from, syn(FRIEND, 16383)),
        (from, syn(FRIEND, 16384)),
        (from, syn(STRANGER, 1)),
        (from, syn("192.0.3.7", 1)),
        (from, tcp(OWN6, FRIEND6, (40000, 9080), SYN)),
        (to, tcp(FRIEND6, OWN6, (9080, 40000), SYN | ACK)),
        (from, tcp(OWN, FRIEND, (40002, 9080), ACK)),
        (from, tcp(FRIEND, OWN, (40000, 9080), SYN)),
        (from, tcp("fd00::9", FRIEND6, (40000, 9080), SYN)),
        (to, tcp(FRIEND, "10.0.0.9", (9080, 40000), ACK)),
        (to, udp(FRIEND, OWN, (5000, 53))),
        (from, udp(OWN, FRIEND, (53, 5000))),
        (from, udp(OWN, FRIEND, (53, 5001))),
        (to, craft::frame(ip(FRIEND), ip(OWN), ICMP, &echo(8))),
        (from, craft::frame(ip(OWN), ip(FRIEND), ICMP, &echo(0))),
        (from, craft::frame(ip(OWN), ip(FRIEND), ICMP, &echo(8))),
        (to, craft::frame(ip(FRIEND6), ip(OWN6), ICMPV6, &echo(128))),
        (from, craft::frame(ip(OWN6), ip(FRIEND6), ICMPV6, &echo(129))),
        (to, craft::frame(ip("198.51.100.1"), ip(OWN), ICMP, &craft::icmp(3, [0, 0, 5, 0], &sent))),
        (to, craft::frame(ip("198.51.100.1"), ip(OWN), ICMP, &craft::icmp(3, [0; 4], &sent[..20]))),
        (to, craft::frame(ip("198.51.100.1"), ip(OWN), ICMP, &craft::icmp(5, [0; 4], &sent))),
        (from, craft::frame(ip(OWN6), ip("ff02::1:ff00:2"), ICMPV6, &neighbor(135, FRIEND6))),
        (from, craft::frame(ip(OWN6), ip(FRIEND6), ICMPV6, &neighbor(136, FRIEND6))),
        (from, craft::frame(ip(OWN6), ip(FRIEND6), ICMPV6, &neighbor(136, OWN6))),
        (to, craft::frame(ip(FRIEND6), ip("ff02::1:ff00:1"), ICMPV6, &neighbor(135, OWN6))),
        (from, craft::frame(ip(OWN6), ip(FRIEND6), ICMPV6, &neighbor(136, OWN6))),
        (to, craft::frame(ip("fe80::1"), ip(OWN6), ICMPV6, &neighbor(136, "fd00::3"))),
        (from, craft::frame(ip(OWN6), ip("fd00::3"), ICMPV6, &neighbor(135, "fd00::3"))),
        (from, craft::frame(ip("::"), ip("ff02::1:ff00:2"), ICMPV6, &neighbor(135, FRIEND6))),
        (to, craft::frame(ip("fe80::1"), ip("ff02::1"), ICMPV6, &neighbor(134, FRIEND6))),
        (from, craft::frame(ip("fe80::1"), ip("ff02::1"), ICMPV6, &neighbor(134, FRIEND6))),
        (from, craft::arp(1, [10, 0, 0, 1], [10, 0, 0, 2])),
        (from, craft::arp(2, [10, 0, 0, 2], [10, 0, 0, 3])),
        (to, craft::arp(2, [10, 0, 0, 2], [10, 0, 0, 1])),
        (from, patched(syn(FRIEND, 9080), 20, &[0x20, 0])),
        (from, patched(syn(FRIEND, 9080), 46, &[0x40])),
        (from, patched(syn(FRIEND, 9080), 16, &[0xff, 0xff])),
        (from, tcp(OWN, FRIEND, (1, 9080), SYN)[..44].to_vec()),
        (from, with_options.clone()),
        (from, patched(with_options, 34, &[131])),
        (from, craft::ethernet(0x88cc, &[0; 60])),
        (from, craft::ethernet(0x8100, &[0; 60])),
        (from, craft::frame(ip(OWN), ip(FRIEND), 47, &[0; 12])),
        (from, syn(FRIEND, 9081)),
        (from, syn(FRIEND, 9082)),
        (to, tcp(FRIEND, OWN, (1, 2), SYN)),
        (from, sctp(OWN, FRIEND, &craft::sctp(5000, 3868, 7, DATA, &[0; 16]))),
        (from, sctp(OWN, FRIEND, &craft::sctp_init(5000, 3869))),
        (from, sctp(OWN, FRIEND, &craft::sctp_init(5000, 3868))),
        (to, sctp(FRIEND, OWN, &craft::sctp(3868, 5000, 9, INIT_ACK, &[0; 16]))),
        (from, sctp(OWN, FRIEND, &craft::sctp(5000, 3868, 7, DATA, &[0; 16]))),
        (from, sctp(OWN, FRIEND, &bundled)),
        (from, sctp(OWN, FRIEND, &craft::sctp(5000, 3868, 0, DATA, &[0; 16]))),
        (to, craft::frame(ip("198.51.100.1"), ip(OWN), ICMP, &craft::icmp(3, [0; 4], &associated))),
        (to, sctp(FRIEND, OWN, &craft::sctp(3868, 5000, 9, SHUTDOWN, &[0; 4]))),
        (to, sctp(FRIEND, OWN, &craft::sctp(3868, 5000, 9, ABORT, &[]))),
        (from, sctp(OWN6, FRIEND6, &craft::sctp_init(5000, 3868))),
        (from, craft::frame(ip(OWN), ip(FRIEND), ICMP, &echo(13))),
        (to, craft::frame(ip(FRIEND), ip(OWN), ICMP, &echo(14))),
        (to, craft::frame(ip(FRIEND), ip(OWN), ICMP, &echo(0))),
        (from, craft::frame(ip(OWN), ip(FRIEND), ICMP, &craft::icmp_with_code(42, 9, [0; 4], b""))),
        (from, craft::frame(ip(OWN), ip(FRIEND), ICMP, &craft::icmp(43, [0; 4], b""))),
        (from, craft::frame(ip(OWN), ip(FRIEND), ICMP, &craft::icmp_with_code(8, 1, [0; 4], b""))),
        (to, craft::frame(ip(FRIEND6), ip(OWN6), ICMPV6, &craft::icmp(139, [0; 4], b""))),
        (to, craft::frame(ip(FRIEND6), ip(OWN6), ICMPV6, &craft::icmp(100, [0; 4], b""))),
    ]
}

/// The decision over plain tables, with what is told of it.
fn expected(tables: &mut PlainTables, direction: u8, frame: &[u8]) -> (Outcome, Vec<Event>) {
    // How much may be told goes by the clock, which is not the same.
    tables.slot_states.values_mut().for_each(|state| (state.denials, state.connections) = (0, 0));
    let outcome = tables.judge(direction, Trial::IFINDEX, frame, NOW);
    (outcome, std::mem::take(&mut tables.events).into_iter().map(timeless).collect())
}

/// Any time: nothing expires while a test runs.
const NOW: u64 = 1_000_000_000;

fn timeless(event: Event) -> Event {
    Event { time: 0, duration: 0, ..event }
}

/// Judges `frame` in the kernel and over `tables`: the same, unless the kernel does not take it for a packet.
fn compare(trial: &mut Trial, tables: &mut PlainTables, direction: u8, frame: &[u8]) -> Option<Outcome> {
    let result = trial.run(direction, frame, 1).ok()?;
    let (outcome, told) = expected(tables, direction, frame);
    if let Some(seen) = result.event.map(timeless) {
        assert!(told.contains(&seen), "{seen:?} {told:?} {outcome:?} {frame:02x?}");
    }
    assert_eq!(result.allowed, outcome.passes(), "{outcome:?} {frame:02x?}");
    Some(outcome)
}

/// What was counted by reason; suppressed events left out, for they go by the clock.
fn counted(counters: &BTreeMap<Reason, Counter>) -> BTreeMap<Reason, Counter> {
    let told = |reason: &Reason| *reason != Reason::EVENT_SUPPRESSED && *reason != Reason::EVENT_LOST;
    counters.iter().filter(|(reason, c)| told(reason) && c.packets > 0).map(|(r, c)| (*r, *c)).collect()
}

#[test]
fn the_kernel_decides_as_the_shared_function_does() {
    let Some(object) = super::artifact::object() else { return };
    let mut trial = Trial::load(&object).unwrap();
    let mut tables = tables();
    trial.replace(&tables).unwrap();
    let mut reasons = std::collections::BTreeSet::new();
    for (direction, frame) in conversation() {
        reasons.extend(compare(&mut trial, &mut tables, direction, &frame).map(|outcome| outcome.reason));
    }
    assert_eq!(counted(&trial.counters().unwrap()), counted(&tables.counters));
    // A corpus that covers too little would pass for the wrong reason.
    assert!(reasons.len() >= 17, "{:?}", reasons.iter().map(|reason| reason.name()).collect::<Vec<_>>());
}

#[test]
fn before_any_table_is_written_everything_is_dropped() {
    let Some(object) = super::artifact::object() else { return };
    let mut trial = Trial::load(&object).unwrap();
    for direction in [FROM_WORKLOAD, TO_WORKLOAD] {
        let result = trial.run(direction, &tcp(OWN, FRIEND, (40000, 9080), SYN), 1).unwrap();
        assert!(!result.allowed);
        assert_eq!(result.event.map(|event| event.reason), Some(Reason::UNKNOWN_INTERFACE.0));
    }
}

#[test]
fn what_an_audit_says_is_counted_and_not_enforced() {
    let Some(object) = super::artifact::object() else { return };
    let mut trial = Trial::load(&object).unwrap();
    let mut tables = tables();
    tables.config.sample = 0;
    trial.replace(&tables).unwrap();
    for (direction, frame, allowed) in [
        (FROM_WORKLOAD, tcp(OWN, FRIEND, (40000, 9081), SYN), true),
        (FROM_WORKLOAD, tcp(OWN, FRIEND, (40000, 9081), ACK), true),
        (FROM_WORKLOAD, tcp(OWN, FRIEND, (40000, 9082), SYN), false),
        (TO_WORKLOAD, tcp(STRANGER, OWN, (40000, 80), SYN), false),
        (FROM_WORKLOAD, tcp(OWN, FRIEND, (40000, 9080), SYN), true),
    ] {
        assert_eq!(trial.run(direction, &frame, 1).unwrap().allowed, allowed);
    }
    let counted = trial.audits().unwrap();
    let packets: Vec<_> = counted.iter().map(|(rule, counter)| (*rule, counter.packets)).collect();
    assert_eq!(packets, [(78, 1), (79, 2)]);
}

#[test]
fn kernel_and_shared_function_agree_on_damaged_frames() {
    let Some(object) = super::artifact::object() else { return };
    let mut trial = Trial::load(&object).unwrap();
    let (mut dice, mut compared) = (Dice(0x9e37_79b9_7f4a_7c15), 0);
    let mut reasons = BTreeMap::new();
    let corpus: Vec<_> = conversation().into_iter().chain(apart()).collect();
    for round in 0..420 {
        let mut tables = dice.policies();
        trial.replace(&tables).unwrap();
        let before = counted(&trial.counters().unwrap());
        for _ in 0..300 {
            let (direction, frame) = corpus[dice.roll(corpus.len())].clone();
            let frame = if dice.roll(3) == 0 { frame } else { dice.damage(frame) };
            let Some(outcome) = compare(&mut trial, &mut tables, direction, &frame) else { continue };
            *reasons.entry(outcome.reason).or_insert(0) += 1;
            compared += 1;
        }
        let mut after = counted(&trial.counters().unwrap());
        for (reason, counter) in before {
            let total = after.get_mut(&reason).unwrap();
            *total = Counter { packets: total.packets - counter.packets, bytes: total.bytes - counter.bytes };
        }
        assert_eq!(counted(&after), counted(&tables.counters), "round {round}");
    }
    assert!(compared > 100_000, "{compared}");
    assert!(reasons.len() >= 24, "{reasons:?}");
}

/// Not a judgement, for machines differ; the numbers are printed for whoever asks with `--nocapture`.
#[test]
fn the_cost_of_a_packet_is_measured() {
    let Some(object) = super::artifact::object() else { return };
    let mut trial = Trial::load(&object).unwrap();
    let mut tables = tables();
    tables.config.sample = 0;
    trial.replace(&tables).unwrap();
    // The best of some runs: whatever else the machine does only ever adds.
    let mut measure = |name: &str, direction, frame: &[u8]| {
        let results: Vec<_> = (0..8).map(|_| trial.run(direction, frame, 100_000).unwrap()).collect();
        let best = results.iter().map(|result| result.duration).min().unwrap();
        let verdict = if results[0].allowed { "pass" } else { "drop" };
        println!("{name:44} {:>6} ns  {verdict}", best.as_nanos());
    };
    for (from, to) in [(OWN, FRIEND), (OWN6, FRIEND6)] {
        let syn = tcp(from, to, (40000, 9080), SYN);
        let ack = tcp(from, to, (40000, 9080), ACK);
        measure(&format!("{from}: SYN, exact port"), FROM_WORKLOAD, &syn);
        let answer = tcp(to, from, (9080, 40000), SYN | ACK);
        measure(&format!("{from}: SYN and ACK"), TO_WORKLOAD, &answer);
        measure(&format!("{from}: established"), FROM_WORKLOAD, &ack);
        measure(&format!("{from}: SYN, port range"), FROM_WORKLOAD, &tcp(from, to, (40001, 9000), SYN));
    }
    measure("SCTP INIT", FROM_WORKLOAD, &sctp(OWN, FRIEND, &craft::sctp_init(5000, 3868)));
    let data = craft::sctp(5000, 3868, 7, DATA, &[0; 16]);
    measure("SCTP established", FROM_WORKLOAD, &sctp(OWN, FRIEND, &data));
    measure("SYN, audited (with event until full)", FROM_WORKLOAD, &tcp(OWN, FRIEND, (40000, 9081), SYN));
    measure("SYN, CIDR", FROM_WORKLOAD, &tcp(OWN, STRANGER, (40000, 443), SYN));
    measure("SYN, isolated (with event until full)", FROM_WORKLOAD, &tcp(OWN, FRIEND, (40000, 80), SYN));
    measure("spoofed source", FROM_WORKLOAD, &tcp(FRIEND, OWN, (1, 2), SYN));
    measure("malformed", FROM_WORKLOAD, &craft::ethernet(0x88cc, &[0; 60]));

    // The cost must not grow with the rules.
    for number in 0..200_000_u32 {
        let key = VerdictKey {
            policy: EGRESS,
            identity: u64::from(number) + 1,
            block: 0,
            port: 9080,
            protocol: TCP,
            prefix_length: 16,
        };
        tables.verdicts.insert(key, VerdictValue::new(9, ALLOW));
    }
    trial.replace(&tables).unwrap();
    let mut measure = |name: &str, frame: &[u8]| {
        let runs = (0..8).map(|_| trial.run(FROM_WORKLOAD, frame, 100_000).unwrap().duration);
        println!("{name:44} {:>6} ns", runs.min().unwrap().as_nanos());
    };
    measure("SYN, exact port, among 200,000 verdicts", &tcp(OWN, FRIEND, (40000, 9080), SYN));
    measure("established, among 200,000 verdicts", &tcp(OWN, FRIEND, (40000, 9080), ACK));
}
