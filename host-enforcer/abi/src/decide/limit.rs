//! How much of what a rule allows may come.

use crate::event::FROM_WORKLOAD;
use crate::table::{BucketKey, FlowKey, NO_LIMIT, Rate};
use crate::{Address, Tables, address};

/// Whether one more connection may be opened under `limit`, with its first packet.
#[inline(always)]
pub(super) fn admits_connection<T: Tables>(
    tables: &mut T,
    limit: u32,
    key: &FlowKey,
    initiator: u8,
    now: u64,
) -> bool {
    if limit == NO_LIMIT {
        return true;
    }
    let Some(limits) = tables.limit(limit) else { return false };
    let source = source(key, initiator);
    let bucket = |kind, source| BucketKey { ifindex: key.ifindex, limit, kind, reserved: 0, source };
    let (connections, packets) = (BucketKey::CONNECTIONS, BucketKey::PACKETS);
    let all = address::UNSPECIFIED;
    // Each source's own first: what is too much of one must not use up what is everybody's.
    take(tables, &bucket(connections, source), &limits.connections_per_source, now)
        && take(tables, &bucket(packets, source), &limits.packets_per_source, now)
        && take(tables, &bucket(connections, all), &limits.connections, now)
        && take(tables, &bucket(packets, all), &limits.packets, now)
}

/// Whether one more packet of a connection under `limit` may pass.
#[inline(always)]
pub(super) fn admits_packet<T: Tables>(
    tables: &mut T,
    limit: u32,
    key: &FlowKey,
    initiator: u8,
    now: u64,
) -> bool {
    if limit == NO_LIMIT {
        return true;
    }
    let Some(limits) = tables.limit(limit) else { return false };
    let kind = BucketKey::PACKETS;
    let bucket = |source| BucketKey { ifindex: key.ifindex, limit, kind, reserved: 0, source };
    take(tables, &bucket(source(key, initiator)), &limits.packets_per_source, now)
        && take(tables, &bucket(address::UNSPECIFIED), &limits.packets, now)
}

/// Who opened the connection.
#[inline(always)]
fn source(key: &FlowKey, initiator: u8) -> Address {
    if initiator == FROM_WORKLOAD { key.local } else { key.remote }
}

#[inline(always)]
fn take<T: Tables>(tables: &mut T, key: &BucketKey, rate: &Rate, now: u64) -> bool {
    rate.interval == 0 || tables.take(key, rate, now)
}
