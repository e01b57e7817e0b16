//! What is the machine's own where it forwards.

use super::*;

/// The plan of `plan`, for an interface of a machine that forwards; another interface has `OTHER`.
fn router(role: Role) -> Plan {
    let mut plan = plan(3);
    let mut second = plan.interfaces[0].clone();
    second.name = "veth1".to_owned();
    second.addresses = vec![OTHER];
    second.role = Role::Host;
    plan.interfaces[0].role = role;
    plan.interfaces.push(second);
    plan
}

const OTHER: Address = [8; 16];
const BRIDGE: Address = [9; 16];

fn with(addresses: &[Address]) -> Links {
    let mut links = there();
    links.set_addresses(addresses.iter().copied().collect());
    links
}

fn owned(host: &PlainHost) -> Vec<Address> {
    host.tables().owned.iter().filter(|key| key.ifindex == 4).map(|key| key.address).collect()
}

#[test]
fn where_the_machine_forwards_all_its_addresses_are_its_own() {
    let host = PlainHost::default();
    let links = with(&[BRIDGE]);
    let mut enforcement = Enforcement::adopt(host.clone(), Settings::default(), &links).unwrap();
    enforcement.apply(router(Role::Router)).unwrap();
    see(&mut enforcement, &links);
    assert_eq!(owned(&host), [ADDRESS, OTHER, BRIDGE]);
    enforcement.apply(router(Role::Host)).unwrap();
    assert_eq!(owned(&host), [ADDRESS]);
}

#[test]
fn an_address_that_comes_later_is_owned_then_and_what_is_open_judged_again() {
    let host = PlainHost::default();
    let mut enforcement = adopt(&host);
    enforcement.apply(router(Role::Router)).unwrap();
    see(&mut enforcement, &there());
    assert_eq!(owned(&host), [ADDRESS, OTHER]);
    let epoch = host.tables().config.epoch;
    see(&mut enforcement, &with(&[BRIDGE]));
    assert_eq!(owned(&host), [ADDRESS, OTHER, BRIDGE]);
    let raised = host.tables().config.epoch;
    assert!(raised > epoch);
    see(&mut enforcement, &with(&[BRIDGE]));
    assert_eq!(host.tables().config.epoch, raised);
    see(&mut enforcement, &with(&[]));
    assert_eq!(owned(&host), [ADDRESS, OTHER]);
    assert!(host.tables().config.epoch > raised);
}

#[test]
fn the_next_enforcer_owns_what_came_meanwhile_before_it_has_a_plan() {
    let host = PlainHost::default();
    let mut first = adopt(&host);
    first.apply(router(Role::Router)).unwrap();
    see(&mut first, &there());
    drop(first);
    let links = with(&[BRIDGE]);
    let mut second = Enforcement::adopt(host.clone(), Settings::default(), &links).unwrap();
    assert_eq!(owned(&host), [ADDRESS, OTHER, BRIDGE]);
    second.apply(router(Role::Router)).unwrap();
    see(&mut second, &with(&[]));
    assert_eq!(owned(&host), [ADDRESS, OTHER]);
}

#[test]
fn an_address_that_could_not_be_written_is_written_with_the_next_look() {
    let host = PlainHost::default();
    let mut enforcement = adopt(&host);
    enforcement.apply(router(Role::Router)).unwrap();
    see(&mut enforcement, &there());
    host.0.borrow_mut().patience = Some(0);
    assert!(enforcement.see(&with(&[BRIDGE]), || true).is_err());
    host.0.borrow_mut().patience = None;
    enforcement.recover(&with(&[BRIDGE])).unwrap();
    assert_eq!(owned(&host), [ADDRESS, OTHER, BRIDGE]);
}

#[test]
fn where_the_machine_does_not_forward_its_documents_list_what_is_its_own() {
    let host = PlainHost::default();
    let mut enforcement = adopt(&host);
    enforcement.apply(router(Role::Host)).unwrap();
    see(&mut enforcement, &with(&[BRIDGE]));
    assert_eq!(owned(&host), [ADDRESS]);
}
