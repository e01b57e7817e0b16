//! The tables: what the daemon writes and the kernel reads.
//!
//! Every key and value is `repr(C)` and [`Pod`]: padding, `bool`, enums and `Option` are compile errors.
//! Integers are in host byte order unless a field says otherwise; the tables never leave the host.
//!
//! | table | key → value | absent means |
//! |---|---|---|
//! | `slots` | ifindex → slot | deny, `unknown-interface` |
//! | `interfaces` | slot → [`Interface`] | (an array; zeroed: deny, `unknown-interface`) |
//! | `slot_states` | slot → [`SlotState`] | (an array) |
//! | `owned` | [`OwnedKey`] → 1 | the address is not the workload's |
//! | `identities` | [`Address`] → identity | 0, outside |
//! | `blocks` | [`BlockKey`] → block | 0, no block of this policy |
//! | `policies` | policy → [`PolicyHead`] | deny, `unknown-policy` |
//! | `verdicts` | [`VerdictKey`] → [`VerdictValue`] | the head's default |
//! | `limits` | limit → [`Limit`] | deny, `rate-limited` |
//! | `buckets` | [`BucketKey`] → theoretical arrival time | nothing came yet |
//! | `flows` | [`FlowKey`] → [`FlowValue`] | not a known connection |
//! | `ring` | [`RingKey`] → [`FlowKey`] | the position is free |
//! | `fragments` | [`FragmentKey`] → [`FragmentValue`] | no first fragment passed |
//! | `config` | 0 → [`Config`] | (an array: always present) |
//! | `counters` | [`Reason`](crate::Reason) → [`Counter`] | (an array) |
//! | `rules` | rule → [`Counter`] | nothing counted yet |
//! | `audits` | rule → [`Counter`] | nothing counted yet |
//! | `events` | ring of [`Event`](crate::Event) | |
//! | `trace` | 0 → [`TraceFilter`] | (an array: always present) |
//! | `traced` | ring of [`Event`](crate::Event) | |
//!
//! Which connections an interface has is in [`mod@flow`]; how much may come in [`mod@limit`].

mod flow;
mod fragment;
mod limit;
mod trace;

pub use flow::{FlowKey, FlowValue, RingKey, SlotState};
pub use fragment::{FragmentKey, FragmentValue};
pub use limit::{BucketKey, Limit, Rate};
pub use trace::TraceFilter;

use crate::Address;
use bytemuck::{Pod, Zeroable};

/// Version of everything in this crate that the kernel and the daemon must agree on. Raise it with every change
/// to a key, a value, a table, the [mark](crate::guard::JUDGED) or their meaning; a daemon refuses pinned tables of another version.
pub const ABI_VERSION: u32 = 4;

/// The policy handle of a workload whose policy is not known: everything is denied.
pub const NO_POLICY: u64 = 0;
/// The identity of an address that belongs to no known workload.
pub const OUTSIDE: u64 = 0;
/// The bit of an identity that says: not a workload's, but that of an address of a Service. Where a policy says nothing of
/// it by name and port, it is judged as one that is [`OUTSIDE`].
pub const SERVICE: u64 = 1 << 63;
/// The block of an address that no CIDR of the policy covers.
pub const NO_BLOCK: u32 = 0;
/// The rule of a verdict that no rule gave.
pub const NO_RULE: u64 = 0;
/// The rule of what a host never locks out, `failsafe`.
pub const FAILSAFE_RULE: u64 = 1;
/// The limit of a verdict that has none.
pub const NO_LIMIT: u32 = 0;

/// The verdict that drops. Zero, so that zeroed memory denies; any value but [`ALLOW`] denies.
pub const DENY: u8 = 0;
/// The verdict that lets pass.
pub const ALLOW: u8 = 1;

