//! One policy, one peer, one port: the verdict.

use super::Outcome;
use crate::table::{
    ALLOW, BlockKey, DENY, ICMP, ICMPV6, NO_BLOCK, NO_POLICY, OUTSIDE, PolicyHead, SCTP, SERVICE, TCP, UDP,
    VerdictKey, VerdictValue,
};
use crate::{Address, Reason, Tables};

/// What is asked of a policy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Question {
    /// The policy.
    pub(super) handle: u64,
    /// The peer.
    pub(super) remote: Address,
    /// The protocol, as [`Packet::class`](crate::Packet::class) says it.
    pub(super) class: u8,
    /// The responder's port; for ICMP and ICMPv6 type and code of the message that opens the connection.
    pub(super) port: u16,
}

/// What a policy says about a connection.
///
/// Port ranges are stored as power-of-two prefixes. The longest prefix that has a verdict decides, so the cost is one
/// lookup per prefix length in use, whatever the number of rules.
#[inline(always)]
pub(super) fn judge<T: Tables>(tables: &T, question: &Question) -> Outcome {
    let Question { handle, remote, class, port } = question;
    let (handle, port) = (*handle, *port);
    // No policy is a policy nobody can write.
    if handle == NO_POLICY {
        return Outcome::deny(Reason::UNKNOWN_POLICY);
    }
    let Some(head) = tables.policy(handle) else {
        return Outcome::deny(Reason::UNKNOWN_POLICY);
    };
    let identity = tables.identity(remote);
    let block = if head.flags & PolicyHead::HAS_BLOCKS != 0 {
        tables.block(&BlockKey::new(handle, *remote, 128))
    } else {
        NO_BLOCK
    };
    let prefixes = match *class {
        TCP => head.tcp_prefixes,
        UDP => head.udp_prefixes,
        SCTP => head.sctp_prefixes,
        ICMP => head.icmp_prefixes,
        ICMPV6 => head.icmpv6_prefixes,
        _ => 1,
    };
    // Read again, so that the verifier does not know which protocol it is and follows the loop once for all.
    let protocol = *core::hint::black_box(class);
    let mut outcome = Outcome {
        rule: head.default_rule,
        policy: handle,
        identity,
        audit_rule: head.default_audit_rule,
        verdict: if head.flags & PolicyHead::DEFAULT_ALLOW != 0 { ALLOW } else { DENY },
        audit_verdict: if head.flags & PolicyHead::DEFAULT_AUDIT_ALLOW != 0 { ALLOW } else { DENY },
        reason: if head.flags & PolicyHead::DEFAULT_ALLOW != 0 { Reason::DEFAULT } else { Reason::ISOLATION },
        ..Outcome::deny(Reason::ISOLATION)
    };
    // The address of a Service has verdicts only where they differ from a stranger's.
    let service = identity & SERVICE != 0;
    if service {
        let key = VerdictKey { policy: handle, identity, block, port, protocol, prefix_length: 16 };
        if let Some(found) = tables.verdict(&key) {
            rule(&mut outcome, &found);
            return outcome;
        }
    }
    let identity = if service { OUTSIDE } else { identity };
    // From one port to every port. Counted by hand: an inclusive range costs the verifier a state per step.
    let mut shift = 0_u32;
    while shift <= 16 {
        let prefix_length = 16 - shift;
        if prefixes & (1 << prefix_length) != 0 {
            let key = VerdictKey {
                policy: handle,
                identity,
                block,
                port: (u32::from(port) >> shift << shift) as u16,
                protocol,
                prefix_length: prefix_length as u8,
            };
            if let Some(found) = tables.verdict(&key) {
                rule(&mut outcome, &found);
                break;
            }
        }
        shift += 1;
    }
    outcome
}

#[inline(always)]
const fn rule(outcome: &mut Outcome, found: &VerdictValue) {
    outcome.rule = found.rule;
    outcome.audit_rule = found.audit_rule;
    outcome.verdict = if found.verdict == ALLOW { ALLOW } else { DENY };
    outcome.audit_verdict = if found.audit_verdict == ALLOW { ALLOW } else { DENY };
    outcome.limit = found.limit;
    outcome.reason = Reason::RULE;
}
