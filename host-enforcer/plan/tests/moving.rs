//! Whatever moves and whoever becomes another, the planner makes what is built afresh.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "other tests ask for more of it")]
mod world;

use bookend_abi::table::{OUTSIDE, VerdictKey, VerdictValue};
use bookend_engine::{Backend, Inventory, Program, Protocol, Service, ServicePort, Workload};
use bookend_plan::{Plan, Planner, PolicyContents};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A Service: which workloads it selects, the port that is dialled, and the one behind it.
type Selecting = (u8, u16, u16);

/// A workload, one of its instances, and the last part of its new addresses.
type Move = (usize, usize, u8);

#[derive(Clone, Debug)]
enum Edit {
    /// Some move.
    Moves(Vec<Move>),
    /// A workload becomes who another one is, somewhere else than before.
    Becomes(usize, usize, Move),
    /// The same as before is planned again.
    Again,
}

fn edit() -> impl Strategy<Value = Edit> {
    let one = || (0..5_usize, 0..2_usize, 1..14_u8);
    prop_oneof![
        6 => proptest::collection::vec(one(), 1..4).prop_map(Edit::Moves),
        2 => (0..5_usize, 0..5_usize, one()).prop_map(|(who, whom, place)| Edit::Becomes(who, whom, place)),
        1 => Just(Edit::Again),
    ]
}

/// The same inventory, with these Services before those whom they select.
fn serving(inventory: Inventory, services: &[Selecting]) -> Inventory {
    let service = |(number, (selected, port, behind)): (usize, &Selecting)| {
        let number = u8::try_from(number).unwrap();
        let selected =
            inventory.workloads().iter().enumerate().filter(|(at, _)| (selected >> (at % 8)) & 1 == 1);
        let addresses =
            selected.flat_map(|(_, workload)| workload.instances.iter().flat_map(|i| &i.addresses));
        let backends: BTreeSet<Backend> =
            addresses.map(|address| Backend { address: *address, port: *behind }).collect();
        let backends = backends.into_iter().collect();
        Service {
            namespace: "a".to_owned(),
            name: format!("s{number}"),
            addresses: vec![[10, 0, 0, 200 + number].into(), format!("fd00:1::{number}").parse().unwrap()],
            ports: vec![ServicePort { name: None, protocol: Protocol::Tcp, port: *port, backends }],
        }
    };
    let services = services.iter().enumerate().map(service).collect();
    inventory.with_services(services)
}

/// Moves as many as can be moved: who moved.
fn moved(workloads: &mut [Workload], moves: &[Move]) -> Vec<usize> {
    let mut moved = BTreeSet::new();
    for (position, instance, last) in moves {
        let taken: BTreeSet<IpAddr> =
            workloads.iter().flat_map(|w| &w.instances).flat_map(|i| i.addresses.clone()).collect();
        let position = position % workloads.len();
        let instances = &mut workloads[position].instances;
        let instance = instance % instances.len();
        let own = &mut instances[instance].addresses;
        let new: Vec<IpAddr> = own
            .iter()
            .map(|address| match address {
                IpAddr::V4(old) => [10, old.octets()[1], old.octets()[2], *last].into(),
                IpAddr::V6(_) => format!("fd00::{last:x}").parse().unwrap(),
            })
            .collect();
        if new.iter().all(|address| !taken.contains(address)) {
            *own = new;
            moved.insert(position);
        }
    }
    moved.into_iter().collect()
}

/// The block in which a policy finds an address; 0 is none.
fn block(contents: &PolicyContents, address: [u8; 16]) -> u32 {
    let inside = |first: [u8; 16], length: u32| {
        let differs = u128::from_be_bytes(first) ^ u128::from_be_bytes(address);
        differs.checked_shr(128 - length).is_none_or(|differs| differs == 0)
    };
    let around = contents.blocks.iter().filter(|(key, _)| inside(key.address, key.prefix_length - 64));
    around.max_by_key(|(key, _)| key.prefix_length).map_or(0, |(_, block)| *block)
}