/// Protocol number of ICMP over IPv4.
pub const ICMP: u8 = 1;
/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;
/// Protocol number of ICMPv6.
pub const ICMPV6: u8 = 58;
/// Protocol number of SCTP.
pub const SCTP: u8 = 132;
/// In a [`VerdictKey`]: every protocol that is not TCP, UDP, SCTP, ICMP or ICMPv6.
pub const OTHER_PROTOCOL: u8 = 0;

/// Entries of the tables, as the object declares them. The daemon checks them before it writes anything.
pub mod capacity {
    /// Interfaces under policy on one host: every slot but [`NO_SLOT`](super::NO_SLOT).
    pub const INTERFACES: u32 = SLOTS - 1;
    /// Entries of `interfaces` and `slot_states`.
    pub const SLOTS: u32 = 4_096;
    /// (interface, address) pairs.
    pub const OWNED: u32 = 16_384;
    /// Addresses with an identity, cluster-wide.
    pub const IDENTITIES: u32 = 262_144;
    /// CIDR blocks over all policies in force, twice during a change.
    pub const BLOCKS: u32 = 131_072;
    /// Policies in force, twice during a change.
    pub const POLICIES: u32 = 16_384;
    /// Verdicts over all policies in force, twice during a change.
    pub const VERDICTS: u32 = 1_048_576;
    /// Connections on one host: the [quotas](super::quota) of all interfaces together never exceed it.
    pub const FLOWS: u32 = SLOTS * super::LEAST_QUOTA;
    /// Limits over all policies in force.
    pub const LIMITS: u32 = 16_384;
    /// Token buckets; beyond it the least recently used is forgotten, that is, full again.
    pub const BUCKETS: u32 = 65_536;
    /// Fragmented packets under way; beyond it the least recently used is forgotten.
    pub const FRAGMENTS: u32 = 16_384;
    /// Rules counted, by what they did and by what they would have done.
    pub const RULES: u32 = 16_384;
    /// Bytes of the event ring; a power of two and a multiple of the page size.
    pub const EVENTS: u32 = 1 << 20;
    /// Bytes of the ring of traced packets, likewise.
    pub const TRACED: u32 = 1 << 18;
}

/// The slot of no interface. Its state limits the events about interfaces that have no slot.
pub const NO_SLOT: u32 = 0;

/// The least [quota](Interface::quota): on a host with as many interfaces as there can be.
pub const LEAST_QUOTA: u32 = 64;
/// The greatest [quota](Interface::quota).
pub const GREATEST_QUOTA: u32 = 65_536;

/// The [quota](Interface::quota) of each of so many interfaces: its share, a power of two, of [`capacity::FLOWS`] among
/// as many interfaces as the next power of two. (So a few more or less change nothing.) At least [`LEAST_QUOTA`], at
/// most [`GREATEST_QUOTA`]; all together never exceed [`capacity::FLOWS`].
#[must_use]
pub const fn quota(interfaces: u32) -> u32 {
    let interfaces = if interfaces > capacity::SLOTS { capacity::SLOTS } else { interfaces };
    let share = capacity::FLOWS / interfaces.next_power_of_two();
    if share < LEAST_QUOTA {
        LEAST_QUOTA
    } else if share > GREATEST_QUOTA {
        GREATEST_QUOTA
    } else {
        share
    }
}

/// Value of `interfaces`: what is enforced on one workload's interface. One write of it switches the workload.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Interface {
    /// Policy for connections the workload opens; [`NO_POLICY`] denies them all.
    pub egress: u64,
    /// Policy for connections opened to the workload; [`NO_POLICY`] denies them all.
    pub ingress: u64,
    /// Changes with every write, so that live connections are judged again.
    pub epoch: u32,
    /// [`Interface::OBSERVE`], [`Interface::HOST`], [`Interface::FORWARDS`].
    pub flags: u32,
    /// Index of the host side of the workload's interface. A slot that says another one than the packet's is not the
    /// packet's, and it is denied.
    pub ifindex: u32,
    /// Connections it may have at a time, a power of two up to [`GREATEST_QUOTA`]; with 0 it has none. See [`quota`].
    pub quota: u32,
}

