//! The tables as plain maps, with the kernel's meaning.

extern crate alloc;

use crate::Address;
use crate::decide::Tables;
use crate::table::{
    BlockKey, Config, FlowKey, FlowValue, Interface, NO_BLOCK, OUTSIDE, OwnedKey, PolicyHead, VerdictKey,
    VerdictValue,
};
use alloc::collections::{BTreeMap, BTreeSet};

/// All tables [`decide`](crate::decide::decide) asks. For tests, plans and the command line; the lookup of blocks is
/// linear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainTables {
    /// `config`
    pub config: Config,
    /// `interfaces`
    pub interfaces: BTreeMap<u32, Interface>,
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
    /// `flows`
    pub flows: BTreeMap<FlowKey, FlowValue>,
}

impl Tables for PlainTables {
    type Slot = FlowKey;

    fn config(&self) -> Config {
        self.config
    }

    fn interface(&self, ifindex: u32) -> Option<Interface> {
        self.interfaces.get(&ifindex).copied()
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
