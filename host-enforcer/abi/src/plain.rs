//! The tables as plain maps, with the kernel's meaning.

extern crate alloc;

use crate::table::{
    BlockKey, BucketKey, Config, Counter, FlowKey, FlowValue, FragmentKey, FragmentValue, Interface, Limit,
    NO_BLOCK, NO_SLOT, OUTSIDE, OwnedKey, PolicyHead, Rate, RingKey, SlotState, TraceFilter, VerdictKey,
    VerdictValue,
};
use crate::{
    Address, Arrival, Event, Frame as _, Outcome, Packet, Reason, Stages, Tables, Work, conclude, decide,
    parse, quick, rate,
};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::mem::{replace, take};

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
    /// `counters`
    pub counters: BTreeMap<Reason, Counter>,
    /// `rules`
    pub rules: BTreeMap<u64, Counter>,
    /// `audits`
    pub audits: BTreeMap<u64, Counter>,
    /// `events`: all that was reported and nobody took away
    pub events: Vec<Event>,
    /// `trace`
    pub trace: TraceFilter,
    /// `traced`: all that was put there and nobody took away
    pub traced: Vec<Event>,
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

    /// What the programs do with `frame` at an interface: the verdict, what is counted, and the events in
    /// [`events`](Self::events). `direction` and `now` as in [`Arrival`].
    pub fn judge(&mut self, direction: u8, ifindex: u32, frame: &[u8], now: u64) -> Outcome {
        let arrival = Arrival { time: now, ifindex, length: frame.length(), direction };
        if let Some(outcome) = quick::pass(self, &arrival, frame) {
            return outcome;
        }
        self.judge_slowly(&arrival, frame)
    }

    /// What becomes of a packet that was parsed already; nothing is counted or told.
    pub fn decide(&mut self, arrival: &Arrival, packet: &Packet) -> Outcome {
        let mut work = Work::of(*arrival, *packet);
        decide(self, &mut work, None);
        work.outcome
    }

    /// As [`judge`](Self::judge), without the short way for what belongs to a connection.
    pub fn judge_slowly(&mut self, arrival: &Arrival, frame: &[u8]) -> Outcome {
        let mut work = Work::new(*arrival);
        let refused = parse(frame, &mut work.packet).err();
        decide(self, &mut work, refused);
        conclude(self, &mut work);
        work.outcome
    }
}

impl Stages for PlainTables {}

impl Tables for PlainTables {
    type Place = FlowKey;

    fn config(&self) -> Config {
        self.config
    }

    fn slot(&self, ifindex: u32) -> u32 {
        self.slots.get(&ifindex).copied().unwrap_or(NO_SLOT)
    }

    fn interface(&self, slot: u32) -> Interface {
        self.interfaces.get(&slot).copied().unwrap_or_default()
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

    fn add_to_flow(&mut self, place: &FlowKey, bytes: u32) {
        if let Some(known) = self.flows.get_mut(place) {
            known.bytes += u64::from(bytes);
            known.packets += 1;
        }
    }

    fn clear_flow(&mut self, place: &FlowKey) -> (u64, u64) {
        self.flows.get_mut(place).map_or((0, 0), |known| (take(&mut known.bytes), take(&mut known.packets)))
    }

    fn insert_flow(&mut self, key: &FlowKey, flow: &FlowValue) -> bool {
        self.flows.insert(*key, *flow);
        true
    }

    fn remove_flow(&mut self, key: &FlowKey) {
        self.flows.remove(key);
    }

    fn next_position(&mut self, slot: u32) -> u32 {
        let cursor = &mut self.slot_states.entry(slot).or_default().cursor;
        replace(cursor, cursor.wrapping_add(1))
    }

    fn standing(&self, key: &RingKey) -> Option<FlowKey> {
        self.ring.get(key).copied()
    }

    fn stand(&mut self, key: &RingKey, flow: &FlowKey) -> bool {
        self.ring.insert(*key, *flow);
        true
    }

    fn limit(&self, limit: u32) -> Option<Limit> {
        self.limits.get(&limit).copied()
    }

    fn take(&mut self, key: &BucketKey, rate: &Rate, now: u64) -> bool {
        let theoretical = self.buckets.get(key).copied().unwrap_or_default();
        let next = rate::conform(theoretical, rate, now);
        next.map(|next| self.buckets.insert(*key, next)).is_some()
    }

    fn take_event(&mut self, slot: u32, denial: bool, now: u64) -> bool {
        let state = self.slot_states.entry(slot).or_default();
        let (theoretical, rate) = if denial {
            (&mut state.denials, rate::DENIALS)
        } else {
            (&mut state.connections, rate::CONNECTIONS)
        };
        let next = rate::conform(*theoretical, &rate, now);
        next.map(|next| *theoretical = next).is_some()
    }

    fn fragment(&self, key: &FragmentKey) -> Option<FragmentValue> {
        self.fragments.get(key).copied()
    }

    fn remember_fragment(&mut self, key: &FragmentKey, value: &FragmentValue) -> bool {
        self.fragments.insert(*key, *value);
        true
    }

    fn count(&mut self, reason: Reason, packets: u64, bytes: u64) {
        add(self.counters.entry(reason).or_default(), packets, bytes);
    }

    fn count_rule(&mut self, rule: u64, packets: u64, bytes: u64) {
        add(self.rules.entry(rule).or_default(), packets, bytes);
    }

    fn count_audit(&mut self, rule: u64, packets: u64, bytes: u64) {
        add(self.audits.entry(rule).or_default(), packets, bytes);
    }

    fn emit(&mut self, event: &Event) {
        self.events.push(*event);
    }

    fn trace(&self) -> TraceFilter {
        self.trace
    }

    fn emit_traced(&mut self, event: &Event) {
        self.traced.push(*event);
    }
}

fn add(counter: &mut Counter, packets: u64, bytes: u64) {
    counter.packets += packets;
    counter.bytes += bytes;
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
