//! The contents of one policy.

use bookend_abi::table::{BlockKey, PolicyHead, VerdictKey, VerdictValue};

use crate::number::Number;

/// Everything the tables hold for one policy: one direction of one or more workloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyContents {
    /// The entry of `policies`.
    pub head: PolicyHead,
    /// The entries of `blocks`, ascending.
    pub blocks: Vec<(BlockKey, u32)>,
    /// The entries of `verdicts`, ascending.
    pub verdicts: Vec<(VerdictKey, VerdictValue)>,
}

impl PolicyContents {
    /// Sorts the contents, and names them by their hash: the handle in all keys and the return value.
    pub(crate) fn seal(&mut self) -> u64 {
        self.blocks.sort_unstable();
        self.verdicts.sort_unstable_by_key(|(key, _)| *key);
        let handle = self.handle();
        for (key, _) in &mut self.blocks {
            key.policy = handle.to_ne_bytes();
        }
        for (key, _) in &mut self.verdicts {
            key.policy = handle;
        }
        handle
    }

    /// The hash of everything but the handle.
    fn handle(&self) -> u64 {
        // Taken apart so that a new field cannot be forgotten here.
        let Self { head, blocks, verdicts } = self;
        let PolicyHead {
            flags,
            tcp_prefixes,
            udp_prefixes,
            sctp_prefixes,
            icmp_prefixes,
            icmpv6_prefixes,
            default_rule,
            default_audit_rule,
        } = head;
        let mut hash = Number::new("bookend policy 3");
        for number in [flags, tcp_prefixes, udp_prefixes, sctp_prefixes, icmp_prefixes, icmpv6_prefixes] {
            hash.bytes(&number.to_le_bytes());
        }
        hash.bytes(&default_rule.to_le_bytes());
        hash.bytes(&default_audit_rule.to_le_bytes());
        hash.bytes(&(blocks.len() as u64).to_le_bytes());
        for (BlockKey { prefix_length, policy: _, address }, block) in blocks {
            hash.bytes(&prefix_length.to_le_bytes());
            hash.bytes(address);
            hash.bytes(&block.to_le_bytes());
        }
        hash.bytes(&(verdicts.len() as u64).to_le_bytes());
        for (key, value) in verdicts {
            let VerdictValue { rule, audit_rule, verdict, audit_verdict, reserved: _, limit } = value;
            let VerdictKey { policy: _, identity, block, port, protocol, prefix_length } = key;
            hash.bytes(&identity.to_le_bytes());
            hash.bytes(&block.to_le_bytes());
            hash.bytes(&port.to_le_bytes());
            hash.bytes(&[*protocol, *prefix_length]);
            hash.bytes(&rule.to_le_bytes());
            hash.bytes(&audit_rule.to_le_bytes());
            hash.bytes(&[*verdict, *audit_verdict]);
            hash.bytes(&limit.to_le_bytes());
        }
        hash.finish()
    }
}
