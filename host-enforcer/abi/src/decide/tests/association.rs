//! The life of SCTP associations.

use super::*;
use crate::packet::{ABORT, SHUTDOWN, SHUTDOWN_ACK, SHUTDOWN_COMPLETE};

const INIT_ACK: u8 = 2;
const COOKIE_ECHO: u8 = 10;
const COOKIE_ACK: u8 = 11;
const DATA: u8 = 0;

impl World {
    fn send_chunk(&mut self, chunk: u8) -> Outcome {
        self.send(FRIEND, SCTP, &craft::sctp(5000, 3868, 7, chunk, &[0; 16]))
    }

    fn receive_chunk(&mut self, chunk: u8) -> Outcome {
        self.receive(FRIEND, SCTP, &craft::sctp(3868, 5000, 9, chunk, &[0; 16]))
    }

    /// An association from the workload to the friend's port 3868.
    fn associated() -> Self {
        let mut world = Self::new();
        world.allow(EGRESS, SCTP, 3868, 16, 40);
        passes(world.send(FRIEND, SCTP, &craft::sctp_init(5000, 3868)), Reason::RULE, 40);
        passes(world.receive_chunk(INIT_ACK), Reason::ESTABLISHED, 40);
        passes(world.send_chunk(COOKIE_ECHO), Reason::ESTABLISHED, 40);
        passes(world.receive_chunk(COOKIE_ACK), Reason::ESTABLISHED, 40);
        world
    }
}

#[test]
fn only_an_init_opens_an_association() {
    for chunk in [DATA, INIT_ACK, COOKIE_ECHO, COOKIE_ACK, ABORT, SHUTDOWN_COMPLETE, 193] {
        let mut world = World::new();
        world.allow(EGRESS, SCTP, 3868, 16, 40);
        drops(world.send_chunk(chunk), Reason::NO_CONNECTION);
        assert!(world.tables.flows.is_empty());
    }
}

#[test]
fn an_association_lives_as_long_as_a_connection() {
    let mut world = World::associated();
    world.now += 3_599 * SECOND;
    passes(world.receive_chunk(DATA), Reason::ESTABLISHED, 40);
    drops(world.receive(FRIEND, SCTP, &craft::sctp(3869, 5000, 9, DATA, &[0; 16])), Reason::NO_CONNECTION);
    drops(world.receive(FRIEND, SCTP, &craft::sctp_init(3868, 5000)), Reason::ISOLATION);
    world.now += 3_601 * SECOND;
    drops(world.send_chunk(DATA), Reason::FLOW_EXPIRED);
}

#[test]
fn a_policy_change_reaches_associations() {
    let mut world = World::associated();
    world.isolate();
    drops(world.receive_chunk(DATA), Reason::ISOLATION);
    drops(world.send_chunk(DATA), Reason::NO_CONNECTION);
}

#[test]
fn an_association_that_is_shut_down_or_aborted_is_soon_forgotten() {
    let half_shut = || {
        let mut world = World::associated();
        passes(world.send_chunk(SHUTDOWN), Reason::ESTABLISHED, 40);
        world
    };
    let after = |seconds: u64, mut world: World| {
        world.now += seconds * SECOND;
        world.send_chunk(DATA)
    };
    passes(after(3_000, half_shut()), Reason::ESTABLISHED, 40);
    for end in [SHUTDOWN_ACK, ABORT, SHUTDOWN_COMPLETE] {
        let closed = || {
            let mut world = half_shut();
            passes(world.receive_chunk(end), Reason::ESTABLISHED, 40);
            world
        };
        passes(after(29, closed()), Reason::ESTABLISHED, 40);
        drops(after(31, closed()), Reason::FLOW_EXPIRED);
    }
}

#[test]
fn the_flags_of_tcp_and_the_chunks_of_sctp_are_not_confused() {
    // The types of chunks are numbers: as flags, SACK would hold a SYN and a FIN, HEARTBEAT a RST.
    let mut world = World::associated();
    for chunk in [3, 4, 5, 9, 12] {
        passes(world.receive_chunk(chunk), Reason::ESTABLISHED, 40);
        passes(world.send_chunk(chunk), Reason::ESTABLISHED, 40);
    }
    let flow = world.tables.flows.values().next().unwrap();
    assert_eq!((flow.state, flow.flags), (flow::ESTABLISHED, 0));
}

#[test]
fn an_icmp_error_about_an_association_reaches_the_sender() {
    let mut world = World::associated();
    let quoted = craft::packet(ip(OWN), ip(FRIEND), SCTP, &craft::sctp(5000, 3868, 7, DATA, &[0; 16]));
    let error = craft::icmp(3, [0; 4], &quoted);
    passes(world.receive("198.51.100.1", ICMP, &error), Reason::ICMP_RELATED, 40);
}
