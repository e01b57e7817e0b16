//! Address families.

use bookend_engine::Location;
use std::net::IpAddr;

/// A pair of one for IPv4 and one for IPv6.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByFamily<T> {
    pub(crate) v4: T,
    pub(crate) v6: T,
}

/// An address family. A connection has one: an IPv4 peer meets a workload's IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    /// The family of an address in canonical form.
    pub(crate) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

impl<T> ByFamily<T> {
    pub(crate) fn get(&self, family: Family) -> &T {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}

impl<T: Clone> ByFamily<T> {
    /// Where one family is absent no packet of it can occur, so it may as well be like the other; where both are, like
    /// `neither`.
    pub(crate) fn filled(v4: Option<T>, v6: Option<T>, neither: T) -> Self {
        match (v4, v6) {
            (Some(v4), Some(v6)) => Self { v4, v6 },
            (Some(one), None) | (None, Some(one)) => Self { v4: one.clone(), v6: one },
            (None, None) => Self { v4: neither.clone(), v6: neither },
        }
    }
}

/// Where a workload is when it has no address: nowhere a rule could name.
pub(crate) const NOWHERE: Location = Location::Elsewhere;
