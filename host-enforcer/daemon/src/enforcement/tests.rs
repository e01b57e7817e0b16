mod connections;
mod local;
mod own;
mod plain;

use super::*;
use crate::interfaces::Link;
use bookend_abi::Address;
use bookend_abi::table::{PolicyHead, TCP, VerdictKey, VerdictValue};
use bookend_plan::PolicyContents;
use plain::{PlainHost, Told};

const ADDRESS: Address = [7; 16];

/// A plan of one interface `veth0` with one policy, `handle`, both ways.
fn plan(handle: u64) -> Plan {
    let key =
        VerdictKey { policy: handle, identity: 1, block: 0, port: 80, protocol: TCP, prefix_length: 16 };
    let contents = PolicyContents {
        head: PolicyHead { tcp_prefixes: 1 << 16, ..PolicyHead::default() },
        blocks: Vec::new(),
        verdicts: vec![(key, VerdictValue::new(5, 1))],
    };
    Plan {
        policies: BTreeMap::from([(handle, contents.into())]),
        interfaces: vec![InterfacePlan {
            role: Role::Workload,
            name: "veth0".to_owned(),
            namespace: "default".to_owned(),
            workload: "web".to_owned(),
            egress: handle,
            ingress: handle,
            addresses: vec![ADDRESS],
        }],
        identities: BTreeMap::from([(ADDRESS, 1)]).into(),
        ..Plan::default()
    }
}

/// A list of interfaces.
fn links(named: &[(&str, u32)]) -> Links {
    let mut links = Links::default();
    for (name, index) in named {
        links.add(*index, Link { name: (*name).to_owned(), ethernet: true });
    }
    links
}

/// `veth0` is there.
fn there() -> Links {
    links(&[("veth0", 4)])
}

fn adopt(host: &PlainHost) -> Enforcement<PlainHost> {
    Enforcement::adopt(host.clone(), Settings::default(), &there()).unwrap()
}

fn see(enforcement: &mut Enforcement<PlainHost>, links: &Links) -> Vec<Notice> {
    let sight = enforcement.see(links, || true).unwrap();
    assert!(sight.waiting.is_empty());
    sight.notices
}

/// `veth0` policed under policy 100.
fn enforced() -> (PlainHost, Enforcement<PlainHost>) {
    let host = PlainHost::default();
    let mut enforcement = adopt(&host);
    enforcement.apply(plan(100)).unwrap();
    see(&mut enforcement, &there());
    (host, enforcement)
}

#[test]
fn an_interface_is_denied_everything_before_it_has_a_policy() {
    let (host, enforcement) = enforced();
    let log = host.0.borrow().log.clone();
    assert_eq!(
        log,
        [
            "config",
            "verdict",
            "policy 100",
            "identities",
            "config",
            "attach veth0",
            "own",
            "cursor 1",
            "interface 1",
            "assign 4"
        ]
    );
    assert_eq!(enforcement.policed().get("veth0"), Some(&4));
}

#[test]
fn an_interface_that_comes_later_is_policed_then() {
    let host = PlainHost::default();
    let mut enforcement = adopt(&host);
    enforcement.apply(plan(100)).unwrap();
    assert_eq!(see(&mut enforcement, &links(&[])), []);
    assert!(host.tables().interfaces.is_empty());
    let notices = see(&mut enforcement, &there());
    assert_eq!(notices, [Notice::Policed { interface: "veth0".to_owned(), ifindex: 4 }]);
    assert_eq!(see(&mut enforcement, &there()), []);
}

#[test]
fn an_interface_that_is_made_again_under_its_name_is_policed_again() {
    let (host, mut enforcement) = enforced();
    see(&mut enforcement, &links(&[("veth0", 9)]));
    let tables = host.tables();
    assert_eq!(tables.slots.keys().collect::<Vec<_>>(), [&9]);
    assert_eq!(tables.owned.iter().collect::<Vec<_>>(), [&OwnedKey { ifindex: 9, address: ADDRESS }]);
    assert_eq!(host.0.borrow().links.keys().collect::<Vec<_>>(), [&9]);
}

#[test]
fn a_new_policy_is_written_before_the_switch_and_the_old_removed_after() {
    let (host, mut enforcement) = enforced();
    host.0.borrow_mut().log.clear();
    enforcement.apply(plan(200)).unwrap();
    let log = host.0.borrow().log.clone();
    assert_eq!(
        log,
        ["verdict", "policy 200", "interface 1", "remove policy 100", "remove verdict", "config"]
    );
}

#[test]
fn every_change_has_connections_judged_again() {
    let (host, mut enforcement) = enforced();
    let before = host.tables();
    enforcement.apply(plan(200)).unwrap();
    let after = host.tables();
    assert_ne!(before.config.epoch, after.config.epoch);
    assert_ne!(before.policed(4).unwrap().epoch, after.policed(4).unwrap().epoch);
    // And nothing is, when nothing changes.
    enforcement.apply(plan(200)).unwrap();
    assert_eq!(host.tables(), after);
}

#[test]
fn a_workload_that_leaves_the_inventory_is_cut_off_not_opened() {
    let (host, mut enforcement) = enforced();
    enforcement.apply(Plan::default()).unwrap();
    see(&mut enforcement, &there());
    let state = host.0.borrow();
    assert!(state.links.contains_key(&4));
    assert!(state.tables.slots.is_empty() && state.tables.owned.is_empty());
}

#[test]
fn a_plan_that_does_not_fit_touches_nothing() {
    let (host, mut enforcement) = enforced();
    let before = host.tables();
    let mut huge = plan(200);
    let interface = huge.interfaces[0].clone();
    let many = bookend_abi::table::capacity::INTERFACES + 1;
    huge.interfaces =
        (0..many).map(|n| InterfacePlan { name: format!("v{n}"), ..interface.clone() }).collect();
    assert!(matches!(enforcement.apply(huge), Err(ApplyError::Refused(PlanError::OverCapacity { .. }))));
    assert_eq!(host.tables(), before);
}

