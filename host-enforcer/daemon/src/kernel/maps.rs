//! The tables as aya's maps.

use super::KernelError;
use super::hash::Hash;
use crate::host::{Batch, Place};
use aya::Ebpf;
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray, PerCpuHashMap};
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{
    BlockKey, BucketKey, Config, Counter, FlowKey, FlowValue, FragmentKey, FragmentValue, Interface, Limit,
    NO_SLOT, OwnedKey, PolicyHead, RingKey, SlotState, VerdictKey, VerdictValue, capacity,
};
use bookend_abi::{Address, Reason};
use bookend_plan::PolicyContents;
use std::collections::BTreeMap;
use std::path::Path;

/// A type of the shared tables, as aya wants to see it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Wire<T>(pub(super) T);

// SAFETY: `bytemuck::Pod` promises all that `aya::Pod` asks: any bytes are a value, and there is no padding.
unsafe impl<T: bytemuck::Pod> aya::Pod for Wire<T> {}

/// The data of a key of `blocks`: the policy, then the address.
pub(super) type BlockData = [u8; 24];

/// Counters by rule.
type Counted = PerCpuHashMap<MapData, u64, Wire<Counter>>;

pub(super) struct Maps {
    config: Array<MapData, Wire<Config>>,
    slots: Hash<u32, u32>,
    interfaces: Array<MapData, Wire<Interface>>,
    slot_states: Array<MapData, Wire<SlotState>>,
    owned: Hash<OwnedKey, u32>,
    identities: Hash<Address, u64>,
    blocks: LpmTrie<MapData, BlockData, u32>,
    policies: Hash<u64, PolicyHead>,
    verdicts: Hash<VerdictKey, VerdictValue>,
    limits: Hash<u32, Limit>,
    flows: Hash<FlowKey, FlowValue>,
    ring: Hash<RingKey, FlowKey>,
    buckets: Hash<BucketKey, u64>,
    fragments: Hash<FragmentKey, FragmentValue>,
    counters: PerCpuArray<MapData, Wire<Counter>>,
    rules: Counted,
    audits: Counted,
    /// What passed on connections that ended without the programs; nothing is kept of it where nothing is pinned.
    ended: Option<Hash<u64, Counter>>,
}

