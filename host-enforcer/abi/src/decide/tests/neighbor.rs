//! ICMP errors, ARP and neighbor discovery.

use super::*;

#[test]
fn icmp_errors_pass_only_for_allowed_connections() {
    let mut world = World::connected();
    let router = "198.51.100.1";
    let error = |quoted: &[u8]| craft::icmp(3, [0, 0, 5, 0], quoted);
    let sent = craft::packet(ip(OWN), ip(FRIEND), TCP, &craft::tcp(5000, 80, ACK));
    let received = craft::packet(ip(FRIEND), ip(OWN), TCP, &craft::tcp(80, 5000, ACK));
    passes(world.receive(router, ICMP, &error(&sent)), Reason::ICMP_RELATED, 1);
    passes(world.send(FRIEND, ICMP, &error(&received)), Reason::ICMP_RELATED, 1);
    let unknown = craft::packet(ip(OWN), ip(FRIEND), TCP, &craft::tcp(5001, 80, ACK));
    drops(world.receive(router, ICMP, &error(&unknown)), Reason::ICMP_UNRELATED);
    // The workload cannot complain about a packet of its own, nor in another's name.
    drops(
        world.judge(FROM_WORKLOAD, &craft::frame(ip(OWN), ip(OWN), ICMP, &error(&sent))),
        Reason::ICMP_UNRELATED,
    );
    drops(
        world.judge(FROM_WORKLOAD, &craft::frame(ip(router), ip(FRIEND), ICMP, &error(&received))),
        Reason::SPOOFED_SOURCE,
    );
    // Not once the policy has changed.
    world.isolate();
    drops(world.receive(router, ICMP, &error(&sent)), Reason::ICMP_UNRELATED);
}

#[test]
fn an_icmp_error_about_an_echo_request_reaches_the_sender() {
    let mut world = World::new();
    world.allow(EGRESS, ICMP, 0, 0, 5);
    let request = craft::icmp(8, [0, 7, 0, 1], b"");
    passes(world.send(FRIEND, ICMP, &request), Reason::RULE, 5);
    let quoted = craft::packet(ip(OWN), ip(FRIEND), ICMP, &request);
    passes(world.receive("198.51.100.1", ICMP, &craft::icmp(11, [0; 4], &quoted)), Reason::ICMP_RELATED, 5);
}

#[test]
fn arp_is_spoken_in_ones_own_name() {
    let mut world = World::new();
    passes(world.judge(FROM_WORKLOAD, &craft::arp(1, [10, 0, 0, 1], [10, 0, 0, 2])), Reason::ARP, 0);
    passes(world.judge(FROM_WORKLOAD, &craft::arp(1, [0; 4], [10, 0, 0, 1])), Reason::ARP, 0);
    passes(world.judge(FROM_WORKLOAD, &craft::arp(2, [10, 0, 0, 1], [10, 0, 0, 2])), Reason::ARP, 0);
    passes(world.judge(TO_WORKLOAD, &craft::arp(2, [10, 0, 0, 2], [10, 0, 0, 1])), Reason::ARP, 0);
    drops(world.judge(FROM_WORKLOAD, &craft::arp(2, [10, 0, 0, 2], [10, 0, 0, 3])), Reason::ARP_FORBIDDEN);
    drops(world.judge(FROM_WORKLOAD, &craft::arp(2, [0; 4], [10, 0, 0, 3])), Reason::ARP_FORBIDDEN);
}

#[test]
fn nobody_is_talked_out_of_an_address_by_a_probe_for_it() {
    let mut world = World::new();
    drops(world.judge(FROM_WORKLOAD, &craft::arp(1, [0; 4], [10, 0, 0, 2])), Reason::ARP_FORBIDDEN);
    let mut probe = |target: &str| {
        let message = craft::icmp(135, [0; 4], &address(target));
        world.judge(FROM_WORKLOAD, &craft::frame(ip("::"), ip("ff02::1:ff00:2"), ICMPV6, &message))
    };
    drops(probe("fd00::2"), Reason::ND_FORBIDDEN);
    passes(probe("fd00::1"), Reason::ND, 0);
}

