//! What a workload and its link say to each other: ARP, neighbor discovery, multicast listener discovery.

use super::connection::is_live;
use super::{NO_ROOM, Outcome, Stages, Work, make_room};
use crate::event::{FROM_WORKLOAD, TO_WORKLOAD};
use crate::packet::{Kind, Packet};
use crate::table::{FlowKey, FlowValue, ICMPV6, Interface, OwnedKey, UDP};
use crate::{Address, Arrival, Reason, Tables, address, flow};

const LISTENER_QUERY: u8 = 130;
const LISTENER_REPORT: u8 = 131;
const LISTENER_DONE: u8 = 132;
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
const LISTENER_REPORT_2: u8 = 143;

/// A workload speaks ARP in its own name only. A probe from `0.0.0.0` (RFC 5227) claims its target: whoever is asked
/// takes it for a rival.
#[inline(always)]
pub(super) fn arp<T: Tables>(tables: &T, work: &Work) -> Outcome {
    const REQUEST: u8 = 1;
    let (Arrival { direction, ifindex, .. }, packet) = (work.arrival, &work.packet);
    let probe = packet.detail == REQUEST && packet.source == address::mapped([0; 4]);
    let claimed = if probe { packet.destination } else { packet.source };
    if direction == TO_WORKLOAD || tables.owns(&OwnedKey { ifindex, address: claimed }) {
        Outcome::pass(Reason::ARP)
    } else {
        Outcome::deny(Reason::ARP_FORBIDDEN)
    }
}

/// A workload may ask for neighbors and routers, answer for itself and say which multicast it listens to (switches
/// deliver solicitations by that); it is never a router.
#[inline(always)]
pub(super) fn neighbor<T: Stages>(tables: &mut T, work: &mut Work) -> Outcome {
    let Arrival { direction, ifindex, time: now, .. } = work.arrival;
    let (packet, scene) = (&work.packet, &work.scene);
    let permitted = if direction == TO_WORKLOAD {
        hears(tables, work)
    } else {
        // A host that routes for others may say so.
        (packet.detail == ROUTER_ADVERTISEMENT && scene.has(Interface::FORWARDS))
            || says(tables, ifindex, packet, now)
    };
    if permitted { Outcome::pass(Reason::ND) } else { Outcome::deny(Reason::ND_FORBIDDEN) }
}

#[inline(always)]
fn own<T: Tables>(tables: &T, ifindex: u32, address: &Address) -> bool {
    address::is_link_local(address) || tables.owns(&OwnedKey { ifindex, address: *address })
}

/// What the workload may send.
#[inline(always)]
fn says<T: Tables>(tables: &T, ifindex: u32, packet: &Packet, now: u64) -> bool {
    let nameless = address::is_unspecified(&packet.source);
    let named = own(tables, ifindex, &packet.source);
    match packet.detail {
        // Without a source it claims its target (duplicate address detection, RFC 4862, 5.4.3).
        SOLICITATION if nameless => {
            own(tables, ifindex, &packet.subject) && stays(tables, ifindex, packet, now)
        }
        SOLICITATION => named && stays(tables, ifindex, packet, now),
        ROUTER_SOLICITATION => (nameless || named) && stays(tables, ifindex, packet, now),
        ADVERTISEMENT => {
            named && own(tables, ifindex, &packet.subject) && stays(tables, ifindex, packet, now)
        }
        LISTENER_REPORT | LISTENER_DONE | LISTENER_REPORT_2 => {
            address::is_link_multicast(&packet.destination)
                && (nameless || address::is_link_local(&packet.source))
        }
        _ => false,
    }
}