impl Maps {
    /// The maps of a loaded object.
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        Self::from_maps(|name| ebpf.take_map(name).ok_or(KernelError::Object { what: name }))
    }

    /// The maps pinned in the directory `tables`.
    pub(super) fn open(tables: &Path) -> Result<Self, KernelError> {
        Self::from_maps(|name| Ok(Map::from_map_data(MapData::from_pin(tables.join(name))?)?))?
            .with_ended(tables)
    }

    /// The same, with the table of what ended without the programs, which is pinned in the directory `tables` too.
    pub(super) fn with_ended(mut self, tables: &Path) -> Result<Self, KernelError> {
        /// `BPF_F_NO_PREALLOC`.
        const AS_NEEDED: u32 = 1;
        let path = tables.join(ENDED);
        if !path.exists() {
            let map = HashMap::<MapData, u64, Wire<Counter>>::create(capacity::RULES, AS_NEEDED);
            let pinned = map.map_err(table(ENDED))?.pin(&path);
            pinned.map_err(|error| KernelError::Pins {
                path: path.clone(),
                source: std::io::Error::other(error),
            })?;
        }
        self.ended = Some(Hash::new(Map::from_map_data(MapData::from_pin(path)?)?, ENDED)?);
        Ok(self)
    }

    fn from_maps(mut map: impl FnMut(&'static str) -> Result<Map, KernelError>) -> Result<Self, KernelError> {
        Ok(Self {
            config: map("config")?.try_into()?,
            slots: Hash::new(map("slots")?, "slots")?,
            interfaces: map("interfaces")?.try_into()?,
            slot_states: map("slot_states")?.try_into()?,
            owned: Hash::new(map("owned")?, "owned")?,
            identities: Hash::new(map("identities")?, "identities")?,
            blocks: map("blocks")?.try_into()?,
            policies: Hash::new(map("policies")?, "policies")?,
            verdicts: Hash::new(map("verdicts")?, "verdicts")?,
            limits: Hash::new(map("limits")?, "limits")?,
            flows: Hash::new(map("flows")?, "flows")?,
            ring: Hash::new(map("ring")?, "ring")?,
            buckets: Hash::new(map("buckets")?, "buckets")?,
            fragments: Hash::new(map("fragments")?, "fragments")?,
            counters: map("counters")?.try_into()?,
            rules: map("rules")?.try_into()?,
            audits: map("audits")?.try_into()?,
            ended: None,
        })
    }

    pub(super) fn config(&self) -> Result<Config, KernelError> {
        self.config.get(&0, 0).map(|config| config.0).map_err(table("config"))
    }

    pub(super) fn write_config(&mut self, config: Config) -> Result<(), KernelError> {
        self.config.set(0, Wire(config), 0).map_err(table("config"))
    }

    /// Everything but connections and counters.
    pub(super) fn read(&self) -> Result<PlainTables, KernelError> {
        let mut tables = PlainTables {
            config: self.config()?,
            slots: self.slots.all()?.into_iter().collect(),
            owned: self.owned.all()?.into_iter().map(|(key, _)| key).collect(),
            identities: self.identities.all()?.into_iter().collect(),
            policies: self.policies.all()?.into_iter().collect(),
            verdicts: self.verdicts.all()?.into_iter().collect(),
            limits: self.limits.all()?.into_iter().collect(),
            ..PlainTables::default()
        };
        for slot in NO_SLOT + 1..capacity::SLOTS {
            let interface = self.interfaces.get(&slot, 0).map_err(table("interfaces"))?.0;
            if interface != Interface::default() {
                tables.interfaces.insert(slot, interface);
            }
            let state = self.slot_states.get(&slot, 0).map_err(table("slot_states"))?.0;
            if state != SlotState::default() {
                tables.slot_states.insert(slot, state);
            }
        }
        for entry in self.blocks.iter() {
            let (key, value) = entry.map_err(table("blocks"))?;
            tables.blocks.insert(block_key(&key), value);
        }
        Ok(tables)
    }

    pub(super) fn counters(&self) -> Result<BTreeMap<Reason, Counter>, KernelError> {
        let mut counters = BTreeMap::new();
        for reason in Reason::ALL {
            let values = self.counters.get(&u32::from(reason.0), 0).map_err(table("counters"))?;
            counters.insert(*reason, sum(&values));
        }
        Ok(counters)
    }

    /// By rule: what the programs counted, and what passed on connections whose end they did not see.
    pub(super) fn rules(&self) -> Result<BTreeMap<u64, Counter>, KernelError> {
        let mut rules = by_rule(&self.rules).map_err(table("rules"))?;
        for (rule, passed) in self.ended.iter().map(Hash::all).collect::<Result<Vec<_>, _>>()?.concat() {
            let counter = rules.entry(rule).or_default();
            *counter = plus(*counter, passed);
        }
        Ok(rules)
    }

    pub(super) fn audits(&self) -> Result<BTreeMap<u64, Counter>, KernelError> {
        by_rule(&self.audits).map_err(table("audits"))
    }

    pub(super) fn count_ended(&mut self, rule: u64, passed: Counter) -> Result<(), KernelError> {
        let Some(ended) = &mut self.ended else { return Ok(()) };
        let counted = ended.get(rule)?.unwrap_or_default();
        ended.insert(rule, plus(counted, passed))
    }

    pub(super) fn write_policy(&mut self, handle: u64, contents: &PolicyContents) -> Result<(), KernelError> {
        for (key, block) in &contents.blocks {
            self.blocks.insert(&trie_key(key), block, 0).map_err(table("blocks"))?;
        }
        self.verdicts.insert_all(&contents.verdicts)?;
        self.policies.insert(handle, contents.head)
    }

    pub(super) fn remove_policy(
        &mut self,
        handle: u64,
        contents: &PolicyContents,
    ) -> Result<(), KernelError> {
        self.policies.remove(handle)?;
        let verdicts: Vec<_> = contents.verdicts.iter().map(|(key, _)| *key).collect();
        self.verdicts.remove_all(&verdicts)?;
        for (key, _) in &contents.blocks {
            gone(self.blocks.remove(&trie_key(key))).map_err(table("blocks"))?;
        }
        Ok(())
    }

    pub(super) fn write_interface(&mut self, slot: u32, interface: Interface) -> Result<(), KernelError> {
        self.interfaces.set(slot, Wire(interface), 0).map_err(table("interfaces"))
    }

    pub(super) fn set_cursor(&mut self, slot: u32, cursor: u32) -> Result<(), KernelError> {
        let state = SlotState { cursor, ..SlotState::default() };
        self.slot_states.set(slot, Wire(state), 0).map_err(table("slot_states"))
    }

    /// The slot of an interface.
    pub(super) fn slot(&self, ifindex: u32) -> Result<Option<u32>, KernelError> {
        self.slots.get(ifindex)
    }

    pub(super) fn assign(&mut self, ifindex: u32, slot: u32) -> Result<(), KernelError> {
        self.slots.insert(ifindex, slot)
    }

    pub(super) fn unassign(&mut self, ifindex: u32) -> Result<(), KernelError> {
        self.slots.remove(ifindex)
    }

    pub(super) fn own(&mut self, key: OwnedKey) -> Result<(), KernelError> {
        self.owned.insert(key, 1)
    }

    pub(super) fn disown(&mut self, key: OwnedKey) -> Result<(), KernelError> {
        self.owned.remove(key)
    }

    pub(super) fn write_identities(&mut self, identities: &[(Address, u64)]) -> Result<(), KernelError> {
        self.identities.insert_all(identities)
    }

    pub(super) fn remove_identity(&mut self, address: Address) -> Result<(), KernelError> {
        self.identities.remove(address)
    }

    pub(super) fn write_limit(&mut self, limit: u32, value: Limit) -> Result<(), KernelError> {
        self.limits.insert(limit, value)
    }

    pub(super) fn remove_limit(&mut self, limit: u32) -> Result<(), KernelError> {
        self.limits.remove(limit)
    }

    pub(super) fn flows(&self, from: Option<&Place>) -> Result<Batch<FlowKey, FlowValue>, KernelError> {
        self.flows.some(from)
    }

    pub(super) fn seed_flow(&mut self, key: FlowKey, value: FlowValue) -> Result<bool, KernelError> {
        self.flows.insert_new(key, value)
    }

    pub(super) fn take_flow(&mut self, key: FlowKey) -> Result<Option<FlowValue>, KernelError> {
        self.flows.take(key)
    }

    pub(super) fn ring(&self, from: Option<&Place>) -> Result<Batch<RingKey, FlowKey>, KernelError> {
        self.ring.some(from)
    }

    pub(super) fn write_position(&mut self, key: RingKey, flow: FlowKey) -> Result<(), KernelError> {
        self.ring.insert(key, flow)
    }

    pub(super) fn remove_position(&mut self, key: RingKey) -> Result<(), KernelError> {
        self.ring.remove(key)
    }

    fn clear(&mut self) -> Result<(), KernelError> {
        let old = self.read()?;
        for (ifindex, slot) in &old.slots {
            self.unassign(*ifindex)?;
            self.write_interface(*slot, Interface::default())?;
        }
        self.limits.remove_all(&old.limits.into_keys().collect::<Vec<_>>())?;
        self.owned.remove_all(&old.owned.into_iter().collect::<Vec<_>>())?;
        self.identities.remove_all(&old.identities.into_keys().collect::<Vec<_>>())?;
        self.policies.remove_all(&old.policies.into_keys().collect::<Vec<_>>())?;
        self.verdicts.remove_all(&old.verdicts.into_keys().collect::<Vec<_>>())?;
        for key in old.blocks.keys() {
            gone(self.blocks.remove(&trie_key(key))).map_err(table("blocks"))?;
        }
        Ok(())
    }

    /// Forgets all connections, packets in fragments, and what was taken of limits.
    pub(super) fn forget(&mut self) -> Result<(), KernelError> {
        let flows: Vec<_> = self.flows.all()?.into_iter().map(|(key, _)| key).collect();
        self.flows.remove_all(&flows)?;
        let positions: Vec<_> = self.ring.all()?.into_iter().map(|(key, _)| key).collect();
        self.ring.remove_all(&positions)?;
        let fragments: Vec<_> = self.fragments.all()?.into_iter().map(|(key, _)| key).collect();
        self.fragments.remove_all(&fragments)?;
        let buckets: Vec<_> = self.buckets.all()?.into_iter().map(|(key, _)| key).collect();
        self.buckets.remove_all(&buckets)
    }

    /// Makes the tables hold what `tables` does. Connections stay as they are.
    pub(super) fn replace(&mut self, tables: &PlainTables) -> Result<(), KernelError> {
        self.clear()?;
        let mut contents: BTreeMap<u64, PolicyContents> = BTreeMap::new();
        for (handle, head) in &tables.policies {
            contents.entry(*handle).or_default().head = *head;
        }
        for (key, block) in &tables.blocks {
            contents.entry(key.policy()).or_default().blocks.push((*key, *block));
        }
        for (key, value) in &tables.verdicts {
            contents.entry(key.policy).or_default().verdicts.push((*key, *value));
        }
        for (handle, contents) in &contents {
            self.write_policy(*handle, contents)?;
        }
        let identities: Vec<_> = tables.identities.iter().map(|(key, value)| (*key, *value)).collect();
        self.write_identities(&identities)?;
        for key in &tables.owned {
            self.own(*key)?;
        }
        for (limit, value) in &tables.limits {
            self.write_limit(*limit, *value)?;
        }
        // The slot is part of what a connection remembers, so it is not chosen here.
        for (ifindex, slot) in &tables.slots {
            self.write_interface(*slot, tables.interfaces.get(slot).copied().unwrap_or_default())?;
            self.assign(*ifindex, *slot)?;
        }
        self.write_config(tables.config)
    }
}

