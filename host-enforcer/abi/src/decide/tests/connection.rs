//! The life of connections.

use super::*;

#[test]
fn replies_of_an_allowed_connection_pass_and_nothing_else_does() {
    let mut world = World::connected();
    passes(world.receive(FRIEND, TCP, &craft::tcp(80, 5000, ACK)), Reason::ESTABLISHED, 1);
    drops(world.receive(FRIEND, TCP, &craft::tcp(80, 5001, ACK)), Reason::NO_CONNECTION);
    drops(world.receive(FRIEND, TCP, &craft::tcp(81, 5000, ACK)), Reason::NO_CONNECTION);
    drops(world.receive(STRANGER, TCP, &craft::tcp(80, 5000, ACK)), Reason::NO_CONNECTION);
    drops(world.receive(FRIEND, TCP, &craft::tcp(80, 5000, SYN)), Reason::ISOLATION);
    // The denied SYN against its direction did not hurt the connection.
    passes(world.receive(FRIEND, TCP, &craft::tcp(80, 5000, ACK)), Reason::ESTABLISHED, 1);
}

#[test]
fn only_a_syn_opens_a_tcp_connection() {
    for flags in [ACK, SYN | ACK, FIN | ACK, RST, 0, 0x29] {
        let mut world = World::new();
        drops(world.send(FRIEND, TCP, &craft::tcp(5000, 80, flags)), Reason::NO_CONNECTION);
        assert!(world.tables.flows.is_empty());
    }
}

#[test]
fn the_connections_of_another_interface_are_not_mine() {
    let mut world = World::connected();
    let frame = craft::frame(ip(OWN), ip(FRIEND), TCP, &craft::tcp(5000, 80, ACK));
    let other = Interface { ifindex: IFINDEX + 1, ..*world.tables.policed(IFINDEX).unwrap() };
    world.tables.police(other);
    world.tables.owned.insert(OwnedKey { ifindex: IFINDEX + 1, address: address(OWN) });
    drops(world.tables.judge(FROM_WORKLOAD, IFINDEX + 1, &frame, world.now), Reason::NO_CONNECTION);
}

#[test]
fn a_policy_change_reaches_live_connections() {
    let mut world = World::connected();
    world.isolate();
    drops(world.receive(FRIEND, TCP, &craft::tcp(80, 5000, ACK)), Reason::ISOLATION);
    drops(world.send(FRIEND, TCP, &craft::tcp(5000, 80, ACK)), Reason::NO_CONNECTION);
}

#[test]
fn a_policy_change_that_still_allows_a_connection_leaves_it_alone() {
    let mut world = World::connected();
    world.tables.policed_mut(IFINDEX).unwrap().epoch += 1;
    world.allow(EGRESS, TCP, 80, 16, 50);
    passes(world.receive(FRIEND, TCP, &craft::tcp(80, 5000, ACK)), Reason::RULE, 50);
    passes(world.receive(FRIEND, TCP, &craft::tcp(80, 5000, ACK)), Reason::ESTABLISHED, 50);
    world.now += 3_000 * SECOND;
    passes(world.receive(FRIEND, TCP, &craft::tcp(80, 5000, ACK)), Reason::ESTABLISHED, 50);
}

#[test]
fn an_address_that_changes_hands_takes_no_connections_along() {
    let mut world = World::connected();
    world.tables.identities.insert(address(FRIEND), 33);
    world.tables.config.epoch += 1;
    drops(world.send(FRIEND, TCP, &craft::tcp(5000, 80, ACK)), Reason::ISOLATION);
    let mut world = World::connected();
    world.tables.owned.remove(&OwnedKey { ifindex: IFINDEX, address: address(OWN) });
    world.tables.config.epoch += 1;
    drops(world.send(FRIEND, TCP, &craft::tcp(5000, 80, ACK)), Reason::SPOOFED_SOURCE);
}

#[test]
fn a_denied_syn_ends_the_connection_it_repeats() {
    let mut world = World::connected();
    world.tables.verdicts.clear();
    drops(world.send(FRIEND, TCP, &craft::tcp(5000, 80, SYN)), Reason::ISOLATION);
    drops(world.send(FRIEND, TCP, &craft::tcp(5000, 80, ACK)), Reason::NO_CONNECTION);
}

#[test]
fn a_peer_cannot_make_a_connection_it_was_sent_its_own() {
    for reset in [false, true] {
        let mut world = World::connected();
        world.allow(INGRESS, TCP, 5000, 16, 60);
        if reset {
            passes(world.receive(FRIEND, TCP, &craft::tcp(80, 5000, RST)), Reason::ESTABLISHED, 1);
        }
        // Allowed by itself, and simultaneous open needs it.
        passes(world.receive(FRIEND, TCP, &craft::tcp(80, 5000, SYN)), Reason::RULE, 60);
        passes(world.send(FRIEND, TCP, &craft::tcp(5000, 80, ACK)), Reason::ESTABLISHED, 1);
        world.isolate();
        world.allow(INGRESS, TCP, 5000, 16, 60);
        drops(world.send(FRIEND, TCP, &craft::tcp(5000, 80, ACK)), Reason::ISOLATION);
        drops(world.receive(FRIEND, TCP, &craft::tcp(80, 5000, ACK)), Reason::NO_CONNECTION);
    }
}

