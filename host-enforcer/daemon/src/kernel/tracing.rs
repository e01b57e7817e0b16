//! The tables by which one process sees the packets of a flow.

use super::maps::{Wire, table};
use super::{EventRing, KernelError};
use aya::maps::{Array, Map, MapData, RingBuf};
use bookend_abi::table::TraceFilter;
use std::path::Path;

/// The wish to see packets. Ended when dropped; a wish that nobody renews ends by itself.
pub struct Tracer(Array<MapData, Wire<TraceFilter>>);

impl Tracer {
    /// Opens the tables pinned in `pins`: the wish, and the ring of the packets that fit it. What lies in the ring is of somebody before,
    /// and is thrown away.
    ///
    /// # Errors
    /// If they cannot be opened.
    pub fn open(pins: &Path) -> Result<(Self, EventRing), KernelError> {
        let map = |name| -> Result<Map, KernelError> {
            Ok(Map::from_map_data(MapData::from_pin(pins.join(name))?)?)
        };
        let wish = Self(map("trace")?.try_into().map_err(table("trace"))?);
        let mut ring = EventRing(RingBuf::try_from(map("traced")?).map_err(table("traced"))?);
        while ring.take().is_some() {}
        Ok((wish, ring))
    }

    /// Asks for the packets that fit `filter`, until it expires.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub fn ask(&mut self, filter: TraceFilter) -> Result<(), KernelError> {
        self.0.set(0, Wire(filter), 0).map_err(table("trace"))
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // If this fails, the wish ends when it expires.
        let _ = self.ask(TraceFilter::default());
    }
}
