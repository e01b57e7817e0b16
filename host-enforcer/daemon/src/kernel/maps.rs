//! The tables as aya's maps.

use super::KernelError;
use crate::clock;
use crate::sockets::Connection;
use aya::Ebpf;
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray, PerCpuHashMap};
use bookend_abi::plain::PlainTables;
use bookend_abi::table::{
    BlockKey, Config, Counter, FlowKey, FlowValue, Interface, Limit, NO_SLOT, OwnedKey, PolicyHead, RingKey,
    SlotState, VerdictKey, VerdictValue, capacity,
};
use bookend_abi::{Address, Reason};
use bookend_plan::PolicyContents;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A type of the shared tables, as aya wants to see it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Wire<T>(pub(super) T);

// SAFETY: `bytemuck::Pod` promises all that `aya::Pod` asks: any bytes are a value, and there is no padding.
unsafe impl<T: bytemuck::Pod> aya::Pod for Wire<T> {}

/// The data of a key of `blocks`: the policy, then the address.
pub(super) type BlockData = [u8; 24];

type Hash<K, V> = HashMap<MapData, Wire<K>, Wire<V>>;
/// Counters by rule.
type Counted = PerCpuHashMap<MapData, u64, Wire<Counter>>;

pub(super) struct Maps {
    config: Array<MapData, Wire<Config>>,
    slots: HashMap<MapData, u32, u32>,
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
    counters: PerCpuArray<MapData, Wire<Counter>>,
    rules: Counted,
    audits: Counted,
}

