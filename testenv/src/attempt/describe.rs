//! Attempts in words, for the demo's lines and for failed tests.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::{Act, Attempt, Target};
use crate::packet::{Forgery, Payload};
use crate::world::topology::{self, PROXY_UID};

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let around = if self.uid == PROXY_UID { " past its sidecar" } else { "" };
        write!(f, "{}: {}{around}", self.from, self.act)
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { to, request } => write!(f, "{} {} of {to}", request.method, request.target),
            Self::Connect { to } => write!(f, "TCP to {}", Place(*to)),
            Self::Datagram { to } => write!(f, "UDP to {}", Place(*to)),
            Self::Echo { to } => write!(f, "ping {}", Host(*to)),
            Self::Forge(Forgery { to, payload, source, .. }) => {
                let (what, to) = match payload {
                    Payload::Syn => ("TCP", Place(*to).to_string()),
                    Payload::Datagram => ("UDP", Place(*to).to_string()),
                    Payload::Echo => ("ping", Host(to.ip()).to_string()),
                };
                write!(f, "raw {what} frame to {to} as {}", Host(*source))
            }
            Self::Scan { to, ports } => {
                write!(f, "scan {}, ports {}\u{2013}{}", Host(*to), ports.start(), ports.end())
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => f.write_str(name),
            Self::Address(to) => write!(f, "{}", Place(*to)),
        }
    }
}

/// An address by the name of its owner.
struct Host(IpAddr);

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.0.is_ipv6() { " (IPv6)" } else { "" };
        match topology::owner(self.0) {
            Some(owner) => write!(f, "{owner}{family}"),
            None => write!(f, "{}", self.0),
        }
    }
}

/// An address and port by the name of the owner.
struct Place(SocketAddr);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.0.is_ipv6() { " (IPv6)" } else { "" };
        match topology::owner(self.0.ip()) {
            Some(owner) => write!(f, "{owner}:{}{family}", self.0.port()),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::topology::workload;

    #[test]
    fn attempts_read_like_sentences() {
        let ratings = workload("ratings").unwrap();
        let stars = Attempt::http("reviews-v2", "GET", "ratings", "/ratings/1");
        assert_eq!(stars.to_string(), "reviews-v2: GET /ratings/1 of ratings");
        let to = (ratings.ipv6(), 9080).into();
        let direct = Attempt::around_the_proxy("productpage", Act::Connect { to });
        assert_eq!(direct.to_string(), "productpage: TCP to ratings:9080 (IPv6) past its sidecar");
    }
}
