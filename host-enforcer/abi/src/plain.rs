//! The tables as plain maps, with the kernel's meaning.

extern crate alloc;

use crate::decide::{Outcome, Tables, decide};
use crate::table::{
    BlockKey, BucketKey, Config, FlowKey, FlowValue, FragmentKey, FragmentValue, Interface, Limit, NO_BLOCK,
    NO_SLOT, OUTSIDE, OwnedKey, PolicyHead, RingKey, SlotState, VerdictKey, VerdictValue,
};
use crate::{Address, Arrival, Event, Frame as _, Packet, parse, report};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// All tables [`decide`](crate::decide::decide) asks. For tests, plans and the command line; the lookup of blocks is
/// linear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainTables {
    /// `config`
    pub config: Config,
    /// `slots`
    pub slots: BTreeMap<u32, u32>,
    /// `interfaces`, by slot; those that are zeroed left out
    pub interfaces: BTreeMap<u32, Interface>,
    /// `slot_states`; those that are zeroed left out
    pub slot_states: BTreeMap<u32, SlotState>,
    /// `owned`
    pub owned: BTreeSet<OwnedKey>,
    /// `identities`
    pub identities: BTreeMap<Address, u64>,
    /// `blocks`
    pub blocks: BTreeMap<BlockKey, u32>,
    /// `policies`
    pub policies: BTreeMap<u64, PolicyHead>,
    /// `verdicts`
    pub verdicts: BTreeMap<VerdictKey, VerdictValue>,
    /// `limits`
    pub limits: BTreeMap<u32, Limit>,
    /// `buckets`
    pub buckets: BTreeMap<BucketKey, u64>,
    /// `flows`
    pub flows: BTreeMap<FlowKey, FlowValue>,
    /// `ring`
    pub ring: BTreeMap<RingKey, FlowKey>,
    /// `fragments`
    pub fragments: BTreeMap<FragmentKey, FragmentValue>,
    /// `events`: all that was reported and nobody took away
    pub events: Vec<Event>,
}

impl PlainTables {
    /// Has `interface` policed, in the slot it has or the next that is free: writes `interfaces`, then `slots`.
    pub fn police(&mut self, interface: Interface) {
        let last = self.interfaces.keys().next_back().copied().unwrap_or(NO_SLOT);
        let slot = self.slots.get(&interface.ifindex).copied().unwrap_or(last + 1);
        self.interfaces.insert(slot, interface);
        self.slots.insert(interface.ifindex, slot);
    }

    /// Has the interface with this index denied everything: removes it from `slots` and `interfaces`.
    pub fn leave(&mut self, ifindex: u32) {
        if let Some(slot) = self.slots.remove(&ifindex) {
            self.interfaces.remove(&slot);
        }
    }

    /// The entry of `interfaces` for the interface with this index.
    #[must_use]
    pub fn policed(&self, ifindex: u32) -> Option<&Interface> {
        self.interfaces.get(self.slots.get(&ifindex)?).filter(|interface| interface.ifindex == ifindex)
    }

    /// The same, to be changed.
    pub fn policed_mut(&mut self, ifindex: u32) -> Option<&mut Interface> {
        self.interfaces.get_mut(self.slots.get(&ifindex)?).filter(|interface| interface.ifindex == ifindex)
    }

    /// What the programs do with `frame` at an interface: the verdict, and the events in [`events`](Self::events).
    /// `direction` and `now` as in [`Arrival`].
    pub fn judge(&mut self, direction: u8, ifindex: u32, frame: &[u8], now: u64) -> Outcome {
        let arrival = Arrival { time: now, ifindex, length: frame.length(), direction };
        let mut packet = Packet::default();
        let outcome = match parse(frame, &mut packet) {
            Ok(()) => decide(self, &arrival, &packet),
            Err(reason) => Outcome::deny(reason),
        };
        if outcome.report {
            self.events.push(report(&arrival, &packet, &outcome));
        }
        outcome
    }
}

impl Tables for PlainTables {
    type Slot = FlowKey;

    fn config(&self) -> Config {
        self.config
    }

    fn interface(&self, ifindex: u32) -> Option<Interface> {
        self.policed(ifindex).copied()
    }

    fn owns(&self, key: &OwnedKey) -> bool {
        self.owned.contains(key)
    }

    fn identity(&self, address: &Address) -> u64 {
        self.identities.get(address).copied().unwrap_or(OUTSIDE)
    }

    fn block(&self, key: &BlockKey) -> u32 {
        self.blocks
            .iter()
            .filter(|(block, _)| covers(block, key))
            .max_by_key(|(block, _)| block.prefix_length)
            .map_or(NO_BLOCK, |(_, number)| *number)
    }

    fn policy(&self, handle: u64) -> Option<PolicyHead> {
        self.policies.get(&handle).copied()
    }

    fn verdict(&self, key: &VerdictKey) -> Option<VerdictValue> {
        self.verdicts.get(key).copied()
    }

    fn flow(&self, key: &FlowKey) -> Option<FlowKey> {
        self.flows.contains_key(key).then_some(*key)
    }

    fn read_flow(&self, slot: &FlowKey) -> FlowValue {
        self.flows.get(slot).copied().unwrap_or_default()
    }

    fn refresh_flow(&mut self, slot: &FlowKey, flow: &FlowValue) {
        if let Some(known) = self.flows.get_mut(slot) {
            known.last_seen = flow.last_seen;
            known.state = flow.state;
            known.flags = flow.flags;
        }
    }

    fn insert_flow(&mut self, key: &FlowKey, flow: &FlowValue) -> bool {
        self.flows.insert(*key, *flow);
        true
    }

    fn remove_flow(&mut self, key: &FlowKey) {
        self.flows.remove(key);
    }
}

/// Whether the first `prefix_length` bits of `block` and `key` are the same.
fn covers(block: &BlockKey, key: &BlockKey) -> bool {
    let bits = |k: &BlockKey| {
        let policy = k.policy.into_iter();
        policy.chain(k.address).flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
    };
    let length = block.prefix_length as usize;
    block.prefix_length <= key.prefix_length && bits(block).take(length).eq(bits(key).take(length))
}
