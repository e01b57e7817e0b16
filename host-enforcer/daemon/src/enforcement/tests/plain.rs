//! A host for tests.

use crate::host::{Batch, Host, Manner, Place};
use bookend_abi::Address;
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{
    Config, Counter, FlowKey, FlowValue, Interface, Limit, OwnedKey, RingKey, SlotState,
};
use bookend_plan::PolicyContents;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A host of plain maps that can be told to fail, and outlives its enforcer.
#[derive(Clone, Default)]
pub(super) struct PlainHost(pub(super) Rc<RefCell<State>>);

#[derive(Default)]
pub(super) struct State {
    pub(super) tables: PlainTables,
    /// Attached interfaces, and whether they still exist.
    pub(super) links: BTreeMap<u32, bool>,
    pub(super) renewed: Vec<u32>,
    /// Connections in the tables of another version.
    pub(super) other: Option<BTreeMap<FlowKey, FlowValue>>,
    /// What passed on connections that ended without the programs.
    pub(super) ended: BTreeMap<u64, Counter>,
    /// Steps until one fails.
    pub(super) patience: Option<usize>,
    pub(super) log: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("told to fail")]
pub(super) struct Told;

impl PlainHost {
    fn step(&self, what: String, change: impl FnOnce(&mut State)) -> Result<(), Told> {
        let mut state = self.0.borrow_mut();
        match &mut state.patience {
            Some(0) => return Err(Told),
            Some(steps) => *steps -= 1,
            None => {}
        }
        state.log.push(what);
        change(&mut state);
        Ok(())
    }

    pub(super) fn tables(&self) -> PlainTables {
        self.0.borrow().tables.clone()
    }
}

impl Host for PlainHost {
    type Error = Told;

    fn read(&mut self) -> Result<PlainTables, Told> {
        Ok(self.tables())
    }

    fn attached(&mut self) -> Result<BTreeSet<u32>, Told> {
        Ok(self.0.borrow().links.keys().copied().collect())
    }

    fn attach(&mut self, name: &str, ifindex: u32, manner: Manner) -> Result<(), Told> {
        let own = if manner.own { "own " } else { "" };
        self.step(format!("attach {own}{name}"), |state| {
            state.links.insert(ifindex, true);
        })
    }

    fn recall(&mut self, ifindex: u32, addresses: &[Address]) -> Result<Vec<(FlowKey, FlowValue)>, Told> {
        self.step(format!("recall {ifindex} {}", addresses.len()), |_| {})?;
        Ok(Vec::new())
    }

    fn is_alive(&mut self, ifindex: u32) -> Result<bool, Told> {
        Ok(self.0.borrow().links.get(&ifindex).copied().unwrap_or_default())
    }

    fn succeeds(&self) -> bool {
        self.0.borrow().other.is_some()
    }

    fn inheritance(&mut self) -> Result<Vec<(FlowKey, FlowValue)>, Told> {
        let other = self.0.borrow().other.clone().unwrap_or_default();
        Ok(other.into_iter().collect())
    }

    fn retire(&mut self) -> Result<(), Told> {
        self.step("retire".to_owned(), |state| state.other = None)
    }

    fn renew(&mut self, ifindex: u32) -> Result<bool, Told> {
        self.step(format!("renew {ifindex}"), |state| state.renewed.push(ifindex))?;
        self.is_alive(ifindex)
    }

    fn release(&mut self, ifindex: u32) -> Result<(), Told> {
        self.step(format!("release {ifindex}"), |state| {
            state.links.remove(&ifindex);
        })
    }

    fn write_limit(&mut self, number: u32, limit: Limit) -> Result<(), Told> {
        self.step(format!("limit {number}"), |state| {
            state.tables.limits.insert(number, limit);
        })
    }

    fn remove_limit(&mut self, number: u32) -> Result<(), Told> {
        self.step(format!("remove limit {number}"), |state| {
            state.tables.limits.remove(&number);
        })
    }

    fn write_policy(&mut self, handle: u64, contents: &PolicyContents) -> Result<(), Told> {
        for (key, value) in &contents.verdicts {
            self.step("verdict".to_owned(), |state| {
                state.tables.verdicts.insert(*key, *value);
            })?;
        }
        self.step(format!("policy {handle}"), |state| {
            state.tables.policies.insert(handle, contents.head);
        })
    }