#[test]
fn neighbor_discovery_carries_nothing_beyond_the_link() {
    let mut world = World::new();
    let judge = |world: &mut World, direction, source: &str, destination: &str, kind: u8, target: &str| {
        let message = craft::icmp(kind, [0; 4], &address(target));
        world.judge(direction, &craft::frame(ip(source), ip(destination), ICMPV6, &message))
    };
    let (own, other) = ("fd00::1", "2001:db8::1");
    for (kind, target) in [(135, other), (136, own), (133, "::")] {
        drops(judge(&mut world, FROM_WORKLOAD, own, other, kind, target), Reason::ND_FORBIDDEN);
        passes(judge(&mut world, FROM_WORKLOAD, own, "fe80::9", kind, target), Reason::ND, 0);
        passes(judge(&mut world, FROM_WORKLOAD, own, "ff02::1", kind, target), Reason::ND, 0);
    }
    // Whoever was heard asking or answering there is on the link.
    passes(judge(&mut world, TO_WORKLOAD, other, "ff02::1:ff00:1", 135, own), Reason::ND, 0);
    passes(judge(&mut world, TO_WORKLOAD, "fe80::9", own, 136, "fd00::2"), Reason::ND, 0);
    passes(judge(&mut world, FROM_WORKLOAD, own, other, 136, own), Reason::ND, 0);
    passes(judge(&mut world, FROM_WORKLOAD, own, "fd00::2", 135, "fd00::2"), Reason::ND, 0);
    drops(judge(&mut world, FROM_WORKLOAD, own, "fd00::3", 135, "fd00::3"), Reason::ND_FORBIDDEN);
    // That opens nothing else to it, and does not last.
    drops(
        world.judge(FROM_WORKLOAD, &craft::frame(ip(own), ip(other), TCP, &craft::tcp(5000, 80, SYN))),
        Reason::ISOLATION,
    );
    world.now += 601 * SECOND;
    drops(judge(&mut world, FROM_WORKLOAD, own, other, 136, own), Reason::ND_FORBIDDEN);
}

#[test]
fn a_workload_answers_for_itself_and_is_never_a_router() {
    let mut world = World::new();
    let mut from = |source: &str, kind: u8, target: &str| {
        let message = craft::icmp(kind, [0; 4], &address(target));
        world.judge(FROM_WORKLOAD, &craft::frame(ip(source), ip("ff02::1"), ICMPV6, &message))
    };
    passes(from("fd00::1", 135, "fd00::2"), Reason::ND, 0);
    passes(from("::", 135, "fd00::1"), Reason::ND, 0);
    passes(from("fe80::1", 133, "::"), Reason::ND, 0);
    passes(from("fe80::1", 136, "fd00::1"), Reason::ND, 0);
    drops(from("fd00::2", 135, "fd00::3"), Reason::ND_FORBIDDEN);
    drops(from("fd00::1", 136, "fd00::2"), Reason::ND_FORBIDDEN);
    drops(from("::", 136, "fd00::1"), Reason::ND_FORBIDDEN);
    drops(from("fe80::1", 134, "::"), Reason::ND_FORBIDDEN);
    drops(from("fe80::1", 137, "fd00::2"), Reason::ND_FORBIDDEN);
}

#[test]
fn multicast_listeners_speak_on_their_link() {
    let mut world = World::new();
    let mut judge = |direction, source: &str, destination: &str, kind: u8| {
        let mut frame =
            craft::frame(ip(source), ip(destination), ICMPV6, &craft::icmp(kind, [0; 4], &[0; 20]));
        frame[21] = 1;
        world.judge(direction, &frame)
    };
    passes(judge(FROM_WORKLOAD, "::", "ff02::16", 143), Reason::ND, 0);
    passes(judge(FROM_WORKLOAD, "fe80::1", "ff02::16", 143), Reason::ND, 0);
    drops(judge(FROM_WORKLOAD, "fe80::1", "fd00::2", 143), Reason::ND_FORBIDDEN);
    drops(judge(FROM_WORKLOAD, "fd00::2", "ff02::16", 143), Reason::ND_FORBIDDEN);
    drops(judge(FROM_WORKLOAD, "fe80::1", "ff02::1", 130), Reason::ND_FORBIDDEN);
    passes(judge(TO_WORKLOAD, "fe80::9", "ff02::1", 130), Reason::ND, 0);
    drops(judge(TO_WORKLOAD, "fe80::9", "fd00::1", 130), Reason::ND_FORBIDDEN);
}

#[test]
fn a_workload_hears_neighbors_and_routers_but_no_redirects() {
    let mut world = World::new();
    let mut to = |destination: &str, kind: u8| {
        let message = craft::icmp(kind, [0; 4], &address("fd00::1"));
        world.judge(TO_WORKLOAD, &craft::frame(ip("fe80::9"), ip(destination), ICMPV6, &message))
    };
    passes(to("ff02::1:ff00:1", 135), Reason::ND, 0);
    passes(to("fd00::1", 136), Reason::ND, 0);
    passes(to("ff02::1", 134), Reason::ND, 0);
    drops(to("fd00::2", 136), Reason::ND_FORBIDDEN);
    drops(to("fd00::1", 137), Reason::ND_FORBIDDEN);
    drops(to("ff02::1", 133), Reason::ND_FORBIDDEN);
}