/// Rows without the number of their policy.
fn rows(contents: &PolicyContents) -> BTreeMap<VerdictKey, VerdictValue> {
    contents.verdicts.iter().map(|(key, value)| (VerdictKey { policy: 0, ..*key }, *value)).collect()
}

/// Whether two plans are the same, but for rows in `plan` of somebody who is where nobody of that identity is.
fn check(plan: &Plan, afresh: &Plan) -> Result<(), TestCaseError> {
    prop_assert_eq!(&plan.identities, &afresh.identities);
    prop_assert_eq!(&plan.services, &afresh.services);
    for known in &*afresh.known {
        prop_assert_eq!(plan.known.get(known.0), Some(known.1));
    }
    prop_assert_eq!(plan.interfaces.len(), afresh.interfaces.len());
    for (one, other) in plan.interfaces.iter().zip(&afresh.interfaces) {
        prop_assert_eq!(
            (&one.name, &one.workload, &one.addresses),
            (&other.name, &other.workload, &other.addresses)
        );
        for (handle, expected) in [(one.egress, other.egress), (one.ingress, other.ingress)] {
            let (contents, expected) = (&plan.policies[&handle], &afresh.policies[&expected]);
            let answer = |contents: &PolicyContents| {
                (contents.head.flags, contents.head.default_rule, contents.head.default_audit_rule)
            };
            prop_assert_eq!(answer(contents), answer(expected));
            let blocks = |contents: &PolicyContents| -> Vec<_> {
                contents.blocks.iter().map(|(key, block)| (key.prefix_length, key.address, *block)).collect()
            };
            prop_assert_eq!(blocks(contents), blocks(expected));
            let there: BTreeSet<(u64, u32)> =
                plan.identities.iter().map(|(at, number)| (*number, block(expected, *at))).collect();
            let (mut found, expected) = (rows(contents), rows(expected));
            found.retain(|key, _| key.identity == OUTSIDE || there.contains(&(key.identity, key.block)));
            prop_assert_eq!(found, expected, "{}", plan);
        }
    }
    for (number, rule) in &afresh.rules {
        prop_assert_eq!(plan.rules.get(number), Some(rule));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn after_any_moves_and_changes_of_who_there_is_the_plan_is_the_one_that_is_built_afresh(
        program in world::program(),
        inventory in world::inventory(),
        services in proptest::collection::vec((any::<u8>(), proptest::sample::select(world::PORTS), proptest::sample::select(world::PORTS)), 0..3),
        edits in proptest::collection::vec((edit(), proptest::bool::weighted(0.9)), 1..12),
    ) {
        let program: &Program = &program;
        let mut inventory = serving(inventory, &services);
        let (mut planner, mut current) = (Planner::default(), Plan::default());
        let Ok(first) = planner.plan(program, &inventory, &current) else { return Ok(()) };
        check(&first, &Plan::build(program, &inventory, &[]).unwrap())?;
        current = first;
        for (edit, applied) in edits {
            let mut workloads = inventory.workloads().to_vec();
            let (moved, is_who) = match edit {
                Edit::Moves(moves) => (moved(&mut workloads, &moves), true),
                Edit::Becomes(who, whom, place) => {
                    let (who, whom) = (who % workloads.len(), whom % workloads.len());
                    workloads[who].identity.labels = workloads[whom].identity.labels.clone();
                    (moved(&mut workloads, &[place]), false)
                }
                Edit::Again => (Vec::new(), true),
            };
            inventory = serving(inventory.with_workloads(workloads), &services);
            let plan = match is_who {
                true => planner.plan_moved(program, &inventory, &current, &moved),
                false => planner.plan(program, &inventory, &current),
            };
            let afresh = Plan::build(program, &inventory, &[]);
            match (plan, afresh) {
                (Ok(plan), Ok(afresh)) => {
                    check(&plan, &afresh)?;
                    if applied {
                        current = plan;
                    }
                }
                (plan, afresh) => {
                    prop_assert_eq!(plan.err().map(|e| e.to_string()), afresh.err().map(|e| e.to_string()));
                    // Of what a planner that failed made last nothing is known.
                    return Ok(());
                }
            }
        }
    }
}
