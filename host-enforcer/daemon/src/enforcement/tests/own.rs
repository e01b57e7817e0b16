//! Interfaces of the machine itself, and dry runs: what must never be closed.

use super::*;

/// The plan of `plan`, for an interface of the machine itself.
fn own_plan(handle: u64) -> Plan {
    let mut plan = plan(handle);
    plan.interfaces.iter_mut().for_each(|interface| interface.role = Role::Host);
    plan
}

fn dry_settings() -> Settings {
    Settings { dry: true, ..Settings::default() }
}

fn log(host: &PlainHost) -> Vec<String> {
    std::mem::take(&mut host.0.borrow_mut().log)
}

fn flags(host: &PlainHost) -> Option<u32> {
    host.tables().policed(4).map(|interface| interface.flags)
}

#[test]
fn an_interface_of_the_machine_has_its_policy_before_its_programs() {
    let host = PlainHost::default();
    let mut enforcement = adopt(&host);
    enforcement.apply(own_plan(3)).unwrap();
    log(&host);
    let notices = see(&mut enforcement, &there());
    assert_eq!(log(&host), ["own", "cursor 1", "interface 1", "assign 4", "recall 4 1", "attach own veth0"]);
    assert!(matches!(notices.as_slice(), [Notice::Policed { .. }]));
    assert_eq!(flags(&host), Some(Interface::HOST));
    assert_eq!(enforcement.own(), BTreeSet::from([4]));
}

#[test]
fn an_interface_of_the_machine_that_cannot_be_policed_is_left_as_it_was() {
    let host = PlainHost::default();
    let mut enforcement = adopt(&host);
    enforcement.apply(own_plan(3)).unwrap();
    // Its address, its entry in three steps and its connections; then the programs.
    host.0.borrow_mut().patience = Some(5);
    let seen = enforcement.see(&there(), || true);
    host.0.borrow_mut().patience = None;
    assert!(seen.map_or(true, |sight| matches!(sight.notices.as_slice(), [Notice::Failed { .. }])));
    enforcement.recover(&there()).unwrap();
    assert_eq!(flags(&host), None);
    assert!(host.0.borrow().links.is_empty());
}

#[test]
fn an_interface_of_the_machine_is_released_before_its_entry_goes() {
    let host = PlainHost::default();
    let mut enforcement = adopt(&host);
    enforcement.apply(own_plan(3)).unwrap();
    see(&mut enforcement, &there());
    log(&host);
    enforcement.apply(Plan::default()).unwrap();
    let log = log(&host);
    assert_eq!(log[..4], ["release 4", "interface 1", "unassign 4", "disown"], "{log:?}");
    assert_eq!(flags(&host), None);
    assert!(enforcement.policed().is_empty());
}

#[test]
fn an_interface_of_a_workload_stays_closed_when_its_entry_goes() {
    let host = PlainHost::default();
    let mut enforcement = adopt(&host);
    enforcement.apply(plan(3)).unwrap();
    see(&mut enforcement, &there());
    enforcement.apply(Plan::default()).unwrap();
    assert!(host.0.borrow().links.contains_key(&4));
}

#[test]
fn an_interface_that_becomes_the_machines_own_is_attached_anew() {
    let host = PlainHost::default();
    let mut enforcement = adopt(&host);
    enforcement.apply(plan(3)).unwrap();
    see(&mut enforcement, &there());
    log(&host);
    enforcement.apply(own_plan(3)).unwrap();
    see(&mut enforcement, &there());
    let log = log(&host);
    let place = |what: &str| log.iter().position(|step| step == what).unwrap();
    assert!(place("release 4") < place("assign 4") && place("assign 4") < place("attach own veth0"));
}

#[test]
fn a_renamed_interface_of_the_machine_is_released_and_not_closed() {
    let host = PlainHost::default();
    let mut enforcement = adopt(&host);
    enforcement.apply(own_plan(3)).unwrap();
    see(&mut enforcement, &there());
    see(&mut enforcement, &links(&[("ens3", 4)]));
    assert!(host.0.borrow().links.is_empty());
    assert_eq!(flags(&host), None);
}

#[test]
fn the_next_enforcer_knows_which_interfaces_are_the_machines_own() {
    let host = PlainHost::default();
    let mut first = adopt(&host);
    first.apply(own_plan(3)).unwrap();
    see(&mut first, &there());
    drop(first);
    let mut second = adopt(&host);
    assert_eq!(second.own(), BTreeSet::from([4]));
    second.apply(Plan::default()).unwrap();
    assert!(host.0.borrow().links.is_empty());
}

#[test]
fn a_dry_run_observes_at_every_interface_and_ends_at_once() {
    let host = PlainHost::default();
    let mut dry = Enforcement::adopt(host.clone(), dry_settings(), &there()).unwrap();
    dry.apply(plan(3)).unwrap();
    see(&mut dry, &there());
    dry.observe(true).unwrap();
    assert_eq!((flags(&host), dry.is_dry()), (Some(Interface::OBSERVE), true));
    let epoch = host.tables().policed(4).unwrap().epoch;
    drop(dry);

    let mut next = adopt(&host);
    // Not before the policy of its own files is in force.
    assert!(next.is_dry());
    next.apply(plan(4)).unwrap();
    assert_eq!(flags(&host), Some(Interface::OBSERVE));
    next.observe(false).unwrap();
    assert_eq!(flags(&host), Some(0));
    assert!(host.tables().policed(4).unwrap().epoch > epoch, "what is open is judged again");
    assert!(!next.is_dry());
}

#[test]
fn an_end_of_a_dry_run_that_failed_is_unsettled_until_it_is_done() {
    for patience in 0..8 {
        let host = PlainHost::default();
        let mut dry = Enforcement::adopt(host.clone(), dry_settings(), &there()).unwrap();
        dry.apply(plan(3)).unwrap();
        see(&mut dry, &there());
        dry.observe(true).unwrap();
        drop(dry);

        let mut next = adopt(&host);
        next.apply(plan(4)).unwrap();
        host.0.borrow_mut().patience = Some(patience);
        let failed = next.observe(false).is_err();
        host.0.borrow_mut().patience = None;
        assert_eq!(next.is_unsettled(), failed, "step {patience}");
        if !failed {
            assert!(patience > 0);
            return;
        }
        next.recover(&there()).unwrap();
        assert!(next.is_unsettled() && !next.wants_dry(), "step {patience}");
        next.apply(plan(4)).unwrap();
        next.observe(next.wants_dry()).unwrap();
        assert_eq!((flags(&host), next.is_dry(), next.is_unsettled()), (Some(0), false, false));
    }
    panic!("never came to an end");
}

#[test]
fn a_dry_run_that_follows_enforcement_opens_at_once() {
    let host = PlainHost::default();
    let mut first = adopt(&host);
    first.apply(plan(3)).unwrap();
    see(&mut first, &there());
    first.observe(false).unwrap();
    drop(first);
    let mut dry = Enforcement::adopt(host.clone(), dry_settings(), &there()).unwrap();
    dry.apply(plan(3)).unwrap();
    dry.observe(true).unwrap();
    assert_eq!(flags(&host), Some(Interface::OBSERVE));
}

#[test]
fn a_dry_run_closes_nothing_that_has_no_policy_any_more() {
    let host = PlainHost::default();
    let mut dry = Enforcement::adopt(host.clone(), dry_settings(), &there()).unwrap();
    dry.apply(plan(3)).unwrap();
    see(&mut dry, &there());
    dry.observe(true).unwrap();
    dry.apply(Plan::default()).unwrap();
    assert!(host.0.borrow().links.is_empty());
}