/// Name of the table of what passed on connections that ended without the programs. None of them uses it.
const ENDED: &str = "ended";

fn plus(one: Counter, other: Counter) -> Counter {
    Counter { packets: one.packets.wrapping_add(other.packets), bytes: one.bytes.wrapping_add(other.bytes) }
}

/// The entry of a `config` map that is opened by itself.
pub(super) fn open_config(map: MapData) -> Result<Config, KernelError> {
    let config: Array<MapData, Wire<Config>> = Map::from_map_data(map)?.try_into()?;
    config.get(&0, 0).map(|config| config.0).map_err(table("config"))
}

/// The connections in a `flows` map that is opened by itself.
pub(super) fn open_flows(pin: &Path) -> Result<Vec<(FlowKey, FlowValue)>, KernelError> {
    if !pin.exists() {
        return Ok(Vec::new());
    }
    Hash::new(Map::from_map_data(MapData::from_pin(pin)?)?, "flows")?.all()
}

pub(super) fn table(table: &'static str) -> impl Fn(MapError) -> KernelError {
    move |source| KernelError::Table { table, source }
}

/// A removal that found nothing has happened.
fn gone(removed: Result<(), MapError>) -> Result<(), MapError> {
    match removed {
        Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error)) if error.io_error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn trie_key(key: &BlockKey) -> Key<BlockData> {
    let [p0, p1, p2, p3, p4, p5, p6, p7] = key.policy;
    let [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, aa, ab, ac, ad, ae, af] = key.address;
    let data =
        [p0, p1, p2, p3, p4, p5, p6, p7, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, aa, ab, ac, ad, ae, af];
    Key::new(key.prefix_length, data)
}

pub(super) fn block_key(key: &Key<BlockData>) -> BlockKey {
    let [p0, p1, p2, p3, p4, p5, p6, p7, address @ ..] = key.data();
    BlockKey { prefix_length: key.prefix_len(), policy: [p0, p1, p2, p3, p4, p5, p6, p7], address }
}

fn by_rule(counted: &Counted) -> Result<BTreeMap<u64, Counter>, MapError> {
    counted.iter().map(|entry| entry.map(|(rule, values)| (rule, sum(&values)))).collect()
}

fn sum(values: &aya::maps::PerCpuValues<Wire<Counter>>) -> Counter {
    values.iter().fold(Counter::default(), |sum, value| plus(sum, value.0))
}
