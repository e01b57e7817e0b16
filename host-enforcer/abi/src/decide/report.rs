//! What is counted and told of a verdict.

use super::{Work, ends};
use crate::event::{OBSERVED, VERDICT};
use crate::table::{ALLOW, Config, Interface, NO_RULE, TraceFilter};
use crate::{Event, Reason, Tables};

/// Writes the event that reports the outcome of `work` into it. Field by field: the kernel has no room for another.
#[inline(always)]
fn report(work: &mut Work) {
    let Work { arrival, packet, outcome, event, .. } = work;
    let (local, remote, local_port, remote_port) = ends(arrival.direction, packet);
    let observed = outcome.verdict != ALLOW && outcome.interface & Interface::OBSERVE != 0;
    event.time = arrival.time;
    event.rule = outcome.rule;
    event.policy = outcome.policy;
    event.identity = outcome.identity;
    event.audit_rule = outcome.audit_rule;
    event.bytes = 0;
    event.packets = 0;
    event.duration = 0;
    event.local = *local;
    event.remote = *remote;
    event.ifindex = arrival.ifindex;
    event.length = arrival.length;
    event.local_port = local_port;
    event.remote_port = remote_port;
    event.direction = arrival.direction;
    event.verdict = outcome.verdict;
    event.reason = outcome.reason.0;
    event.protocol = packet.protocol;
    event.audit_verdict = outcome.audit_verdict;
    event.kind = VERDICT;
    event.flags = if observed { OBSERVED } else { 0 };
    event.state = 0;
    event.reserved = [0; 4];
}

/// Counts and tells a verdict.
#[inline(always)]
pub fn conclude<T: Tables>(tables: &mut T, work: &mut Work) {
    work.outcome.slot = work.scene.slot;
    work.outcome.interface = work.scene.interface.flags;
    let Work { arrival, outcome, scene, .. } = work;
    let length = u64::from(arrival.length);
    tables.count(outcome.reason, 1, length);
    // Of a connection that is open neither rule nor bytes are counted now: its bytes are, when it ends.
    let belongs = matches!(outcome.reason, Reason::ESTABLISHED | Reason::ICMP_RELATED);
    let opens = outcome.verdict == ALLOW && !belongs;
    let bytes = if opens && outcome.reason != Reason::FRAGMENT { 0 } else { length };
    if outcome.rule != NO_RULE && !belongs {
        tables.count_rule(outcome.rule, u64::from(outcome.reason != Reason::FRAGMENT), bytes);
    }
    if outcome.audit_rule != NO_RULE {
        tables.count_audit(outcome.audit_rule, 1, length);
    }
    let mut told = outcome.report;
    // Connections were admitted when they were opened, for one that is told of is told of at its end too.
    if told && outcome.verdict != ALLOW && !tables.take_event(outcome.slot, true, arrival.time) {
        tables.count(Reason::EVENT_SUPPRESSED, 1, 0);
        told = false;
    }
    let traces = scene.config.flags & Config::TRACE != 0;
    if !told && !traces {
        return;
    }
    report(work);
    if told {
        tables.emit(&work.event);
    }
    if traces && matches(&tables.trace(), &work.event) {
        tables.emit_traced(&work.event);
    }
}

/// Whether somebody wants to see the packet of this event.
#[inline(always)]
fn matches(filter: &TraceFilter, event: &Event) -> bool {
    let asks = |flag| filter.flags & flag != 0;
    filter.expires > event.time
        && (!asks(TraceFilter::IFINDEX) || filter.ifindex == event.ifindex)
        && (!asks(TraceFilter::PROTOCOL) || filter.protocol == u32::from(event.protocol))
        && (!asks(TraceFilter::LOCAL_PORT) || filter.local_port == event.local_port)
        && (!asks(TraceFilter::REMOTE_PORT) || filter.remote_port == event.remote_port)
        && (!asks(TraceFilter::LOCAL) || filter.local == event.local)
        && (!asks(TraceFilter::REMOTE) || filter.remote == event.remote)
}
