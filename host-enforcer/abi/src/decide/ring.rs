//! The ring of connections of one interface, and who has to make room.
//!
//! Laws: never more connections than the quota; never one of another interface; never an established one that lives.

use super::Work;
use super::connection::is_live;
use crate::event::{EVICTED, EXPIRED};
use crate::table::{FlowValue, RingKey};
use crate::{Tables, flow};

/// Positions tried before a new connection is refused. Those that follow are tried by the next one.
const POSITIONS: u32 = 64;

/// Makes room for the connection of `work`, and says where it stands; `None` if established ones that live are
/// everywhere.
#[inline(always)]
pub(super) fn stand<T: Tables>(tables: &mut T, work: &mut Work) -> Option<u32> {
    let quota = work.scene.interface.quota;
    if quota == 0 {
        return None;
    }
    let mut attempt = 0;
    while attempt < POSITIONS {
        attempt += 1;
        let slot = work.scene.slot;
        let ring = RingKey { slot, position: tables.next_position(slot) & (quota - 1) };
        if leaves(tables, work, &ring) {
            return tables.stand(&ring, &work.key).then_some(ring.position);
        }
    }
    None
}

/// Whether the position is free, or was made so.
#[inline(always)]
fn leaves<T: Tables>(tables: &mut T, work: &mut Work, ring: &RingKey) -> bool {
    let Some(key) = tables.standing(ring) else { return true };
    work.leaving_key = key;
    let Some(place) = tables.flow(&work.leaving_key) else { return true };
    work.leaving = tables.read_flow(&place);
    let (known, now) = (&work.leaving, work.arrival.time);
    // It stands elsewhere: it was closed and opened again.
    if known.slot != ring.slot || known.position != ring.position {
        return true;
    }
    // Of the interface that had this slot before, it is in nobody's way.
    if work.leaving_key.ifindex == work.arrival.ifindex && stays(known, now) {
        return false;
    }
    work.cause = if is_live(known, now) { EVICTED } else { EXPIRED };
    (work.leaving.bytes, work.leaving.packets) = tables.clear_flow(&place);
    tables.remove_flow(&work.leaving_key);
    true
}

/// Whether a connection need not make room: it lives, and both ends have shown that they want it.
#[inline(always)]
const fn stays(known: &FlowValue, now: u64) -> bool {
    matches!(known.state, flow::ESTABLISHED | flow::ASSURED) && is_live(known, now)
}