impl Interface {
    /// Verdicts are found, counted and reported, but nothing is dropped.
    pub const OBSERVE: u32 = 1;
    /// It is the host's own interface: the workload is the host, and may use VLAN tags.
    pub const HOST: u32 = 2;
    /// The host routes for others: packets of which neither end is its own pass. Only with [`HOST`](Self::HOST).
    pub const FORWARDS: u32 = 4;
}

/// Key of `owned`: an address the workload behind an interface may send from and be reached at.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
pub struct OwnedKey {
    /// Index of the host side of the workload's interface.
    pub ifindex: u32,
    /// The workload's address.
    pub address: Address,
}

/// Key of `blocks`, in the layout of a kernel LPM trie: the length in bits, then the data it counts.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
pub struct BlockKey {
    /// Significant bits of `policy` and `address` together: 64 to 192.
    pub prefix_length: u32,
    /// The policy handle in host byte order; bytes, because a `u64` would be padded here.
    pub policy: [u8; 8],
    /// The network address; bits beyond the prefix are zero.
    pub address: Address,
}

impl BlockKey {
    /// The block `address`/`prefix_length` of `policy`. The length counts bits of the 16-byte form, 0 to 128: for
    /// an IPv4 block add [`MAPPED_PREFIX_LENGTH`](crate::address::MAPPED_PREFIX_LENGTH).
    #[inline(always)]
    #[must_use]
    pub const fn new(policy: u64, address: Address, prefix_length: u32) -> Self {
        Self { prefix_length: 64 + prefix_length, policy: policy.to_ne_bytes(), address }
    }

    /// The policy the block belongs to.
    #[must_use]
    pub const fn policy(&self) -> u64 {
        u64::from_ne_bytes(self.policy)
    }
}

/// Value of `policies`: how a policy is looked up, and what holds when nothing matches.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct PolicyHead {
    /// [`PolicyHead::HAS_BLOCKS`], [`PolicyHead::DEFAULT_ALLOW`], [`PolicyHead::DEFAULT_AUDIT_ALLOW`].
    pub flags: u32,
    /// Bit n set: the policy has TCP verdicts of prefix length n, 0 to 16.
    pub tcp_prefixes: u32,
    /// The same for UDP.
    pub udp_prefixes: u32,
    /// The same for SCTP.
    pub sctp_prefixes: u32,
    /// The same for ICMP.
    pub icmp_prefixes: u32,
    /// The same for ICMPv6.
    pub icmpv6_prefixes: u32,
    /// The rule id reported when nothing matches.
    pub default_rule: u64,
    /// The rule id that an audit reports when nothing matches, or [`NO_RULE`].
    pub default_audit_rule: u64,
}

impl PolicyHead {
    /// The policy has entries in `blocks`; without it the trie is not asked.
    pub const HAS_BLOCKS: u32 = 1;
    /// What no verdict matches is allowed; without it, it is denied (the workload is isolated).
    pub const DEFAULT_ALLOW: u32 = 2;
    /// The audit would allow what no verdict matches; without it, it would deny it. Without meaning where there is no
    /// [`default_audit_rule`](Self::default_audit_rule).
    pub const DEFAULT_AUDIT_ALLOW: u32 = 4;
}

/// Key of `verdicts`: a peer, and a power-of-two range of destination ports.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
pub struct VerdictKey {
    /// The policy handle.
    pub policy: u64,
    /// The peer's identity; [`OUTSIDE`] for an address of no known workload.
    pub identity: u64,
    /// The peer's block in this policy; [`NO_BLOCK`] if no CIDR covers it.
    pub block: u32,
    /// The first destination port (the responder's) of the range; bits beyond the prefix are zero. For ICMP and ICMPv6
    /// type and code of the opening message, type × 256 + code. 0 for protocols without either.
    pub port: u16,
    /// [`TCP`], [`UDP`], [`SCTP`], [`ICMP`], [`ICMPV6`] or [`OTHER_PROTOCOL`].
    pub protocol: u8,
    /// Significant bits of `port`, 0 (every port) to 16 (one port). 0 for protocols without ports.
    pub prefix_length: u8,
}

