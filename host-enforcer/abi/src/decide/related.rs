//! ICMP errors about connections that were allowed.

use super::connection::is_live;
use super::{Outcome, Work, local_end};
use crate::event::FROM_WORKLOAD;
use crate::packet::{QUOTES_REPLY, QUOTES_TIMESTAMP};
use crate::table::{FlowKey, ICMP, ICMPV6};
use crate::{Reason, Tables, flow};

/// An error about a connection that was allowed, sent to the end that sent the offending packet. The router that
/// reports it may be anybody; a workload reports in its own name.
#[inline(always)]
pub(super) fn error<T: Tables>(tables: &T, work: &Work) -> Outcome {
    let Work { arrival, scene, packet, .. } = work;
    if let Err(outcome) = local_end(tables, work) {
        return outcome;
    }
    let direction = arrival.direction;
    // The quoted packet travelled the other way: towards the workload if the workload complains about it.
    let (local, remote, local_port, remote_port) = if direction == FROM_WORKLOAD {
        (packet.subject, packet.destination, packet.destination_port, packet.source_port)
    } else {
        (packet.destination, packet.subject, packet.source_port, packet.destination_port)
    };
    let (local_port, remote_port) = if matches!(packet.subject_protocol, ICMP | ICMPV6) {
        let quoted_direction = 1 - direction;
        let initiator = if packet.detail & QUOTES_REPLY == 0 { quoted_direction } else { direction };
        let exchange = if packet.detail & QUOTES_TIMESTAMP == 0 { 0 } else { flow::TIMESTAMP };
        (packet.source_port, exchange | u16::from(initiator))
    } else {
        (local_port, remote_port)
    };
    let key = FlowKey {
        ifindex: arrival.ifindex,
        protocol: u32::from(packet.subject_protocol),
        local,
        remote,
        local_port,
        remote_port,
    };
    if let Some(place) = tables.flow(&key) {
        let known = tables.read_flow(&place);
        // An error about one that was allowed under another policy waits for the next packet to have it judged.
        if is_live(&known, arrival.time) && scene.allowed(&known) {
            let mut outcome = Outcome::pass(Reason::ICMP_RELATED);
            outcome.rule = known.rule;
            outcome.policy = known.policy;
            return outcome;
        }
    }
    Outcome::deny(Reason::ICMP_UNRELATED)
}
