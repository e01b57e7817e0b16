//! What becomes of connections when interfaces, workloads, tables and time change.

use super::*;
use bookend_abi::flow;
use bookend_abi::table::{FlowKey, FlowValue, RingKey};

const SECOND: u64 = 1_000_000_000;

fn key(ifindex: u32, port: u16) -> FlowKey {
    let local = ADDRESS;
    FlowKey { ifindex, protocol: u32::from(TCP), local, remote: [9; 16], local_port: 80, remote_port: port }
}

/// Has a connection stand in the tables, as the programs would write it.
fn open(host: &PlainHost, ifindex: u32, port: u16, value: FlowValue) {
    let tables = &mut host.0.borrow_mut().tables;
    let slot = tables.slots[&ifindex];
    tables.flows.insert(key(ifindex, port), FlowValue { slot, position: u32::from(port), ..value });
    tables.ring.insert(RingKey { slot, position: u32::from(port) }, key(ifindex, port));
}

fn established(last_seen: u64) -> FlowValue {
    FlowValue { last_seen, state: flow::ESTABLISHED, rule: 5, bytes: 1_000, ..FlowValue::default() }
}

/// A whole look at the connections; what had ended.
fn collect(enforcement: &mut Enforcement<PlainHost>, now: u64) -> Vec<(FlowKey, FlowValue)> {
    let mut ended = Vec::new();
    loop {
        let collected = enforcement.collect(now).unwrap();
        ended.extend(collected.ended);
        if collected.census.is_some() {
            return ended;
        }
    }
}

#[test]
fn expired_connections_are_removed_and_their_end_is_told_if_their_opening_was() {
    let (host, mut enforcement) = enforced();
    for port in 0..9 {
        open(&host, 4, port, established(0));
    }
    open(&host, 4, 9, FlowValue { flags: flow::REPORTED, ..established(0) });
    open(&host, 4, 10, established(3_000 * SECOND));
    assert_eq!(collect(&mut enforcement, 3_600 * SECOND), []);
    let ended = collect(&mut enforcement, 3_601 * SECOND);
    assert_eq!(ended.iter().map(|(key, _)| key.remote_port).collect::<Vec<_>>(), [9]);
    assert_eq!(host.tables().flows.keys().collect::<Vec<_>>(), [&key(4, 10)]);
    assert_eq!(host.0.borrow().ended[&5].bytes, 10_000);
}

#[test]
fn beyond_a_quota_that_shrank_only_established_connections_live_on_and_none_where_room_is_short() {
    let (host, mut enforcement) = enforced();
    let quota = 16;
    enforcement.write_quotas(quota).unwrap();
    let half_open = FlowValue { state: flow::SYN, ..established(0) };
    open(&host, 4, 15, half_open);
    open(&host, 4, 16, half_open);
    open(&host, 4, 17, established(0));
    collect(&mut enforcement, 1);
    assert_eq!(host.tables().flows.keys().collect::<Vec<_>>(), [&key(4, 15), &key(4, 17)]);
    enforcement.collection.crowded = true;
    collect(&mut enforcement, 1);
    assert_eq!(host.tables().flows.keys().collect::<Vec<_>>(), [&key(4, 15)]);
    assert!(host.tables().ring.keys().all(|place| place.position < quota));
    assert!(!enforcement.collection.crowded, "there is room again");
}

#[test]
fn who_comes_after_at_the_same_index_and_address_gets_another_slot_until_the_old_one_is_clear() {
    let (host, mut enforcement) = enforced();
    open(&host, 4, 1, established(0));
    let first = host.tables().slots[&4];
    let epoch = host.tables().policed(4).unwrap().epoch;
    see(&mut enforcement, &links(&[]));
    assert!(host.tables().slots.is_empty());
    let left = host.tables().interfaces[&first];
    assert_eq!((left.egress, left.ifindex, left.quota), (0, 0, 0));
    assert!(left.epoch > epoch);
    // The same index, the same addresses.
    see(&mut enforcement, &there());
    let second = host.tables().slots[&4];
    assert_ne!(second, first);
    assert!(host.tables().policed(4).unwrap().epoch > left.epoch);
    assert!(enforcement.has_left_slots());
    collect(&mut enforcement, 1);
    assert!(host.tables().flows.is_empty() && host.tables().ring.is_empty());
    assert!(!enforcement.has_left_slots());
    see(&mut enforcement, &links(&[]));
    see(&mut enforcement, &there());
    assert_eq!(host.tables().slots[&4], first);
}

