//! The tables row by row, without holding one in memory: for reports.

use super::maps::{BlockData, Wire, block_key, table};
use super::{KernelError, Pinned};
use aya::maps::lpm_trie::LpmTrie;
use aya::maps::{Array, HashMap, Map, MapData, MapError};
use bookend_abi::Address;
use bookend_abi::table::{
    BlockKey, BucketKey, Config, FlowKey, FlowValue, FragmentKey, FragmentValue, Interface, Limit, OwnedKey,
    PolicyHead, SlotState, VerdictKey, VerdictValue, capacity,
};
use bytemuck::Pod;
use std::collections::BTreeMap;
use std::path::Path;

/// A table whose rows are read one after the other. One that changes meanwhile may show a row twice, or not.
pub struct Rows<K, V> {
    map: HashMap<MapData, Wire<K>, Wire<V>>,
    table: &'static str,
    /// Rows after which reading ends: the kernel begins anew when the last row read is gone.
    most: usize,
}

impl<K: Pod, V: Pod> Rows<K, V> {
    fn open(pins: &Path, name: &'static str, entries: u32) -> Result<Self, KernelError> {
        let map = open(pins, name)?.try_into().map_err(table(name))?;
        Ok(Self { map, table: name, most: 2 * entries as usize })
    }

    /// The rows, in no order.
    pub fn iter(&self) -> impl Iterator<Item = Result<(K, V), KernelError>> + '_ {
        let rows = self.map.iter().take(self.most);
        rows.map(|row| row.map(|(key, value)| (key.0, value.0)).map_err(table(self.table)))
    }

    /// The keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = Result<K, KernelError>> + '_ {
        self.map.keys().take(self.most).map(|key| key.map(|key| key.0).map_err(table(self.table)))
    }

    /// One row.
    ///
    /// # Errors
    /// If it cannot be read; that it is not there is none.
    pub fn get(&self, key: K) -> Result<Option<V>, KernelError> {
        match self.map.get(&Wire(key), 0) {
            Ok(value) => Ok(Some(value.0)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(error) => Err(table(self.table)(error)),
        }
    }
}

/// The CIDR blocks of policies.
pub struct Blocks(LpmTrie<MapData, BlockData, u32>);

impl Blocks {
    /// The rows, in no order.
    pub fn iter(&self) -> impl Iterator<Item = Result<(BlockKey, u32), KernelError>> + '_ {
        let rows = self.0.iter().take(2 * capacity::BLOCKS as usize);
        rows.map(|row| row.map(|(key, block)| (block_key(&key), block)).map_err(table("blocks")))
    }
}

/// What the kernel counts for interfaces.
pub struct SlotStates(Array<MapData, Wire<SlotState>>);

impl SlotStates {
    /// Of one slot.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn get(&self, slot: u32) -> Result<SlotState, KernelError> {
        self.0.get(&slot, 0).map(|state| state.0).map_err(table("slot_states"))
    }
}

fn open(pins: &Path, name: &str) -> Result<Map, KernelError> {
    Ok(Map::from_map_data(MapData::from_pin(pins.join(name))?)?)
}

impl Pinned {
    /// Connections.
    ///
    /// # Errors
    /// If the table cannot be opened. So it is with all below.
    pub fn flows(&self) -> Result<Rows<FlowKey, FlowValue>, KernelError> {
        Rows::open(&self.pins, "flows", capacity::FLOWS)
    }

    /// Which addresses are whose.
    ///
    /// # Errors
    /// See [`flows`](Self::flows).
    pub fn owned(&self) -> Result<Rows<OwnedKey, u32>, KernelError> {
        Rows::open(&self.pins, "owned", capacity::OWNED)
    }

    /// The entry of `config`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn config(&self) -> Result<Config, KernelError> {
        super::maps::open_config(MapData::from_pin(self.pins.join("config"))?)
    }

    /// The interfaces that have an entry, by slot.
    ///
    /// # Errors
    /// If a table cannot be read.
    pub fn slotted(&self) -> Result<BTreeMap<u32, Interface>, KernelError> {
        let interfaces: Array<MapData, Wire<Interface>> =
            open(&self.pins, "interfaces")?.try_into().map_err(table("interfaces"))?;
        let mut slotted = BTreeMap::new();
        for row in Rows::<u32, u32>::open(&self.pins, "slots", capacity::SLOTS)?.iter() {
            let (ifindex, slot) = row?;
            let interface = interfaces.get(&slot, 0).map_err(table("interfaces"))?.0;
            if interface.ifindex == ifindex {
                slotted.insert(slot, interface);
            }
        }
        Ok(slotted)
    }

    /// Who has which address.
    ///
    /// # Errors
    /// See [`flows`](Self::flows).
    pub fn identities(&self) -> Result<Rows<Address, u64>, KernelError> {
        Rows::open(&self.pins, "identities", capacity::IDENTITIES)
    }

    /// How policies are looked up.
    ///
    /// # Errors
    /// See [`flows`](Self::flows).
    pub fn policies(&self) -> Result<Rows<u64, PolicyHead>, KernelError> {
        Rows::open(&self.pins, "policies", capacity::POLICIES)
    }

    /// What policies say.
    ///
    /// # Errors
    /// See [`flows`](Self::flows).
    pub fn verdicts(&self) -> Result<Rows<VerdictKey, VerdictValue>, KernelError> {
        Rows::open(&self.pins, "verdicts", capacity::VERDICTS)
    }

    /// How much may come.
    ///
    /// # Errors
    /// See [`flows`](Self::flows).
    pub fn limits(&self) -> Result<Rows<u32, Limit>, KernelError> {
        Rows::open(&self.pins, "limits", capacity::LIMITS)
    }

    /// How much has come.
    ///
    /// # Errors
    /// See [`flows`](Self::flows).
    pub fn buckets(&self) -> Result<Rows<BucketKey, u64>, KernelError> {
        Rows::open(&self.pins, "buckets", capacity::BUCKETS)
    }

    /// Fragmented packets under way.
    ///
    /// # Errors
    /// See [`flows`](Self::flows).
    pub fn fragments(&self) -> Result<Rows<FragmentKey, FragmentValue>, KernelError> {
        Rows::open(&self.pins, "fragments", capacity::FRAGMENTS)
    }

    /// The CIDR blocks of policies.
    ///
    /// # Errors
    /// See [`flows`](Self::flows).
    pub fn blocks(&self) -> Result<Blocks, KernelError> {
        open(&self.pins, "blocks")?.try_into().map(Blocks).map_err(table("blocks"))
    }

    /// What the kernel counts for interfaces.
    ///
    /// # Errors
    /// See [`flows`](Self::flows).
    pub fn slot_states(&self) -> Result<SlotStates, KernelError> {
        open(&self.pins, "slot_states")?.try_into().map(SlotStates).map_err(table("slot_states"))
    }
}
