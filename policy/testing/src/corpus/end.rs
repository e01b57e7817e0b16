//! Where a connection goes, as cases write it.

use core::net::IpAddr;

use anyhow::{Context, bail};
use bookend_engine::Protocol;

use crate::world::Family;

/// `name:port`, `name:port/udp`, `name/icmp` or `name/sctp`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'t> {
    pub(super) name: &'t str,
    pub(super) port: u16,
    suffix: Suffix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suffix {
    Tcp,
    Udp,
    Icmp,
    Sctp,
}

impl<'t> Target<'t> {
    pub(super) fn parse(text: &'t str) -> anyhow::Result<Self> {
        let suffixes = [("/udp", Suffix::Udp), ("/icmp", Suffix::Icmp), ("/sctp", Suffix::Sctp)];
        let (rest, suffix) = suffixes
            .iter()
            .find_map(|(ending, suffix)| Some((text.strip_suffix(ending)?, *suffix)))
            .unwrap_or((text, Suffix::Tcp));
        match suffix {
            Suffix::Icmp | Suffix::Sctp => Ok(Self { name: rest, port: 0, suffix }),
            Suffix::Tcp | Suffix::Udp => {
                let Some((name, port)) = rest.rsplit_once(':') else { bail!("`{text}` has no port") };
                let port = port.parse().with_context(|| format!("the port of `{text}`"))?;
                Ok(Self { name, port, suffix })
            }
        }
    }

    pub(super) fn protocol(&self, family: Family) -> Protocol {
        match (self.suffix, family) {
            (Suffix::Tcp, _) => Protocol::Tcp,
            (Suffix::Udp, _) => Protocol::Udp,
            (Suffix::Icmp, Family::Ipv4) => Protocol::Icmp,
            (Suffix::Icmp, Family::Ipv6) => Protocol::Icmpv6,
            (Suffix::Sctp, _) => Protocol::Other,
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
            ("10.0.0.1/icmp", "10.0.0.1", 0, Protocol::Icmp),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!((target.name, target.port, target.protocol(Family::Ipv4)), (name, port, protocol));
        }
        assert!(Target::parse("reviews").is_err());
    }
}
