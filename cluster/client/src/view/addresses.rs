//! The addresses of a pod.

use std::net::IpAddr;

/// The addresses of a pod: nearly every one has one, and there are very many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Addresses {
    #[default]
    None,
    One(IpAddr),
    Several(Box<[IpAddr]>),
}

impl Addresses {
    pub(super) fn to_vec(&self) -> Vec<IpAddr> {
        match self {
            Self::None => Vec::new(),
            Self::One(address) => vec![*address],
            Self::Several(addresses) => addresses.to_vec(),
        }
    }
}

impl From<Vec<IpAddr>> for Addresses {
    fn from(addresses: Vec<IpAddr>) -> Self {
        match addresses.as_slice() {
            [] => Self::None,
            [one] => Self::One(*one),
            _ => Self::Several(addresses.into()),
        }
    }
}