    fn remove_policy(&mut self, handle: u64, contents: &PolicyContents) -> Result<(), Told> {
        self.step(format!("remove policy {handle}"), |state| {
            state.tables.policies.remove(&handle);
        })?;
        for (key, _) in &contents.verdicts {
            self.step("remove verdict".to_owned(), |state| {
                state.tables.verdicts.remove(key);
            })?;
        }
        Ok(())
    }

    fn write_interface(&mut self, slot: u32, interface: Interface) -> Result<(), Told> {
        self.step(format!("interface {slot}"), |state| {
            state.tables.interfaces.insert(slot, interface);
        })
    }

    fn assign(&mut self, ifindex: u32, slot: u32) -> Result<(), Told> {
        self.step(format!("assign {ifindex}"), |state| {
            state.tables.slots.insert(ifindex, slot);
        })
    }

    fn unassign(&mut self, ifindex: u32) -> Result<(), Told> {
        self.step(format!("unassign {ifindex}"), |state| {
            state.tables.slots.remove(&ifindex);
        })
    }

    fn set_cursor(&mut self, slot: u32, cursor: u32) -> Result<(), Told> {
        let slot_state = SlotState { cursor, ..SlotState::default() };
        self.step(format!("cursor {slot}"), |state| {
            state.tables.slot_states.insert(slot, slot_state);
        })
    }

    fn own(&mut self, key: OwnedKey) -> Result<(), Told> {
        self.step("own".to_owned(), |state| {
            state.tables.owned.insert(key);
        })
    }

    fn disown(&mut self, key: OwnedKey) -> Result<(), Told> {
        self.step("disown".to_owned(), |state| {
            state.tables.owned.remove(&key);
        })
    }

    fn write_identities(&mut self, identities: &[(Address, u64)]) -> Result<(), Told> {
        self.step("identities".to_owned(), |state| state.tables.identities.extend(identities.iter().copied()))
    }

    fn remove_identity(&mut self, address: Address) -> Result<(), Told> {
        self.step("remove identity".to_owned(), |state| {
            state.tables.identities.remove(&address);
        })
    }

    fn write_config(&mut self, config: Config) -> Result<(), Told> {
        self.step("config".to_owned(), |state| state.tables.config = config)
    }

    fn flows(&mut self, from: Option<&Place>) -> Result<Batch<FlowKey, FlowValue>, Told> {
        Ok(some(&self.0.borrow().tables.flows, from))
    }

    fn seed_flow(&mut self, key: FlowKey, value: FlowValue) -> Result<bool, Told> {
        let new = !self.0.borrow().tables.flows.contains_key(&key);
        self.step("flow".to_owned(), |state| {
            state.tables.flows.entry(key).or_insert(value);
        })?;
        Ok(new)
    }

    fn take_flow(&mut self, key: FlowKey) -> Result<Option<FlowValue>, Told> {
        Ok(self.0.borrow_mut().tables.flows.remove(&key))
    }

    fn ring(&mut self, from: Option<&Place>) -> Result<Batch<RingKey, FlowKey>, Told> {
        Ok(some(&self.0.borrow().tables.ring, from))
    }

    fn write_position(&mut self, key: RingKey, flow: FlowKey) -> Result<(), Told> {
        self.step("position".to_owned(), |state| {
            state.tables.ring.insert(key, flow);
        })
    }

    fn remove_position(&mut self, key: RingKey) -> Result<(), Told> {
        self.0.borrow_mut().tables.ring.remove(&key);
        Ok(())
    }

    fn count_ended(&mut self, rule: u64, passed: Counter) -> Result<(), Told> {
        self.0.borrow_mut().ended.entry(rule).or_default().bytes += passed.bytes;
        Ok(())
    }
}

/// Two entries at a time; the place is the last key.
fn some<K: bytemuck::Pod + Ord, V: Copy>(table: &BTreeMap<K, V>, from: Option<&Place>) -> Batch<K, V> {
    use std::ops::Bound::{Excluded, Unbounded};
    let from = from.map_or(Unbounded, |place| Excluded(bytemuck::pod_read_unaligned::<K>(&place.0)));
    let mut rest = table.range((from, Unbounded)).map(|(key, value)| (*key, *value));
    let entries: Vec<(K, V)> = rest.by_ref().take(2).collect();
    let last = entries.last().filter(|_| rest.next().is_some());
    let place = last.map(|(key, _)| Place(bytemuck::bytes_of(key).to_vec()));
    (entries, place)
}
