//! The tables as the decision asks them.

use crate::table::{
    BlockKey, BucketKey, Config, FlowKey, FlowValue, FragmentKey, FragmentValue, Interface, Limit, OwnedKey,
    PolicyHead, Rate, RingKey, TraceFilter, VerdictKey, VerdictValue,
};
use crate::{Address, Event, Reason};

/// The tables, as [`decide`](fn@crate::decide) asks them. What each absence means is said in [`crate::table`].
pub trait Tables {
    /// Where a flow lies, so that it can be refreshed without a second lookup.
    type Place;

    /// The one entry of `config`.
    fn config(&self) -> Config;
    /// The entry of `slots`, or [`NO_SLOT`](crate::table::NO_SLOT).
    fn slot(&self, ifindex: u32) -> u32;
    /// The entry of `interfaces`; zeroed if there is no such slot.
    fn interface(&self, slot: u32) -> Interface;
    /// Whether the entry of `owned` exists.
    fn owns(&self, key: &OwnedKey) -> bool;
    /// The identity of `address`, or [`OUTSIDE`](crate::table::OUTSIDE).
    fn identity(&self, address: &Address) -> u64;
    /// The block of the longest prefix that covers `key`, or [`NO_BLOCK`](crate::table::NO_BLOCK).
    fn block(&self, key: &BlockKey) -> u32;
    /// The entry of `policies`.
    fn policy(&self, handle: u64) -> Option<PolicyHead>;
    /// The entry of `verdicts`.
    fn verdict(&self, key: &VerdictKey) -> Option<VerdictValue>;

    /// Where the entry of `flows` lies.
    fn flow(&self, key: &FlowKey) -> Option<Self::Place>;
    /// What lies there.
    fn read_flow(&self, place: &Self::Place) -> FlowValue;
    /// Writes `last_seen`, `state` and `flags` in place; nothing else, for the kernel may have given the place to
    /// another flow in the meantime.
    fn refresh_flow(&mut self, place: &Self::Place, flow: &FlowValue);
    /// Adds a packet of so many bytes to what passed there.
    fn add_to_flow(&mut self, place: &Self::Place, bytes: u32);
    /// What passed there, bytes and packets, which are 0 from then on: nobody else counts them too.
    fn clear_flow(&mut self, place: &Self::Place) -> (u64, u64);
    /// Inserts or replaces an entry of `flows`; false if there is no room.
    fn insert_flow(&mut self, key: &FlowKey, flow: &FlowValue) -> bool;
    /// Removes an entry of `flows`.
    fn remove_flow(&mut self, key: &FlowKey);

    /// The cursor in the entry of `slot_states`, which is one further from then on.
    fn next_position(&mut self, slot: u32) -> u32;
    /// The entry of `ring`.
    fn standing(&self, key: &RingKey) -> Option<FlowKey>;
    /// Writes an entry of `ring`; false if there is no room.
    fn stand(&mut self, key: &RingKey, flow: &FlowKey) -> bool;

    /// The entry of `limits`.
    fn limit(&self, limit: u32) -> Option<Limit>;
    /// Takes one out of a bucket of `buckets`, if it [conforms](crate::rate::conform).
    fn take(&mut self, key: &BucketKey, rate: &Rate, now: u64) -> bool;
    /// The same for what an interface may tell: `denials` in the entry of `slot_states`, or `connections`.
    fn take_event(&mut self, slot: u32, denial: bool, now: u64) -> bool;

    /// The entry of `fragments`.
    fn fragment(&self, key: &FragmentKey) -> Option<FragmentValue>;
    /// Writes an entry of `fragments`; false if there is no room.
    fn remember_fragment(&mut self, key: &FragmentKey, value: &FragmentValue) -> bool;

    /// Adds to the entry of `counters`.
    fn count(&mut self, reason: Reason, packets: u64, bytes: u64);
    /// Adds to the entry of `rules`.
    fn count_rule(&mut self, rule: u64, packets: u64, bytes: u64);
    /// Adds to the entry of `audits`.
    fn count_audit(&mut self, rule: u64, packets: u64, bytes: u64);
    /// Puts `event` into `events`; counts it as lost if there is no room.
    fn emit(&mut self, event: &Event);
    /// The one entry of `trace`.
    fn trace(&self) -> TraceFilter;
    /// Puts `event` into `traced`, if there is room.
    fn emit_traced(&mut self, event: &Event);
}
