//! The addresses of this machine.

use super::TRIES;
use crate::netlink::{Message, NetlinkSocket};
use bookend_abi::Address;
use bookend_abi::address::from_ip;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV6_IFADDR` (linux/rtnetlink.h).
pub(super) const GROUPS: u32 = 0x10 | 0x100;
/// `RTM_NEWADDR`, `RTM_DELADDR`, `RTM_GETADDR`.
const NEW_ADDRESS: u16 = 20;
const DELETED_ADDRESS: u16 = 21;
const GET_ADDRESS: u16 = 22;
/// Bytes of `struct ifaddrmsg`: family, prefix length, flags, scope, index.
const BODY: usize = 8;
/// `IFA_ADDRESS`: the address, or the peer's where there is [`LOCAL`].
const ADDRESS: u16 = 1;
/// `IFA_LOCAL`.
const LOCAL: u16 = 2;
/// `IFA_BROADCAST`.
const BROADCAST: u16 = 4;

/// Whether a notice tells of an address that came or went.
pub(super) fn is_notice(message: Message<'_>) -> bool {
    matches!(message.kind, NEW_ADDRESS | DELETED_ADDRESS)
}

/// All addresses at which the machine takes what is sent.
pub(super) fn list() -> std::io::Result<BTreeSet<Address>> {
    let socket = NetlinkSocket::new(None, 0)?;
    // Where a list is not whole, all of them together: one too many is judged, and one too few is not.
    let mut addresses = BTreeSet::new();
    for _ in 0..TRIES {
        let whole = socket.list(GET_ADDRESS, &[0; BODY], |message| {
            if message.kind == NEW_ADDRESS {
                addresses.extend(of(message).into_iter().map(from_ip));
            }
        })?;
        if whole {
            break;
        }
    }
    Ok(addresses)
}

/// The addresses that come with one that was given to an interface: itself, those of broadcast, and the one that all
/// routers of a subnet have (RFC 4291, 2.6.1). Not those of loopback, which nobody else may be sent to or hear from.
fn of(message: Message<'_>) -> Vec<IpAddr> {
    let attribute = |wanted: u16| {
        let (_, value) = message.attributes(BODY).find(|(kind, _)| *kind == wanted)?;
        ip(value)
    };
    let given = attribute(ADDRESS);
    let own = attribute(LOCAL).or(given);
    let length = message.body.get(1).copied().map(u32::from).unwrap_or_default();
    // The subnet is the peer's, where there is one.
    let subnet = match given {
        Some(IpAddr::V4(given)) if length < 31 => {
            let hosts = u32::MAX.checked_shr(length).unwrap_or_default();
            vec![
                IpAddr::V4(Ipv4Addr::from_bits(given.to_bits() & !hosts)),
                IpAddr::V4(Ipv4Addr::from_bits(given.to_bits() | hosts)),
            ]
        }
        Some(IpAddr::V6(given)) if length < 127 => {
            let hosts = u128::MAX.checked_shr(length).unwrap_or_default();
            vec![IpAddr::V6(Ipv6Addr::from_bits(given.to_bits() & !hosts))]
        }
        _ => Vec::new(),
    };
    let all = own.into_iter().chain(attribute(BROADCAST)).chain(subnet);
    all.filter(|address| !address.is_loopback()).collect()
}

fn ip(value: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(value).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(value).map(IpAddr::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::messages;

    /// What comes with an address of this prefix length, given with these attributes.
    fn given(length: u8, attributes: &[(u16, &str)]) -> BTreeSet<String> {
        let mut body = vec![0, length, 0, 0, 0, 0, 0, 0];
        for (kind, address) in attributes {
            let value = match address.parse().unwrap() {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            };
            body.extend((4 + value.len() as u16).to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(value);
        }
        let mut datagram = Vec::new();
        datagram.extend((16 + body.len() as u32).to_ne_bytes());
        datagram.extend(NEW_ADDRESS.to_ne_bytes());
        datagram.extend([0; 10]);
        datagram.extend(body);
        let message = messages(&datagram).next().unwrap();
        of(message).iter().map(ToString::to_string).collect()
    }

    fn texts(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn broadcast_and_subnet_addresses_come_with_an_address() {
        let ethernet = given(24, &[(ADDRESS, "10.1.2.3"), (LOCAL, "10.1.2.3"), (BROADCAST, "10.1.9.9")]);
        assert_eq!(ethernet, texts(&["10.1.2.3", "10.1.2.0", "10.1.2.255", "10.1.9.9"]));
        assert_eq!(given(32, &[(ADDRESS, "10.1.2.3")]), texts(&["10.1.2.3"]));
        assert_eq!(given(31, &[(ADDRESS, "10.1.2.3")]), texts(&["10.1.2.3"]));
        assert_eq!(given(64, &[(ADDRESS, "2001:db8::3")]), texts(&["2001:db8::3", "2001:db8::"]));
        assert_eq!(given(128, &[(ADDRESS, "2001:db8::3")]), texts(&["2001:db8::3"]));
    }

    #[test]
    fn the_address_of_the_peer_is_not_the_machines() {
        let tunnel = given(32, &[(ADDRESS, "10.1.2.4"), (LOCAL, "10.1.2.3")]);
        assert_eq!(tunnel, texts(&["10.1.2.3"]));
        let both = given(128, &[(ADDRESS, "fd00::4"), (LOCAL, "fd00::3")]);
        assert_eq!(both, texts(&["fd00::3"]));
    }

    #[test]
    fn what_loopback_alone_has_is_nobodys_at_another_interface() {
        assert_eq!(given(8, &[(ADDRESS, "127.0.0.1"), (LOCAL, "127.0.0.1")]), texts(&[]));
        assert_eq!(given(128, &[(ADDRESS, "::1")]), texts(&[]));
        assert!(!list().unwrap().contains(&from_ip(IpAddr::V4(Ipv4Addr::LOCALHOST))));
    }
}