#[test]
fn silent_connections_expire() {
    let after = |seconds: u64, mut world: World| {
        world.now += seconds * SECOND;
        world.send(FRIEND, TCP, &craft::tcp(5000, 80, ACK))
    };
    passes(after(3_599, World::connected()), Reason::ESTABLISHED, 1);
    drops(after(3_601, World::connected()), Reason::FLOW_EXPIRED);
    let unanswered = || {
        let mut world = World::new();
        passes(world.send(FRIEND, TCP, &craft::tcp(5000, 80, SYN)), Reason::RULE, 1);
        world
    };
    passes(after(19, unanswered()), Reason::ESTABLISHED, 1);
    drops(after(21, unanswered()), Reason::FLOW_EXPIRED);
    let reset = || {
        let mut world = World::connected();
        passes(world.receive(FRIEND, TCP, &craft::tcp(80, 5000, RST)), Reason::ESTABLISHED, 1);
        world
    };
    passes(after(29, reset()), Reason::ESTABLISHED, 1);
    drops(after(31, reset()), Reason::FLOW_EXPIRED);
    let half_closed = || {
        let mut world = World::connected();
        passes(world.send(FRIEND, TCP, &craft::tcp(5000, 80, FIN | ACK)), Reason::ESTABLISHED, 1);
        world
    };
    passes(after(3_000, half_closed()), Reason::ESTABLISHED, 1);
    let closed = || {
        let mut world = half_closed();
        passes(world.receive(FRIEND, TCP, &craft::tcp(80, 5000, FIN | ACK)), Reason::ESTABLISHED, 1);
        world
    };
    passes(after(29, closed()), Reason::ESTABLISHED, 1);
    drops(after(31, closed()), Reason::FLOW_EXPIRED);
}

#[test]
fn a_closed_connection_can_be_opened_again() {
    let mut world = World::connected();
    passes(world.receive(FRIEND, TCP, &craft::tcp(80, 5000, RST)), Reason::ESTABLISHED, 1);
    passes(world.send(FRIEND, TCP, &craft::tcp(5000, 80, SYN)), Reason::RULE, 1);
    let flow = world.tables.flows.values().next().unwrap();
    assert_eq!((flow.state, flow.flags), (flow::SYN, 0));
}

#[test]
fn a_repeated_syn_does_not_shorten_the_life_of_a_connection() {
    let mut world = World::connected();
    passes(world.send(FRIEND, TCP, &craft::tcp(5000, 80, SYN)), Reason::RULE, 1);
    world.now += 600 * SECOND;
    passes(world.send(FRIEND, TCP, &craft::tcp(5000, 80, ACK)), Reason::ESTABLISHED, 1);
}

#[test]
fn udp_replies_pass_for_half_a_minute_and_for_two_once_there_was_one() {
    let mut world = World::new();
    passes(world.receive(FRIEND, UDP, &craft::udp(5000, 53, b"?")), Reason::RULE, 3);
    world.now += 31 * SECOND;
    drops(world.send(FRIEND, UDP, &craft::udp(53, 5000, b"!")), Reason::ISOLATION);
    passes(world.receive(FRIEND, UDP, &craft::udp(5000, 53, b"?")), Reason::RULE, 3);
    world.now += 29 * SECOND;
    passes(world.send(FRIEND, UDP, &craft::udp(53, 5000, b"!")), Reason::ESTABLISHED, 3);
    world.now += 119 * SECOND;
    passes(world.send(FRIEND, UDP, &craft::udp(53, 5000, b"!")), Reason::ESTABLISHED, 3);
    world.now += 121 * SECOND;
    drops(world.send(FRIEND, UDP, &craft::udp(53, 5000, b"!")), Reason::ISOLATION);
}

#[test]
fn an_echo_reply_needs_its_request() {
    let request = craft::icmp(8, [0, 7, 0, 1], b"");
    let reply = craft::icmp(0, [0, 7, 0, 1], b"");
    let mut world = World::new();
    drops(world.send(FRIEND, ICMP, &reply), Reason::NO_CONNECTION);
    passes(world.receive(FRIEND, ICMP, &request), Reason::RULE, 4);
    passes(world.send(FRIEND, ICMP, &reply), Reason::ESTABLISHED, 4);
    drops(world.send(FRIEND, ICMP, &craft::icmp(0, [0, 8, 0, 1], b"")), Reason::NO_CONNECTION);
    // The request does not open the other direction.
    drops(world.send(FRIEND, ICMP, &request), Reason::ISOLATION);
    world.now += 6 * SECOND;
    drops(world.send(FRIEND, ICMP, &reply), Reason::FLOW_EXPIRED);
}
