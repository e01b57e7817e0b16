//! A frame is understood as a whole or dropped, and what passes had a reason to.
//!
//! An input is a sequence of frames at one interface. Each starts with two bytes: the lowest bit of the first says the
//! direction, its other bits how many seconds have passed, and the second how many bytes the frame has.

mod reader;

use bookend_abi::flow::NEIGHBOR;
use bookend_abi::packet::Kind;
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{
    ALLOW, DENY, ICMP, ICMPV6, Interface, OwnedKey, PolicyHead, SCTP, TCP, UDP, VerdictKey, VerdictValue,
};
use bookend_abi::{Address, Arrival, FROM_WORKLOAD, Outcome, Packet, TO_WORKLOAD, address, parse};

const IFINDEX: u32 = 7;
const FRIEND: u64 = 22;
const POLICY: u64 = 100;

/// Who is behind the interface, and its friend with whom it may speak.
pub const OWN: [&str; 2] = ["10.0.0.1", "fd00::1"];
/// The friend.
pub const FRIENDS: [&str; 2] = ["10.0.0.2", "fd00::2"];

/// * Of a frame that is understood no byte may be missing, and bytes behind the packet make no difference.
/// * Its addresses are those in its header, and it is a fragment if the header says so.
/// * Another reader reads the same ends, protocol, ports and flags.
/// * From a workload pass only its own addresses, to it only packets for them (S18).
/// * Where nothing is known, only what opens passes, and only what policy allows (S16).
/// * What is dropped is reported and leaves no connection behind.
pub fn law(mut bytes: &[u8]) {
    let mut tables = tables();
    let mut now = 1_000_000_000_000;
    while let [first, length, rest @ ..] = bytes {
        let (frame, others) = rest.split_at(usize::from(*length).min(rest.len()));
        bytes = others;
        now += u64::from(first >> 1) * 1_000_000_000;
        let direction = if first & 1 == 0 { FROM_WORKLOAD } else { TO_WORKLOAD };
        let mut packet = Packet::default();
        if parse(frame, &mut packet).is_ok() {
            let bare = without_tags(frame, &packet);
            understood(&bare, &Packet { tags: 0, ..packet });
            judged(&mut tables, direction, &packet, now);
        }
    }
}

/// The frame without the tags that were read over: what is understood must not depend on them.
fn without_tags(frame: &[u8], packet: &Packet) -> Vec<u8> {
    let behind = 12 + 4 * usize::from(packet.tags);
    [&frame[..12], &frame[behind..]].concat()
}

fn understood(frame: &[u8], packet: &Packet) {
    let is = |frame: &[u8]| {
        let mut again = Packet::default();
        parse(frame, &mut again).map(|()| again)
    };
    let number = |offset: usize| usize::from(u16::from_be_bytes([frame[offset], frame[offset + 1]]));
    let (whole, source, destination): (usize, Address, Address) = match number(12) {
        0x0800 => {
            assert_eq!(number(20) & 0x3fff != 0, packet.fragmented, "a fragment");
            let at = |offset| address::mapped(*frame[offset..].first_chunk().expect("a header"));
            (14 + number(16), at(26), at(30))
        }
        0x86dd => {
            let at = |offset: usize| *frame[offset..].first_chunk().expect("a header");
            (54 + number(18), at(22), at(38))
        }
        0x0806 => {
            let at = |offset| address::mapped(*frame[offset..].first_chunk().expect("a header"));
            (42, at(28), at(38))
        }
        other => panic!("understood a frame of type {other:#x}"),
    };
    assert!(packet.kind != Kind::Unparsed && whole <= frame.len());
    assert_eq!((packet.source, packet.destination), (source, destination));
    for end in 0..whole {
        assert!(is(&frame[..end]).is_err(), "understood without byte {end} of {whole}");
    }
    assert_eq!(is(&frame[..whole]), Ok(*packet));
    reader::agrees(frame, packet);
    assert_eq!(is(&[frame, b"\xff\0\xff"].concat()), Ok(*packet), "bytes behind the packet");
}

fn judged(tables: &mut PlainTables, direction: u8, packet: &Packet, now: u64) {
    let before = tables.flows.clone();
    let arrival = Arrival { time: now, ifindex: IFINDEX, length: 0, direction };
    let Outcome { verdict, reason, report, .. } = tables.decide(&arrival, packet);
    if verdict != ALLOW {
        assert!(verdict == DENY && report, "what is dropped is reported");
        assert!(tables.flows.keys().all(|key| before.contains_key(key)), "a connection was left behind");
        return;
    }
    // A fragment behind the first: that had passed, for it is remembered nowhere else.
    if packet.kind == Kind::Fragment {
        assert!(!tables.fragments.is_empty(), "{reason:?} before the first fragment");
        return;
    }
    let link = matches!(packet.kind, Kind::Arp | Kind::Neighbor);
    let owns = |address: Address| tables.owned.contains(&OwnedKey { ifindex: IFINDEX, address });
    if !link {
        let (own, other) = match direction {
            FROM_WORKLOAD => (packet.source, packet.destination),
            _ => (packet.destination, packet.source),
        };
        assert!(owns(own), "{reason:?} for somebody else's address");
        let known = before.values().any(|flow| flow.state != NEIGHBOR);
        if !known {
            assert!(packet.opens(), "{reason:?} without a connection");
            let friend = FRIENDS.map(|text| address::from_ip(text.parse().expect("an address")));
            assert!(friend.contains(&other), "{reason:?} with a stranger");
        }
    }
    let again = tables.decide(&arrival, packet);
    assert_eq!(again.verdict, ALLOW, "{reason:?}, but not a second time: {:?}", again.reason);
}

/// One workload, isolated, that may speak with its friend: TCP 80, UDP 53, SCTP 3868 and ICMP, both ways.
fn tables() -> PlainTables {
    let mut tables = PlainTables::default();
    let address = |text: &str| address::from_ip(text.parse().expect("an address"));
    let (ifindex, quota) = (IFINDEX, 256);
    tables.police(Interface { egress: POLICY, ingress: POLICY, epoch: 1, flags: 0, ifindex, quota });
    for own in OWN {
        tables.owned.insert(OwnedKey { ifindex: IFINDEX, address: address(own) });
    }
    for friend in FRIENDS {
        tables.identities.insert(address(friend), FRIEND);
    }
    let one = 1 << 16;
    let head = PolicyHead {
        tcp_prefixes: one,
        udp_prefixes: one,
        sctp_prefixes: one,
        icmp_prefixes: 1,
        icmpv6_prefixes: 1,
        default_rule: 900,
        ..PolicyHead::default()
    };
    tables.policies.insert(POLICY, head);
    for (protocol, port, prefix_length) in
        [(TCP, 80, 16), (UDP, 53, 16), (SCTP, 3868, 16), (ICMP, 0, 0), (ICMPV6, 0, 0)]
    {
        let key = VerdictKey { policy: POLICY, identity: FRIEND, block: 0, port, protocol, prefix_length };
        tables.verdicts.insert(key, VerdictValue::new(1, ALLOW));
    }
    tables
}