/// What the workload may receive. Who told it of an address on its link is remembered.
#[inline(always)]
fn hears<T: Stages>(tables: &mut T, work: &mut Work) -> bool {
    let (packet, ifindex) = (&work.packet, work.arrival.ifindex);
    let routes = work.scene.has(Interface::FORWARDS);
    let on_link = address::is_link_multicast(&packet.destination);
    match packet.detail {
        SOLICITATION | ADVERTISEMENT | ROUTER_ADVERTISEMENT => {
            if !on_link && !own(tables, ifindex, &packet.destination) {
                return false;
            }
            let spoken_for = if packet.detail == ADVERTISEMENT { &packet.subject } else { &packet.source };
            if packet.detail != ROUTER_ADVERTISEMENT && !needs_no_proof(spoken_for) {
                work.key = on_link_key(ifindex, spoken_for);
                remember(tables, work);
            }
            true
        }
        ROUTER_SOLICITATION => routes && on_link,
        // The host's own reports go out here as well.
        LISTENER_QUERY | LISTENER_REPORT | LISTENER_DONE | LISTENER_REPORT_2 => on_link,
        _ => false,
    }
}

/// Remembers that somebody is on the link, among the connections of the interface. If there is no room the workload finds
/// its neighbor again by multicast.
#[inline(always)]
fn remember<T: Stages>(tables: &mut T, work: &mut Work) {
    let (last_seen, slot) = (work.arrival.time, work.scene.slot);
    if let Some(place) = tables.flow(&work.key) {
        let known = tables.read_flow(&place);
        if known.slot == slot {
            tables.refresh_flow(&place, &FlowValue { last_seen, ..known });
            return;
        }
    }
    let position = make_room(tables, work);
    if position != NO_ROOM {
        let state = flow::NEIGHBOR;
        work.known = FlowValue { last_seen, slot, position, state, ..FlowValue::default() };
        let _ = tables.insert_flow(&work.key, &work.known);
    }
}

/// Whether the packet asks for an address by DHCP (RFC 2131, 4.1) or DHCPv6 (RFC 8415, 7), or answers. Whoever asks has
/// no address yet, and it goes no further than the link.
#[inline(always)]
pub(super) fn is_dhcp(direction: u8, packet: &Packet) -> bool {
    if packet.kind != Kind::Datagram || packet.protocol != UDP || packet.fragmented {
        return false;
    }
    let (source, destination) = (&packet.source, &packet.destination);
    match (direction, packet.source_port, packet.destination_port) {
        (FROM_WORKLOAD, 68, 67) => {
            *source == address::mapped([0; 4]) && *destination == address::mapped([255; 4])
        }
        (TO_WORKLOAD, 67, 68) => address::is_mapped(source),
        (FROM_WORKLOAD, 546, 547) => {
            address::is_link_local(source) && address::is_link_multicast(destination)
        }
        (TO_WORKLOAD, 547, 546) => address::is_link_local(source) && address::is_link_local(destination),
        _ => false,
    }
}

/// Whether the packet goes no further than the link. Only its receiver checks that it came through no router
/// (RFC 4861, 7.1); routers forward it like any other, so to an address beyond the link it would carry data past the
/// policy.
#[inline(always)]
fn stays<T: Tables>(tables: &T, ifindex: u32, packet: &Packet, now: u64) -> bool {
    let destination = &packet.destination;
    if address::is_link_multicast(destination) || address::is_link_local(destination) {
        return true;
    }
    match tables.flow(&on_link_key(ifindex, destination)) {
        Some(place) => {
            let known = tables.read_flow(&place);
            tables.interface(known.slot).ifindex == ifindex && is_live(&known, now)
        }
        None => false,
    }
}

/// Addresses a workload may answer without having heard of them, or never.
#[inline(always)]
fn needs_no_proof(address: &Address) -> bool {
    let [first, ..] = *address;
    address::is_link_local(address) || address::is_unspecified(address) || first == 0xff
}

/// The entry of `flows` that says that `address` is on the link. No connection has it: of ICMPv6, only echo is one.
#[inline(always)]
fn on_link_key(ifindex: u32, address: &Address) -> FlowKey {
    FlowKey {
        ifindex,
        protocol: ICMPV6 as u32,
        local: address::UNSPECIFIED,
        remote: *address,
        local_port: 0,
        remote_port: flow::ON_LINK,
    }
}
