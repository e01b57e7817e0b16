//! Addresses as the tables hold them: 16 bytes, IPv4 mapped into `::ffff:0:0/96` (RFC 4291, 2.5.5.2).

use core::net::{IpAddr, Ipv6Addr};

/// An IPv6 address, or an IPv4 address mapped into `::ffff:0:0/96`; network byte order.
pub type Address = [u8; 16];

/// The unspecified address `::`; also stands for "no address" in events about frames without one.
pub const UNSPECIFIED: Address = [0; 16];

/// Bits an IPv4 prefix length grows by when its block is mapped into `::ffff:0:0/96`.
pub const MAPPED_PREFIX_LENGTH: u32 = 96;

/// The IPv4 address `octets`, mapped into `::ffff:0:0/96`.
#[inline(always)]
#[must_use]
pub const fn mapped(octets: [u8; 4]) -> Address {
    let [a, b, c, d] = octets;
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}

/// The table form of `ip`.
#[must_use]
pub const fn from_ip(ip: IpAddr) -> Address {
    match ip {
        IpAddr::V4(v4) => mapped(v4.octets()),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The printable form of `address`: mapped addresses become IPv4 again.
#[must_use]
pub const fn to_ip(address: Address) -> IpAddr {
    Ipv6Addr::from_octets(address).to_canonical()
}

/// Whether `address` is an IPv6 link-local unicast address, `fe80::/10`.
#[inline(always)]
#[must_use]
pub const fn is_link_local(address: &Address) -> bool {
    let [first, second, ..] = *address;
    first == 0xfe && second & 0xc0 == 0x80
}

/// Whether `address` is IPv6 multicast of link-local scope, `ff02::/16`.
#[inline(always)]
#[must_use]
pub const fn is_link_multicast(address: &Address) -> bool {
    let [first, second, ..] = *address;
    first == 0xff && second == 0x02
}

/// Whether what is sent to `address` is for more than one: multicast, or the IPv4 broadcast `255.255.255.255`.
#[inline(always)]
#[must_use]
pub const fn is_for_many(address: &Address) -> bool {
    match *address {
        [0xff, ..] => true,
        [.., 224..=239, _, _, _] | [.., 0xff, 0xff, 0xff, 0xff] => is_mapped(address),
        _ => false,
    }
}

/// Whether `address` is the unspecified address `::`.
#[inline(always)]
#[must_use]
pub fn is_unspecified(address: &Address) -> bool {
    *address == UNSPECIFIED
}

/// Whether `address` lies in `::ffff:0:0/96`, that is, stands for an IPv4 address.
#[inline(always)]
#[must_use]
pub const fn is_mapped(address: &Address) -> bool {
    // By words: in the kernel a byte at a time is ten times as much.
    const MASK: u128 = u128::from_ne_bytes([
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
    ]);
    u128::from_ne_bytes(*address) & MASK == u128::from_ne_bytes(mapped([0; 4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_survives_the_table_form() {
        let ip: IpAddr = "10.1.2.3".parse().unwrap();
        assert!(is_mapped(&from_ip(ip)));
        assert_eq!(to_ip(from_ip(ip)), ip);
    }

    #[test]
    fn an_ipv6_address_survives_the_table_form() {
        let ip: IpAddr = "fd00::7".parse().unwrap();
        assert!(!is_mapped(&from_ip(ip)));
        assert_eq!(to_ip(from_ip(ip)), ip);
    }

    #[test]
    fn link_local_is_fe80_slash_10() {
        for (text, expected) in [("fe80::1", true), ("febf::1", true), ("fec0::1", false), ("fe7f::1", false)]
        {
            assert_eq!(is_link_local(&from_ip(text.parse().unwrap())), expected, "{text}");
        }
    }
}
