//! One policy, one peer, one port: the verdict.

use super::{Outcome, Tables};
use crate::packet::Packet;
use crate::table::{
    ALLOW, BlockKey, DENY, ICMP, ICMPV6, NO_BLOCK, NO_POLICY, PolicyHead, SCTP, TCP, UDP, VerdictKey,
};
use crate::{Address, Reason};

/// What the policy `handle` says about a connection over the protocol of `packet` with `remote`, to the responder's `port`;
/// for ICMP and ICMPv6 type and code of the message that opens it.
///
/// Port ranges are stored as power-of-two prefixes. The longest prefix that has a verdict decides, so the cost is one
/// lookup per prefix length in use, whatever the number of rules.
#[inline(always)]
pub(super) fn judge<T: Tables>(
    tables: &T,
    handle: u64,
    remote: &Address,
    packet: &Packet,
    port: u16,
) -> Outcome {
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
    let prefixes = match packet.class {
        TCP => head.tcp_prefixes,
        UDP => head.udp_prefixes,
        SCTP => head.sctp_prefixes,
        ICMP => head.icmp_prefixes,
        ICMPV6 => head.icmpv6_prefixes,
        _ => 1,
    };
    // Read again, so that the verifier does not know which protocol it is and follows the loop once for all.
    let protocol = core::hint::black_box(packet).class;
    let mut outcome = Outcome {
        rule: head.default_rule,
        policy: handle,
        identity,
        audit_rule: head.default_audit_rule,
        verdict: if head.flags & PolicyHead::DEFAULT_ALLOW != 0 { ALLOW } else { DENY },
        audit_verdict: if head.flags & PolicyHead::DEFAULT_AUDIT_ALLOW != 0 { ALLOW } else { DENY },
        reason: if head.flags & PolicyHead::DEFAULT_ALLOW != 0 { Reason::DEFAULT } else { Reason::ISOLATION },
        report: true,
    };
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
                outcome.rule = found.rule;
                outcome.audit_rule = found.audit_rule;
                outcome.verdict = if found.verdict == ALLOW { ALLOW } else { DENY };
                outcome.audit_verdict = if found.audit_verdict == ALLOW { ALLOW } else { DENY };
                outcome.reason = Reason::RULE;
                break;
            }
        }
        shift += 1;
    }
    outcome
}
