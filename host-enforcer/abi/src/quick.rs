//! The short way for most packets: those of established connections.
//!
//! It does what [`parse`](crate::parse), [`decide`](fn@crate::decide) and [`conclude`](crate::conclude) do, for packets of
//! which that is: count, and let pass. All others it leaves to them, untouched. The law that it never says anything else
//! is tested; it exists because it costs a fraction.

use crate::event::FROM_WORKLOAD;
use crate::packet::{FIN, RST, SYN};
use crate::table::{ALLOW, Config, FlowKey, FlowValue, NO_LIMIT, TCP, UDP};
use crate::{Address, Arrival, Frame, Outcome, Reason, Tables, address, flow};

/// Lets the packet pass if it belongs to an established connection and nothing else is to be done about it; `None`: go the
/// long way.
#[inline(always)]
pub fn pass<T: Tables, F: Frame + ?Sized>(tables: &mut T, arrival: &Arrival, frame: &F) -> Option<Outcome> {
    if frame.tags_beside() != 0 {
        return None;
    }
    let head: &[u8; 42] = frame.head()?;
    let mut key = FlowKey::default();
    // Written where it is: what is known of the addresses would else be carried about byte by byte.
    let key = core::hint::black_box(&mut key);
    match u16::from_be_bytes([head[12], head[13]]) {
        0x0800 if head[14] == 0x45 => key_v4(arrival, frame, head, key)?,
        0x86dd if head[14] >> 4 == 6 => key_v6(arrival, frame, key)?,
        _ => return None,
    }
    settled(tables, arrival, key)
}

/// Lets a packet of the connection `key` pass, if nothing is to be decided.
#[inline(always)]
fn settled<T: Tables>(tables: &mut T, arrival: &Arrival, key: &FlowKey) -> Option<Outcome> {
    let place = tables.flow(key)?;
    let known = tables.read_flow(&place);
    let is_settled = match known.state {
        flow::ESTABLISHED | flow::ASSURED => true,
        flow::DATAGRAM | flow::COMPLETED => known.initiator == arrival.direction,
        flow::ANSWERED => known.initiator != arrival.direction,
        _ => false,
    };
    let silent = arrival.time.saturating_sub(known.last_seen);
    if !is_settled || known.limit != NO_LIMIT || silent > flow::timeout(known.state) {
        return None;
    }
    let (interface, config) = (tables.interface(known.slot), tables.config());
    if interface.ifindex != arrival.ifindex
        || interface.epoch != known.interface_epoch
        || config.epoch != known.epoch
        || config.flags & Config::TRACE != 0
    {
        return None;
    }
    tables.add_to_flow(&place, arrival.length);
    if silent > flow::PRECISION {
        tables.refresh_flow(&place, &FlowValue { last_seen: arrival.time, ..known });
    }
    tables.count(Reason::ESTABLISHED, 1, u64::from(arrival.length));
    let mut outcome = Outcome::pass(Reason::ESTABLISHED);
    outcome.verdict = ALLOW;
    outcome.rule = known.rule;
    outcome.policy = known.policy;
    outcome.slot = known.slot;
    outcome.interface = interface.flags;
    Some(outcome)
}

/// The connection by the headers of nearly all packets: TCP or UDP right behind IPv4 without options, whole, and neither the
/// beginning nor the end of a connection.
#[inline(always)]
fn key_v4<F: Frame + ?Sized>(arrival: &Arrival, frame: &F, head: &[u8; 42], key: &mut FlowKey) -> Option<()> {
    let total = u32::from(u16::from_be_bytes([head[16], head[17]]));
    // A fragment is none of these.
    if 14 + total > frame.length() || head[20] & 0x3f != 0 || head[21] != 0 {
        return None;
    }
    let payload = total.checked_sub(20)?;
    match head[23] {
        UDP => udp(u16::from_be_bytes([head[38], head[39]]), payload)?,
        TCP => {
            let head: &[u8; 54] = frame.head()?;
            tcp(head[46], head[47], payload)?;
        }
        _ => return None,
    }
    let source = address::mapped([head[26], head[27], head[28], head[29]]);
    let destination = address::mapped([head[30], head[31], head[32], head[33]]);
    write(key, arrival, head[23], &source, &destination, [head[34], head[35], head[36], head[37]]);
    Some(())
}

/// The same behind IPv6 without extensions.
#[inline(always)]
fn key_v6<F: Frame + ?Sized>(arrival: &Arrival, frame: &F, key: &mut FlowKey) -> Option<()> {
    let head: &[u8; 62] = frame.head()?;
    let payload = u32::from(u16::from_be_bytes([head[18], head[19]]));
    if 54 + payload > frame.length() {
        return None;
    }
    match head[20] {
        UDP => udp(u16::from_be_bytes([head[58], head[59]]), payload)?,
        TCP => {
            let head: &[u8; 74] = frame.head()?;
            tcp(head[66], head[67], payload)?;
        }
        _ => return None,
    }
    let (protocol, ports) = (head[20], [head[54], head[55], head[56], head[57]]);
    // Copied by the helper: nothing is known of the alignment of a packet, so byte by byte else.
    write(key, arrival, protocol, &frame.load::<16>(22)?, &frame.load::<16>(38)?, ports);
    // On the wire these would be mistaken for IPv4 addresses in the tables.
    if address::is_mapped(&key.local) || address::is_mapped(&key.remote) {
        return None;
    }
    Some(())
}

#[inline(always)]
fn write(
    key: &mut FlowKey,
    arrival: &Arrival,
    protocol: u8,
    source: &Address,
    destination: &Address,
    [s0, s1, d0, d1]: [u8; 4],
) {
    let (source_port, destination_port) = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
    let (local, remote, local_port, remote_port) = if arrival.direction == FROM_WORKLOAD {
        (source, destination, source_port, destination_port)
    } else {
        (destination, source, destination_port, source_port)
    };
    key.ifindex = arrival.ifindex;
    key.protocol = u32::from(protocol);
    key.local = *local;
    key.remote = *remote;
    key.local_port = local_port;
    key.remote_port = remote_port;
}

#[inline(always)]
fn udp(length: u16, payload: u32) -> Option<()> {
    (length >= 8 && u32::from(length) <= payload).then_some(())
}

#[inline(always)]
fn tcp(data_offset: u8, flags: u8, payload: u32) -> Option<()> {
    let header = u32::from(data_offset >> 4) * 4;
    (payload >= 20 && header >= 20 && header <= payload && flags & (SYN | FIN | RST) == 0).then_some(())
}
