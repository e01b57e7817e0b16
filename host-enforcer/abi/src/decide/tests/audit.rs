//! What an audit says beside the verdict.

use super::*;

fn audit(outcome: Outcome) -> (u8, u64, u8, bool) {
    (outcome.verdict, outcome.audit_rule, outcome.audit_verdict, outcome.report)
}

/// The friend's TCP 80 is allowed where an audit would deny it, and TCP 81 denied where an audit would allow it.
fn audited() -> World {
    let mut world = World::new();
    let value = VerdictValue::new(1, ALLOW).audited(30, DENY);
    world.verdict(EGRESS, FRIEND_IDENTITY, TCP, 80, 16, value);
    let value = VerdictValue::new(2, DENY).audited(31, ALLOW);
    world.verdict(EGRESS, FRIEND_IDENTITY, TCP, 81, 16, value);
    world
}

#[test]
fn an_audit_is_reported_and_never_enforced() {
    let mut world = audited();
    let syn = |port| craft::tcp(5000, port, SYN);
    assert_eq!(audit(world.send(FRIEND, TCP, &syn(80))), (ALLOW, 30, DENY, true));
    assert_eq!(audit(world.send(FRIEND, TCP, &syn(81))), (DENY, 31, ALLOW, true));
    assert_eq!(audit(world.send(FRIEND, TCP, &syn(82))), (DENY, NO_RULE, DENY, true));
}

#[test]
fn an_audit_of_the_default_is_reported() {
    let mut world = World::new();
    let head = world.tables.policies.get_mut(&EGRESS).unwrap();
    head.flags = PolicyHead::DEFAULT_ALLOW;
    head.default_audit_rule = 32;
    let syn = craft::tcp(5000, 443, SYN);
    assert_eq!(audit(world.send(STRANGER, TCP, &syn)), (ALLOW, 32, DENY, true));
    world.tables.policies.get_mut(&EGRESS).unwrap().flags = PolicyHead::DEFAULT_AUDIT_ALLOW;
    assert_eq!(audit(world.send(STRANGER, TCP, &syn)), (DENY, 32, ALLOW, true));
}

#[test]
fn a_connection_is_audited_once_and_again_when_its_policy_changes() {
    let mut world = audited();
    assert!(world.send(FRIEND, TCP, &craft::tcp(5000, 80, SYN)).report);
    let ack = craft::tcp(5000, 80, ACK);
    assert_eq!(audit(world.send(FRIEND, TCP, &ack)), (ALLOW, NO_RULE, DENY, false));
    // Somebody's address has changed.
    world.tables.config.epoch += 1;
    assert_eq!(audit(world.send(FRIEND, TCP, &ack)), (ALLOW, NO_RULE, DENY, false));
    let head = world.tables.policies[&EGRESS];
    world.tables.policies.insert(EGRESS + 1, head);
    let value = VerdictValue::new(1, ALLOW).audited(33, DENY);
    world.verdict(EGRESS + 1, FRIEND_IDENTITY, TCP, 80, 16, value);
    let interface = world.tables.policed_mut(IFINDEX).unwrap();
    (interface.egress, interface.epoch) = (EGRESS + 1, 2);
    assert_eq!(audit(world.send(FRIEND, TCP, &ack)), (ALLOW, 33, DENY, true));
    assert_eq!(audit(world.send(FRIEND, TCP, &ack)), (ALLOW, NO_RULE, DENY, false));
}

#[test]
fn every_message_is_audited() {
    let mut world = World::new();
    let value = VerdictValue::new(1, ALLOW).audited(34, DENY);
    world.verdict(EGRESS, FRIEND_IDENTITY, ICMP, 15 << 8, 8, value);
    for _ in 0..2 {
        let outcome = world.send(FRIEND, ICMP, &craft::icmp(15, [0; 4], b""));
        assert_eq!(audit(outcome), (ALLOW, 34, DENY, true));
    }
}

#[test]
fn an_audit_that_is_neither_allow_nor_deny_would_deny() {
    let mut world = World::new();
    let value = VerdictValue::new(1, ALLOW).audited(35, 7);
    world.verdict(EGRESS, FRIEND_IDENTITY, TCP, 80, 16, value);
    assert_eq!(audit(world.send(FRIEND, TCP, &craft::tcp(5000, 80, SYN))), (ALLOW, 35, DENY, true));
}
