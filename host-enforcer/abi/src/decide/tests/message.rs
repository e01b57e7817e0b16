//! ICMP by type and code: exchanges of requests and replies, and single messages.

use super::*;

#[test]
fn a_type_and_code_are_looked_up_like_a_port() {
    let mut world = World::new();
    world.tables.verdicts.clear();
    // All of type 42, and of type 40 only code 1.
    world.allow(EGRESS, ICMP, 42 << 8, 8, 20);
    world.allow(EGRESS, ICMP, 40 << 8 | 1, 16, 21);
    let mut send = |kind, code| world.send(FRIEND, ICMP, &craft::icmp_with_code(kind, code, [0; 4], b""));
    passes(send(42, 0), Reason::RULE, 20);
    passes(send(42, 255), Reason::RULE, 20);
    drops(send(43, 0), Reason::ISOLATION);
    passes(send(40, 1), Reason::RULE, 21);
    drops(send(40, 2), Reason::ISOLATION);
    drops(send(8, 0), Reason::ISOLATION);
}

#[test]
fn a_message_is_judged_alone_and_in_its_own_direction() {
    let mut world = World::new();
    let message = craft::icmp(15, [0; 4], b"");
    world.allow(EGRESS, ICMP, 15 << 8, 8, 22);
    passes(world.send(FRIEND, ICMP, &message), Reason::RULE, 22);
    assert!(world.tables.flows.is_empty());
    // Everything over ICMP is allowed in by the world's rule 4; without it nothing comes back.
    passes(world.receive(FRIEND, ICMP, &message), Reason::RULE, 4);
    world.isolate();
    world.allow(EGRESS, ICMP, 15 << 8, 8, 22);
    passes(world.send(FRIEND, ICMP, &message), Reason::RULE, 22);
    drops(world.receive(FRIEND, ICMP, &craft::icmp(16, [0; 4], b"")), Reason::ISOLATION);
    // An error about it is about nothing that is remembered.
    let quoted = craft::packet(ip(OWN), ip(FRIEND), ICMP, &message);
    drops(world.receive(FRIEND, ICMP, &craft::icmp(3, [0; 4], &quoted)), Reason::ICMP_UNRELATED);
    drops(
        world.judge(FROM_WORKLOAD, &craft::frame(ip(FRIEND), ip(OWN), ICMP, &message)),
        Reason::SPOOFED_SOURCE,
    );
}

#[test]
fn a_timestamp_reply_needs_its_request_and_no_echo_stands_for_it() {
    let message = |kind, identifier| craft::icmp(kind, [0, identifier, 0, 1], &[0; 12]);
    let mut world = World::new();
    world.tables.verdicts.clear();
    world.allow(INGRESS, ICMP, 13 << 8, 8, 23);
    drops(world.receive(FRIEND, ICMP, &message(8, 7)), Reason::ISOLATION);
    drops(world.send(FRIEND, ICMP, &message(14, 7)), Reason::NO_CONNECTION);
    passes(world.receive(FRIEND, ICMP, &message(13, 7)), Reason::RULE, 23);
    drops(world.send(FRIEND, ICMP, &message(0, 7)), Reason::NO_CONNECTION);
    drops(world.send(FRIEND, ICMP, &message(14, 8)), Reason::NO_CONNECTION);
    passes(world.send(FRIEND, ICMP, &message(14, 7)), Reason::ESTABLISHED, 23);
    let error_about =
        |kind, from, to| craft::icmp(3, [0; 4], &craft::packet(ip(from), ip(to), ICMP, &message(kind, 7)));
    passes(world.receive(FRIEND, ICMP, &error_about(14, OWN, FRIEND)), Reason::ICMP_RELATED, 23);
    drops(world.receive(FRIEND, ICMP, &error_about(0, OWN, FRIEND)), Reason::ICMP_UNRELATED);
    passes(world.send(FRIEND, ICMP, &error_about(13, FRIEND, OWN)), Reason::ICMP_RELATED, 23);
}

#[test]
fn after_a_change_a_reply_is_judged_as_what_it_answers() {
    let message = |kind| craft::icmp(kind, [0, 7, 0, 1], &[0; 12]);
    for (request, reply, other) in [(8, 0, 13), (13, 14, 8)] {
        let mut world = World::new();
        world.tables.verdicts.clear();
        world.allow(INGRESS, ICMP, request << 8, 8, 24);
        passes(world.receive(FRIEND, ICMP, &message(request as u8)), Reason::RULE, 24);
        world.isolate();
        world.allow(INGRESS, ICMP, request << 8, 8, 25);
        passes(world.send(FRIEND, ICMP, &message(reply)), Reason::RULE, 25);
        world.isolate();
        world.allow(INGRESS, ICMP, other << 8, 8, 26);
        drops(world.send(FRIEND, ICMP, &message(reply)), Reason::ISOLATION);
    }
}

#[test]
fn each_family_has_types_of_its_own() {
    let mut world = World::new();
    world.allow(EGRESS, ICMPV6, 139 << 8, 8, 27);
    world.tables.identities.insert(address("fd00::2"), FRIEND_IDENTITY);
    let mut send = |protocol, from: &str, to: &str, kind| {
        let message = craft::icmp(kind, [0; 4], &[0; 8]);
        world.judge(FROM_WORKLOAD, &craft::frame(ip(from), ip(to), protocol, &message))
    };
    passes(send(ICMPV6, "fd00::1", "fd00::2", 139), Reason::RULE, 27);
    drops(send(ICMPV6, "fd00::1", "fd00::2", 128), Reason::ISOLATION);
    drops(send(ICMP, OWN, FRIEND, 139), Reason::ISOLATION);
}