#[test]
fn a_restart_finds_everything_and_writes_nothing_twice() {
    let (host, first) = enforced();
    let plan_before = first.plan().clone();
    drop(first);
    let mut second = adopt(&host);
    assert_eq!(host.0.borrow().renewed, [4]);
    assert_eq!(second.plan().policies, plan_before.policies);
    host.0.borrow_mut().log.clear();
    second.apply(plan_before).unwrap();
    assert_eq!(see(&mut second, &there()), []);
    assert_eq!(host.0.borrow().log, Vec::<String>::new());
}

#[test]
fn a_restart_forgets_interfaces_that_went_meanwhile() {
    let (host, first) = enforced();
    drop(first);
    host.0.borrow_mut().links.insert(4, false);
    let second = adopt(&host);
    assert!(second.policed().is_empty());
    let tables = host.tables();
    assert!(tables.slots.is_empty() && tables.owned.is_empty());
    assert!(host.0.borrow().links.is_empty());
}

#[test]
fn wherever_a_change_breaks_off_the_next_enforcer_completes_it() {
    for patience in 0..6 {
        let (host, mut enforcement) = enforced();
        host.0.borrow_mut().patience = Some(patience);
        assert!(matches!(enforcement.apply(plan(200)), Err(ApplyError::Host(Told))), "step {patience}");
        let interrupted = host.tables();
        // Whatever policy the interface has is there, whole.
        let handle = interrupted.policed(4).unwrap().egress;
        assert!(interrupted.policies.contains_key(&handle), "step {patience}");
        assert!(interrupted.verdicts.keys().any(|key| key.policy == handle), "step {patience}");

        host.0.borrow_mut().patience = None;
        let mut next = adopt(&host);
        next.apply(plan(200)).unwrap();
        let tables = host.tables();
        assert_eq!(tables.policies.keys().collect::<Vec<_>>(), [&200], "step {patience}");
        assert!(tables.verdicts.keys().all(|key| key.policy == 200), "step {patience}");
        assert_eq!(tables.policed(4).unwrap().egress, 200);
        assert!(tables.config.epoch >= interrupted.config.epoch);
    }
}

#[test]
fn an_interface_that_is_renamed_is_cut_off_not_opened() {
    let (host, mut enforcement) = enforced();
    see(&mut enforcement, &links(&[("away", 4)]));
    assert!(host.tables().slots.is_empty());
    assert!(host.0.borrow().links.contains_key(&4));
    assert_eq!(enforcement.policed().get("away"), Some(&4));
    // Back under its name, it is policed as before.
    see(&mut enforcement, &there());
    assert_eq!(host.tables().policed(4).unwrap().egress, 100);
    assert_eq!(enforcement.policed().keys().collect::<Vec<_>>(), ["veth0"]);
}

#[test]
fn an_interface_that_matches_is_denied_everything_before_anybody_knows_who_is_behind_it() {
    let host = PlainHost::default();
    let settings = Settings { interfaces: vec!["veth*".parse().unwrap()], ..Settings::default() };
    let mut enforcement = Enforcement::adopt(host.clone(), settings, &links(&[])).unwrap();
    let there = links(&[("eth0", 2), ("veth0", 4), ("veth7", 7)]);
    let notices = see(&mut enforcement, &there);
    let closed = |name: &str, ifindex| Notice::Closed { interface: name.to_owned(), ifindex };
    assert_eq!(notices, [closed("veth0", 4), closed("veth7", 7)]);
    assert_eq!(see(&mut enforcement, &there), []);
    assert!(host.tables().slots.is_empty());
    enforcement.apply(plan(100)).unwrap();
    assert_eq!(host.tables().policed(4).unwrap().egress, 100);
    assert!(host.tables().owned.contains(&OwnedKey { ifindex: 4, address: ADDRESS }));
    assert_eq!(host.tables().slots.len(), 1);
}

#[test]
fn what_there_is_no_time_for_waits_for_the_next_look() {
    let host = PlainHost::default();
    let settings = Settings { interfaces: vec!["veth*".parse().unwrap()], ..Settings::default() };
    let mut enforcement = Enforcement::adopt(host, settings, &links(&[])).unwrap();
    let there = links(&[("veth1", 1), ("veth2", 2), ("veth3", 3)]);
    let mut time = 2;
    let sight = enforcement
        .see(&there, || {
            time -= 1;
            time >= 0
        })
        .unwrap();
    assert_eq!(sight.notices.len(), 2);
    assert_eq!(sight.waiting.into_iter().map(|waiting| waiting.ifindex).collect::<Vec<_>>(), [3]);
    assert_eq!(see(&mut enforcement, &there).len(), 1);
}

#[test]
fn more_interfaces_have_less_room_each_before_they_come() {
    let (host, mut enforcement) = enforced();
    let alone = host.tables().policed(4).unwrap().quota;
    let mut many = plan(100);
    for n in 1..64 {
        let interface =
            InterfacePlan { name: format!("veth{n}"), addresses: Vec::new(), ..many.interfaces[0].clone() };
        many.interfaces.push(interface);
    }
    many.interfaces.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let epoch = host.tables().policed(4).unwrap().epoch;
    enforcement.apply(many).unwrap();
    assert!(host.tables().policed(4).unwrap().quota < alone);
    assert_eq!(host.tables().policed(4).unwrap().epoch, epoch, "nothing is judged again for it");
    enforcement.apply(plan(100)).unwrap();
    assert_eq!(host.tables().policed(4).unwrap().quota, alone);
}
