//! Laws over packets as they come: of the short way, and of the ring of connections.

use super::*;
use proptest::prelude::*;

/// One thing that happens: a packet between the workload and a peer, by the numbers of port, peer and flags; and the
/// milliseconds before it.
type Deed = (bool, u8, u16, usize, u32);

const FLAGS: [u8; 8] = [SYN, SYN | ACK, ACK, ACK, ACK, ACK | FIN, RST, RST | ACK];

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let waits = prop_oneof![8 => Just(0_u32), 2 => 0..200_u32, 1 => 0..40_000_u32, 1 => Just(3_700_000)];
    proptest::collection::vec((any::<bool>(), 0..4_u8, 0..12_u16, 0..FLAGS.len(), waits), 1..120)
}

fn frame((outward, kind, port, flags, _): Deed) -> (u8, Vec<u8>) {
    let v6 = kind & 1 == 1;
    let (own, friend) = if v6 { ("fd00::1", "fd00::2") } else { (OWN, FRIEND) };
    let (local, remote) = (5000 + port, 80);
    let payload = match (kind & 2 == 0, outward) {
        (true, true) => craft::tcp(local, remote, FLAGS[flags]),
        (true, false) => craft::tcp(remote, local, FLAGS[flags]),
        (false, true) => craft::udp(53, local, b"!"),
        (false, false) => craft::udp(local, 53, b"?"),
    };
    let protocol = if kind & 2 == 0 { TCP } else { UDP };
    if outward {
        (FROM_WORKLOAD, craft::frame(ip(own), ip(friend), protocol, &payload))
    } else {
        (TO_WORKLOAD, craft::frame(ip(friend), ip(own), protocol, &payload))
    }
}

fn world(quota: u32) -> World {
    let mut world = World::new();
    world.tables.identities.insert(address("fd00::2"), FRIEND_IDENTITY);
    world.tables.config.sample = 1;
    world.tables.policed_mut(IFINDEX).unwrap().quota = quota;
    world
}

proptest! {
    #[test]
    fn the_short_way_says_and_leaves_what_the_long_way_does(deeds in deeds()) {
        let (mut short, mut long) = (world(4), world(4));
        for deed in deeds {
            short.now += u64::from(deed.4) * 1_000_000;
            let (direction, frame) = frame(deed);
            let length = u32::try_from(frame.len()).unwrap();
            let arrival = Arrival { time: short.now, ifindex: IFINDEX, length, direction };
            let one = short.judge(direction, &frame);
            let other = long.tables.judge_slowly(&arrival, &frame);
            prop_assert_eq!((one.verdict, one.reason, one.rule), (other.verdict, other.reason, other.rule));
            prop_assert_eq!(&short.tables, &long.tables);
        }
    }

    #[test]
    fn an_interface_has_no_more_connections_than_its_quota_and_loses_none_that_lives(
        deeds in deeds(),
        size in 0..4_u32,
    ) {
        let quota = 1 << size;
        let mut world = world(quota);
        for deed in deeds {
            world.now += u64::from(deed.4) * 1_000_000;
            let before = world.tables.flows.clone();
            let (direction, frame) = frame(deed);
            let outcome = world.judge(direction, &frame);
            prop_assert!(world.tables.flows.len() <= quota as usize);
            for (key, flow) in &world.tables.flows {
                let ring = crate::table::RingKey { slot: flow.slot, position: flow.position };
                prop_assert_eq!(world.tables.ring.get(&ring), Some(key));
            }
            for (key, flow) in before {
                let lives = matches!(flow.state, flow::ESTABLISHED | flow::ASSURED)
                    && world.now - flow.last_seen <= flow::timeout(flow.state);
                prop_assert!(!lives || world.tables.flows.contains_key(&key), "{:?}", outcome.reason.name());
            }
        }
    }

    #[test]
    fn every_connection_that_is_told_of_is_told_of_once_when_it_ends(deeds in deeds()) {
        let mut world = world(4);
        let (mut opened, mut closed) = (0, 0);
        for deed in deeds {
            world.now += u64::from(deed.4) * 1_000_000;
            let (direction, frame) = frame(deed);
            world.judge(direction, &frame);
            for event in std::mem::take(&mut world.tables.events) {
                opened += u32::from(event.kind == crate::event::VERDICT && event.verdict == ALLOW);
                closed += u32::from(event.kind == crate::event::CLOSED);
            }
        }
        let reported = world.tables.flows.values().filter(|flow| flow.flags & flow::REPORTED != 0).count();
        // One that was taken for reset and was not is told of again.
        prop_assert!(closed + u32::try_from(reported).unwrap() >= opened, "{opened} {closed} {reported}");
    }

    #[test]
    fn bytes_are_added_to_their_rule_once(deeds in deeds()) {
        let mut world = world(4);
        let mut sent = 0;
        for deed in deeds {
            world.now += u64::from(deed.4) * 1_000_000;
            let (direction, frame) = frame(deed);
            let outcome = world.judge(direction, &frame);
            sent += if outcome.rule != NO_RULE { frame.len() as u64 } else { 0 };
        }
        let counted: u64 = world.tables.rules.values().map(|counter| counter.bytes).sum();
        let under_way: u64 = world.tables.flows.values().map(|flow| flow.bytes).sum();
        prop_assert!(counted + under_way <= sent, "{counted} {under_way} {sent}");
    }
}