/// Value of `verdicts`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct VerdictValue {
    /// The rule id that gave the verdict.
    pub rule: u64,
    /// The rule id that an audit reports here, or [`NO_RULE`] if it has nothing to say. Never enforced.
    pub audit_rule: u64,
    /// [`ALLOW`]; every other value denies.
    pub verdict: u8,
    /// What the audit would do: [`ALLOW`]; every other value would deny.
    pub audit_verdict: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// How much of what it allows may come: a key of `limits`, or [`NO_LIMIT`].
    pub limit: u32,
}

impl VerdictValue {
    /// The verdict of `rule`, about which no audit has anything to say.
    #[must_use]
    pub const fn new(rule: u64, verdict: u8) -> Self {
        Self { rule, audit_rule: NO_RULE, verdict, audit_verdict: DENY, reserved: [0; 2], limit: NO_LIMIT }
    }

    /// The same verdict, where an audit reports what `rule` would do.
    #[must_use]
    pub const fn audited(self, rule: u64, verdict: u8) -> Self {
        Self { audit_rule: rule, audit_verdict: verdict, ..self }
    }

    /// The same verdict, of which only so much may come.
    #[must_use]
    pub const fn limited(self, limit: u32) -> Self {
        Self { limit, ..self }
    }
}

/// Value of `config`, at index 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Config {
    /// [`ABI_VERSION`] of whoever created the tables.
    pub abi_version: u32,
    /// Changes with every write to `identities` or `owned`, so that live connections are judged again.
    pub epoch: u32,
    /// [`Config::TRACE`].
    pub flags: u32,
    /// Of how many allowed new connections one is reported; 0: of none, 1: all.
    pub sample: u32,
}

impl Config {
    /// Packets that match the [`TraceFilter`] are put into `traced`.
    pub const TRACE: u32 = 2;

    /// Whether the connection that opens `now` is one of those that are reported. By the nanoseconds, which nobody chooses.
    #[inline(always)]
    #[must_use]
    pub const fn samples(&self, now: u64) -> bool {
        // Multiplied by an odd number of many bits: a clock that ticks in steps would else meet the same remainders.
        let dice = (now.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32;
        self.sample != 0 && dice.is_multiple_of(self.sample)
    }
}

/// Value of `counters`, `rules` and `audits`, one per CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Counter {
    /// Packets. In `rules` and `audits` those that were judged: what opened a connection or was denied.
    pub packets: u64,
    /// Bytes of whole frames, as the interface saw them (a segmented super-packet counts once). In `rules` and `audits`
    /// of what was denied at once, and of connections when they end.
    pub bytes: u64,
}

const _: () = {
    assert!(size_of::<Interface>() == 32);
    assert!(size_of::<OwnedKey>() == 20);
    assert!(size_of::<BlockKey>() == 28);
    assert!(size_of::<PolicyHead>() == 40);
    assert!(size_of::<VerdictKey>() == 24);
    assert!(size_of::<VerdictValue>() == 24);
    assert!(size_of::<Config>() == 16);
    assert!(size_of::<Counter>() == 16);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_quotas_together_fit_the_table() {
        for interfaces in 0..=capacity::INTERFACES {
            let quota = quota(interfaces);
            assert!(quota.is_power_of_two() && (LEAST_QUOTA..=GREATEST_QUOTA).contains(&quota));
            assert!(quota * interfaces <= capacity::FLOWS, "{interfaces} interfaces with {quota} each");
        }
        assert_eq!((quota(0), quota(1), quota(100), quota(1_000)), (65_536, 65_536, 2_048, 256));
    }
}