impl Maps {
    /// The maps of a loaded object.
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        Self::from_maps(|name| ebpf.take_map(name).ok_or(KernelError::Object { what: name }))
    }

    /// The maps pinned below `pins`.
    pub(super) fn open(pins: &Path) -> Result<Self, KernelError> {
        Self::from_maps(|name| Ok(Map::from_map_data(MapData::from_pin(pins.join(name))?)?))
    }

    fn from_maps(mut map: impl FnMut(&'static str) -> Result<Map, KernelError>) -> Result<Self, KernelError> {
        Ok(Self {
            config: map("config")?.try_into()?,
            slots: map("slots")?.try_into()?,
            interfaces: map("interfaces")?.try_into()?,
            slot_states: map("slot_states")?.try_into()?,
            owned: map("owned")?.try_into()?,
            identities: map("identities")?.try_into()?,
            blocks: map("blocks")?.try_into()?,
            policies: map("policies")?.try_into()?,
            verdicts: map("verdicts")?.try_into()?,
            limits: map("limits")?.try_into()?,
            flows: map("flows")?.try_into()?,
            ring: map("ring")?.try_into()?,
            counters: map("counters")?.try_into()?,
            rules: map("rules")?.try_into()?,
            audits: map("audits")?.try_into()?,
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
        let mut tables = PlainTables { config: self.config()?, ..PlainTables::default() };
        for entry in self.slots.iter() {
            let (ifindex, slot) = entry.map_err(table("slots"))?;
            tables.slots.insert(ifindex, slot);
            let interface = self.interfaces.get(&slot, 0).map_err(table("interfaces"))?.0;
            if interface.ifindex == ifindex {
                tables.interfaces.insert(slot, interface);
            }
        }
        for entry in self.limits.iter() {
            let (key, value) = entry.map_err(table("limits"))?;
            tables.limits.insert(key.0, value.0);
        }
        for key in self.owned.keys() {
            tables.owned.insert(key.map_err(table("owned"))?.0);
        }
        for entry in self.identities.iter() {
            let (key, value) = entry.map_err(table("identities"))?;
            tables.identities.insert(key.0, value.0);
        }
        for entry in self.blocks.iter() {
            let (key, value) = entry.map_err(table("blocks"))?;
            tables.blocks.insert(block_key(&key), value);
        }
        for entry in self.policies.iter() {
            let (key, value) = entry.map_err(table("policies"))?;
            tables.policies.insert(key.0, value.0);
        }
        for entry in self.verdicts.iter() {
            let (key, value) = entry.map_err(table("verdicts"))?;
            tables.verdicts.insert(key.0, value.0);
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

    pub(super) fn rules(&self) -> Result<BTreeMap<u64, Counter>, KernelError> {
        by_rule(&self.rules).map_err(table("rules"))
    }

    pub(super) fn audits(&self) -> Result<BTreeMap<u64, Counter>, KernelError> {
        by_rule(&self.audits).map_err(table("audits"))
    }

    pub(super) fn write_policy(&mut self, handle: u64, contents: &PolicyContents) -> Result<(), KernelError> {
        for (key, block) in &contents.blocks {
            self.blocks.insert(&trie_key(key), block, 0).map_err(table("blocks"))?;
        }
        for (key, value) in &contents.verdicts {
            self.verdicts.insert(Wire(*key), Wire(*value), 0).map_err(table("verdicts"))?;
        }
        self.policies.insert(Wire(handle), Wire(contents.head), 0).map_err(table("policies"))
    }

    pub(super) fn remove_policy(
        &mut self,
        handle: u64,
        contents: &PolicyContents,
    ) -> Result<(), KernelError> {
        gone(self.policies.remove(&Wire(handle))).map_err(table("policies"))?;
        for (key, _) in &contents.verdicts {
            gone(self.verdicts.remove(&Wire(*key))).map_err(table("verdicts"))?;
        }
        for (key, _) in &contents.blocks {
            gone(self.blocks.remove(&trie_key(key))).map_err(table("blocks"))?;
        }
        Ok(())
    }

    pub(super) fn write_interface(&mut self, ifindex: u32, interface: Interface) -> Result<(), KernelError> {
        let slot = match self.slots.get(&ifindex, 0) {
            Ok(slot) => slot,
            Err(MapError::KeyNotFound) => self.free_slot()?,
            Err(error) => return Err(table("slots")(error)),
        };
        self.interfaces
            .set(slot, Wire(Interface { ifindex, ..interface }), 0)
            .map_err(table("interfaces"))?;
        self.slots.insert(ifindex, slot, 0).map_err(table("slots"))
    }

    pub(super) fn remove_interface(&mut self, ifindex: u32) -> Result<(), KernelError> {
        match self.slots.get(&ifindex, 0) {
            Ok(slot) => {
                self.interfaces.set(slot, Wire(Interface::default()), 0).map_err(table("interfaces"))?;
                gone(self.slots.remove(&ifindex)).map_err(table("slots"))
            }
            Err(MapError::KeyNotFound) => Ok(()),
            Err(error) => Err(table("slots")(error)),
        }
    }

    /// The lowest slot that no interface has, with nothing counted yet.
    fn free_slot(&mut self) -> Result<u32, KernelError> {
        let taken: BTreeSet<u32> = self
            .slots
            .iter()
            .map(|entry| entry.map(|(_, slot)| slot))
            .collect::<Result<_, _>>()
            .map_err(table("slots"))?;
        let full = || {
            table("interfaces")(MapError::OutOfBounds {
                index: capacity::SLOTS,
                max_entries: capacity::SLOTS,
            })
        };
        let slot = (NO_SLOT + 1..capacity::SLOTS).find(|slot| !taken.contains(slot)).ok_or_else(full)?;
        self.slot_states.set(slot, Wire(SlotState::default()), 0).map_err(table("slot_states"))?;
        Ok(slot)
    }

    pub(super) fn own(&mut self, key: OwnedKey) -> Result<(), KernelError> {
        self.owned.insert(Wire(key), Wire(1), 0).map_err(table("owned"))
    }

    pub(super) fn disown(&mut self, key: OwnedKey) -> Result<(), KernelError> {
        gone(self.owned.remove(&Wire(key))).map_err(table("owned"))
    }

    pub(super) fn write_identity(&mut self, address: Address, identity: u64) -> Result<(), KernelError> {
        self.identities.insert(Wire(address), Wire(identity), 0).map_err(table("identities"))
    }

    pub(super) fn remove_identity(&mut self, address: Address) -> Result<(), KernelError> {
        gone(self.identities.remove(&Wire(address))).map_err(table("identities"))
    }

    pub(super) fn write_limit(&mut self, number: u32, limit: Limit) -> Result<(), KernelError> {
        self.limits.insert(Wire(number), Wire(limit), 0).map_err(table("limits"))
    }

    pub(super) fn remove_limit(&mut self, number: u32) -> Result<(), KernelError> {
        gone(self.limits.remove(&Wire(number))).map_err(table("limits"))
    }

    fn clear(&mut self) -> Result<(), KernelError> {
        let old = self.read()?;
        for ifindex in old.slots.keys() {
            self.remove_interface(*ifindex)?;
        }
        for limit in old.limits.keys() {
            self.remove_limit(*limit)?;
        }
        for key in old.owned {
            self.disown(key)?;
        }
        for address in old.identities.keys() {
            self.remove_identity(*address)?;
        }
        for handle in old.policies.keys() {
            gone(self.policies.remove(&Wire(*handle))).map_err(table("policies"))?;
        }
        for key in old.verdicts.keys() {
            gone(self.verdicts.remove(&Wire(*key))).map_err(table("verdicts"))?;
        }
        for key in old.blocks.keys() {
            gone(self.blocks.remove(&trie_key(key))).map_err(table("blocks"))?;
        }
        Ok(())
    }

    /// Remembers connections at an interface that has an entry and no programs yet, as not judged under `epoch`. Beyond its
    /// quota none are.
    pub(super) fn remember(
        &mut self,
        ifindex: u32,
        connections: impl Iterator<Item = Connection>,
        epoch: u32,
    ) -> Result<(), KernelError> {
        let slot = self.slots.get(&ifindex, 0).map_err(table("slots"))?;
        let quota = self.interfaces.get(&slot, 0).map_err(table("interfaces"))?.0.quota;
        let mut state = self.slot_states.get(&slot, 0).map_err(table("slot_states"))?.0;
        let now = clock::monotonic();
        for connection in connections.take(usize::try_from(quota).unwrap_or(usize::MAX)) {
            let key = connection.key(ifindex);
            if self.flows.get(&Wire(key), 0).is_ok() {
                continue;
            }
            let position = state.cursor & quota.wrapping_sub(1);
            let stale = epoch.wrapping_sub(1);
            let value = FlowValue { slot, position, interface_epoch: stale, epoch: stale, ..connection.value(now) };
            self.ring.insert(Wire(RingKey { slot, position }), Wire(key), 0).map_err(table("ring"))?;
            self.flows.insert(Wire(key), Wire(value), 0).map_err(table("flows"))?;
            state.cursor = state.cursor.wrapping_add(1);
        }
        self.slot_states.set(slot, Wire(state), 0).map_err(table("slot_states"))
    }

    /// Forgets all connections.
    pub(super) fn forget(&mut self) -> Result<(), KernelError> {
        let flows = self.flows.keys().collect::<Result<Vec<_>, _>>().map_err(table("flows"))?;
        for key in flows {
            gone(self.flows.remove(&key)).map_err(table("flows"))?;
        }
        let positions = self.ring.keys().collect::<Result<Vec<_>, _>>().map_err(table("ring"))?;
        for key in positions {
            gone(self.ring.remove(&key)).map_err(table("ring"))?;
        }
        Ok(())
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
        for (address, identity) in &tables.identities {
            self.write_identity(*address, *identity)?;
        }
        for key in &tables.owned {
            self.own(*key)?;
        }
        for (limit, value) in &tables.limits {
            self.write_limit(*limit, *value)?;
        }
        // The slot is part of what a connection remembers, so it is not chosen here.
        for (ifindex, slot) in &tables.slots {
            let interface = tables.interfaces.get(slot).copied().unwrap_or_default();
            self.interfaces.set(*slot, Wire(interface), 0).map_err(table("interfaces"))?;
            self.slots.insert(ifindex, slot, 0).map_err(table("slots"))?;
        }
        self.write_config(tables.config)
    }
}

/// The entry of a `config` map that is opened by itself.
pub(super) fn open_config(map: MapData) -> Result<Config, KernelError> {
    let config: Array<MapData, Wire<Config>> = Map::from_map_data(map)?.try_into()?;
    config.get(&0, 0).map(|config| config.0).map_err(table("config"))
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
    values.iter().fold(Counter::default(), |sum, value| Counter {
        packets: sum.packets.wrapping_add(value.0.packets),
        bytes: sum.bytes.wrapping_add(value.0.bytes),
    })
}