#[test]
fn a_slot_that_was_left_during_a_look_is_not_clear_after_it() {
    let (host, mut enforcement) = enforced();
    for port in 0..5 {
        open(&host, 4, port, established(0));
    }
    enforcement.collect(1).unwrap();
    see(&mut enforcement, &links(&[]));
    collect(&mut enforcement, 1);
    assert!(enforcement.has_left_slots());
    collect(&mut enforcement, 1);
    assert!(!enforcement.has_left_slots());
    assert!(host.tables().flows.is_empty());
}

#[test]
fn an_interface_that_passes_to_another_workload_leaves_its_connections_behind() {
    let (host, mut enforcement) = enforced();
    let before = host.tables().slots[&4];
    let mut other = plan(100);
    other.interfaces[0].workload = "another".to_owned();
    enforcement.apply(other).unwrap();
    assert_ne!(host.tables().slots[&4], before);
    let entry = *host.tables().policed(4).unwrap();
    assert_eq!((entry.egress, entry.ingress), (100, 100));
}

#[test]
fn an_enforcer_that_was_killed_leaves_no_slot_to_be_given_twice() {
    for patience in 0..12 {
        let (host, mut enforcement) = enforced();
        open(&host, 4, 1, established(0));
        let first = host.tables().slots[&4];
        host.0.borrow_mut().patience = Some(patience);
        let _ = enforcement.see(&links(&[("veth0", 9)]), || true);
        drop(enforcement);
        host.0.borrow_mut().patience = None;
        let links = links(&[("veth0", 9)]);
        host.0.borrow_mut().links.remove(&4);
        let mut next = Enforcement::adopt(host.clone(), Settings::default(), &links).unwrap();
        next.apply(plan(100)).unwrap();
        see(&mut next, &links);
        let tables = host.tables();
        assert_eq!(tables.slots.keys().collect::<Vec<_>>(), [&9], "step {patience}");
        assert_ne!(tables.slots[&9], first, "step {patience}");
        assert_eq!(tables.policed(9).unwrap().egress, 100, "step {patience}");
    }
}

/// Tables of another version with a connection in them, `veth0` attached.
fn predecessor() -> PlainHost {
    let host = PlainHost::default();
    host.0.borrow_mut().links.insert(4, true);
    let flows = [1, 2, 3].map(|port| (key(4, port), FlowValue { slot: 77, ..established(0) }));
    host.0.borrow_mut().other = Some(flows.into());
    host
}

#[test]
fn tables_of_another_version_are_succeeded_only_when_everything_is_written() {
    let host = predecessor();
    let mut enforcement = adopt(&host);
    assert!(host.0.borrow().renewed.is_empty());
    enforcement.apply(plan(100)).unwrap();
    see(&mut enforcement, &there());
    assert!(host.0.borrow().renewed.is_empty());
    assert_eq!(host.tables().policed(4).unwrap().egress, 100);
    assert!(host.tables().owned.contains(&OwnedKey { ifindex: 4, address: ADDRESS }));
    let succession = enforcement.succeed().unwrap();
    assert_eq!(succession, Succession { interfaces: 1, flows: 3 });
    assert!(!enforcement.is_successor());
    let tables = host.tables();
    for (key, value) in &tables.flows {
        assert_eq!(value.slot, tables.slots[&4]);
        assert_eq!(tables.ring[&RingKey { slot: value.slot, position: value.position }], *key);
        assert_ne!(value.epoch, tables.config.epoch, "judged again");
    }
}

#[test]
fn wherever_a_succession_breaks_off_the_next_enforcer_completes_it() {
    for patience in 0..30 {
        let host = predecessor();
        host.0.borrow_mut().patience = Some(patience);
        let work = || -> Result<(), Told> {
            let mut enforcement = Enforcement::adopt(host.clone(), Settings::default(), &there())?;
            enforcement.apply(plan(100)).map_err(|_| Told)?;
            enforcement.see(&there(), || true)?;
            enforcement.succeed()?;
            Ok(())
        };
        let broken = work().is_err();
        host.0.borrow_mut().patience = None;
        let mut next = adopt(&host);
        next.apply(plan(100)).unwrap();
        see(&mut next, &there());
        next.succeed().unwrap();
        let tables = host.tables();
        assert!(host.0.borrow().other.is_none());
        assert_eq!(tables.policed(4).unwrap().egress, 100, "step {patience}");
        assert_eq!(tables.flows.len(), 3, "step {patience}");
        assert!(tables.flows.values().all(|value| value.slot == tables.slots[&4]), "step {patience}");
        if !broken {
            return;
        }
    }
    panic!("never came to an end");
}
