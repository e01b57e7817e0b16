//! Why a packet passed or was dropped. Exhaustive: every outcome has one of these.

/// A reason, as events and counters carry it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Reason(pub u8);

macro_rules! reasons {
    ($($(#[$doc:meta])* $constant:ident = $number:literal, $name:literal;)*) => {
        impl Reason {
            $($(#[$doc])* pub const $constant: Self = Self($number);)*

            /// Every reason, in order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$constant),*];

            /// Number of reasons: entries of the `counters` table.
            pub const COUNT: u32 = Self::ALL.len() as u32;

            /// The name in events, metrics and documentation; `None` for a number this version does not know.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$constant => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

reasons! {
    /// A rule of the policy matched; the verdict is the rule's.
    RULE = 0, "rule";
    /// No rule matched and the workload is not isolated: allowed.
    DEFAULT = 1, "default";
    /// No rule matched and the workload is isolated: denied.
    ISOLATION = 2, "isolation";
    /// The packet belongs to a connection allowed before.
    ESTABLISHED = 3, "established";
    /// A well-formed ARP message about the workload's own address, or one for it.
    ARP = 4, "arp";
    /// A permitted message of neighbor discovery or multicast listener discovery.
    ND = 5, "neighbor-discovery";
    /// An ICMP error about an allowed connection.
    ICMP_RELATED = 6, "icmp-related";
    /// No policy was ever written for this interface.
    UNKNOWN_INTERFACE = 7, "unknown-interface";
    /// The interface names a policy that is not in the tables, or none yet.
    UNKNOWN_POLICY = 8, "unknown-policy";
    /// The workload sent from an address that is not its own.
    SPOOFED_SOURCE = 9, "spoofed-source";
    /// A packet for an address that is not the workload's.
    FOREIGN_DESTINATION = 10, "foreign-destination";
    /// A header contradicts itself or the frame.
    MALFORMED = 11, "malformed";
    /// The frame ends before the headers do.
    TRUNCATED = 12, "truncated";
    /// A fragment behind the first, which had passed.
    FRAGMENT = 13, "fragment";
    /// Neither IPv4, IPv6 nor ARP.
    UNKNOWN_ETHERTYPE = 14, "unknown-ethertype";
    /// A protocol that cannot occur here, or an extension header nobody can judge.
    UNKNOWN_PROTOCOL = 15, "unknown-protocol";
    /// The packet names its own route, so its destination is not where it ends.
    SOURCE_ROUTED = 16, "source-routed";
    /// Not the first packet of a connection, and no such connection was allowed.
    NO_CONNECTION = 17, "no-connection";
    /// The connection was allowed, but silent for too long.
    FLOW_EXPIRED = 18, "flow-expired";
    /// An ICMP error that is not about an allowed connection.
    ICMP_UNRELATED = 19, "icmp-unrelated";
    /// An ICMP message of a kind that no policy may let pass: an unknown error, a redirect, a malformed echo.
    ICMP_FORBIDDEN = 20, "icmp-forbidden";
    /// Neighbor discovery a workload may not send or receive.
    ND_FORBIDDEN = 21, "neighbor-discovery-forbidden";
    /// ARP in somebody else's name, or not well-formed.
    ARP_FORBIDDEN = 22, "arp-forbidden";
    /// The connection would be allowed but could not be remembered.
    FLOW_TABLE = 23, "flow-table";
    /// Not a verdict: events that found the ring full. Only counted.
    EVENT_LOST = 24, "event-lost";
    /// A rule allows it, but no more of it for now.
    RATE_LIMITED = 25, "rate-limited";
    /// A fragment behind the first, which had not passed or not come.
    FRAGMENT_UNKNOWN = 26, "fragment-unknown";
    /// A fragment that would overwrite what was judged, or reach beyond the longest packet.
    FRAGMENT_OVERLAP = 27, "fragment-overlap";
    /// A first fragment without the whole transport header.
    FRAGMENT_TINY = 28, "fragment-tiny";
    /// A VLAN tag at a workload's interface, or more than two at a host's.
    VLAN = 29, "vlan-tag";
    /// Neither from nor for the host that routes it.
    FORWARDED = 30, "forwarded";
    /// Not a verdict: events beyond what one interface may tell in a second. Only counted.
    EVENT_SUPPRESSED = 31, "event-suppressed";
    /// A host's DHCP or DHCPv6.
    DHCP = 32, "dhcp";
    /// Established connections have the interface's share, or so much of it that 64 places in a row were theirs.
    FLOW_QUOTA = 33, "flow-quota";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_numbered_without_gaps() {
        for (number, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(usize::from(reason.0), number);
        }
    }

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let names: Vec<_> = Reason::ALL.iter().map(|reason| reason.name().unwrap()).collect();
        for (position, name) in names.iter().enumerate() {
            assert!(!names[..position].contains(name), "{name} twice");
        }
        assert_eq!(Reason(Reason::COUNT as u8).name(), None);
    }
}
