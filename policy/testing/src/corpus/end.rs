//! Where a connection goes, as cases write it.

use core::net::IpAddr;

use anyhow::Context;
use bookend_engine::Protocol;

use crate::world::Family;

/// `name:port`, `name:port/udp`, `name:port/sctp`, `name/icmp` (an echo request), `name/icmp:13.0` (type and code) or
/// `name/gre` (a protocol without ports).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'t> {
    pub(super) name: &'t str,
    suffix: Suffix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suffix {
    Ported(Protocol, u16),
    /// Type and code; an echo request where none are said.
    Icmp(Option<(u8, u8)>),
    Gre,
}

impl<'t> Target<'t> {
    pub(super) fn parse(text: &'t str) -> anyhow::Result<Self> {
        let (rest, protocol) = text.rsplit_once('/').unwrap_or((text, ""));
        let ported = |rest: &'t str, protocol| {
            let (name, port) = rest.rsplit_once(':').with_context(|| format!("`{text}` has no port"))?;
            let port = port.parse().with_context(|| format!("the port of `{text}`"))?;
            Ok(Self { name, suffix: Suffix::Ported(protocol, port) })
        };
        match protocol.split_once(':').unwrap_or((protocol, "")) {
            ("udp", "") => ported(rest, Protocol::Udp),
            ("sctp", "") => ported(rest, Protocol::Sctp),
            ("gre", "") => Ok(Self { name: rest, suffix: Suffix::Gre }),
            ("icmp", "") => Ok(Self { name: rest, suffix: Suffix::Icmp(None) }),
            ("icmp", kind) => {
                let (kind, code) = kind.split_once('.').context("write an ICMP type as `/icmp:TYPE.CODE`")?;
                let kind = (kind.parse().context("a type")?, code.parse().context("a code")?);
                Ok(Self { name: rest, suffix: Suffix::Icmp(Some(kind)) })
            }
            _ => ported(text, Protocol::Tcp),
        }
    }

    pub(super) fn protocol(&self, family: Family) -> Protocol {
        match (self.suffix, family) {
            (Suffix::Ported(protocol, _), _) => protocol,
            (Suffix::Icmp(_), Family::Ipv4) => Protocol::Icmp,
            (Suffix::Icmp(_), Family::Ipv6) => Protocol::Icmpv6,
            (Suffix::Gre, _) => Protocol::Other,
        }
    }

    /// The port; of ICMP `type × 256 + code`.
    pub(super) fn port(&self, family: Family) -> u16 {
        const ECHO: (u8, u8) = (8, 0);
        const ECHO_V6: (u8, u8) = (128, 0);
        match self.suffix {
            Suffix::Ported(_, port) => port,
            Suffix::Icmp(said) => {
                let echo = if family == Family::Ipv4 { ECHO } else { ECHO_V6 };
                u16::from_be_bytes(said.unwrap_or(echo).into())
            }
            Suffix::Gre => 0,
        }
    }
}

/// The address that `name` is, in brackets or not.
pub(super) fn address(name: &str) -> Option<IpAddr> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_its_protocol_after_its_port() {
        for (text, name, port, protocol) in [
            ("reviews:9080", "reviews", 9080, Protocol::Tcp),
            ("shop/cart:53/udp", "shop/cart", 53, Protocol::Udp),
            ("[fd00::1]:443", "[fd00::1]", 443, Protocol::Tcp),
            ("reviews:5000/sctp", "reviews", 5000, Protocol::Sctp),
            ("10.0.0.1/icmp", "10.0.0.1", 0x0800, Protocol::Icmp),
            ("shop/cart/icmp:13.2", "shop/cart", 0x0d02, Protocol::Icmp),
            ("shop/cart/gre", "shop/cart", 0, Protocol::Other),
        ] {
            let target = Target::parse(text).unwrap();
            let (given, found) = (target.port(Family::Ipv4), target.protocol(Family::Ipv4));
            assert_eq!((target.name, given, found), (name, port, protocol));
        }
        assert_eq!(Target::parse("reviews/icmp").unwrap().port(Family::Ipv6), 0x8000);
        for text in ["reviews", "reviews/icmp:13", "reviews:1/tcp", "reviews:1/icmp:x.y"] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }
}
