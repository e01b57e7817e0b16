//! The tables by which one process sees the packets of a flow.

use super::maps::{Wire, table};
use super::{EventRing, KernelError, pins};
use crate::clock::monotonic;
use aya::maps::{Array, Map, MapData, RingBuf};
use bookend_abi::table::{Config, TraceFilter};
use std::path::Path;

/// The wish to see packets. Ended when dropped; a wish that nobody renews ends by itself.
///
/// That somebody has one is a flag in `config`, which an enforcer writes without knowing of it. Whoever writes there gives it
/// an epoch that it never had: should an enforcer write at the same moment, connections are judged once more, and never once too
/// few.
pub struct Tracer {
    wish: Array<MapData, Wire<TraceFilter>>,
    config: Array<MapData, Wire<Config>>,
}

impl Tracer {
    /// Opens the tables pinned below `pins`: the wish, and the ring of the packets that fit it. What lies in the ring is of
    /// somebody before, and is thrown away.
    ///
    /// # Errors
    /// If they cannot be opened.
    pub fn open(pins: &Path) -> Result<(Self, EventRing), KernelError> {
        let tables = pins::tables(pins);
        let map = |name| -> Result<Map, KernelError> {
            Ok(Map::from_map_data(MapData::from_pin(tables.join(name))?)?)
        };
        let wish = map("trace")?.try_into().map_err(table("trace"))?;
        let config = map("config")?.try_into().map_err(table("config"))?;
        let mut ring = EventRing(RingBuf::try_from(map("traced")?).map_err(table("traced"))?);
        while ring.take().is_some() {}
        Ok((Self { wish, config }, ring))
    }

    /// Asks for the packets that fit `filter`, until it expires.
    ///
    /// # Errors
    /// If a table cannot be written.
    pub fn ask(&mut self, filter: TraceFilter) -> Result<(), KernelError> {
        self.wish.set(0, Wire(filter), 0).map_err(table("trace"))?;
        self.flag(true)
    }

    /// Has the programs look for a wish, or not.
    fn flag(&mut self, set: bool) -> Result<(), KernelError> {
        let config = self.config.get(&0, 0).map_err(table("config"))?.0;
        let flags = if set { config.flags | Config::TRACE } else { config.flags & !Config::TRACE };
        if flags == config.flags {
            return Ok(());
        }
        let config = Config { flags, epoch: unused_epoch(), ..config };
        self.config.set(0, Wire(config), 0).map_err(table("config"))
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // If this fails, the wish ends when it expires.
        let _ = self.wish.set(0, Wire(TraceFilter::default()), 0);
        let _ = self.flag(false);
    }
}

/// An epoch out of the half that enforcers, who count from 0, do not reach.
fn unused_epoch() -> u32 {
    // The upper bits of a product with an odd number: one nanosecond later it is another one altogether.
    let mixed = monotonic().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    u32::try_from(mixed).unwrap_or(u32::MAX) | 1 << 31
}
