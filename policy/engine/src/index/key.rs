//! Keys: what rules are filed under, as hashes. Two things with one hash share a key, which costs time and nothing else.

use core::hash::Hasher;
use ipnet::IpNet;

use crate::{End, Protocol};

/// What a key is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A label of the workload at an end.
    Label(End),
    /// Its service account.
    Account(End),
    /// Its namespace.
    Namespace(End),
    /// The address at an end.
    Block(End),
    /// The principal of the source.
    Principal,
    /// The protocol and port.
    Port,
    /// The start of the path.
    Path,
}

impl Kind {
    pub(super) const COUNT: usize = 11;

    pub(super) fn position(self) -> usize {
        let at = |end| usize::from(end == End::Destination);
        match self {
            Self::Label(end) => at(end),
            Self::Account(end) => 2 + at(end),
            Self::Namespace(end) => 4 + at(end),
            Self::Block(end) => 6 + at(end),
            Self::Principal => 8,
            Self::Port => 9,
            Self::Path => 10,
        }
    }

    /// The key of one or two texts.
    pub(super) fn texts(self, first: &str, second: &str) -> u64 {
        self.start().text(first).text(second).finish()
    }

    /// The key of a network.
    pub(super) fn network(self, net: IpNet) -> u64 {
        let net = net.trunc();
        let mut key = self.start().byte(net.prefix_len());
        match net {
            IpNet::V4(v4) => v4.addr().octets().iter().for_each(|b| key = key.byte(*b)),
            IpNet::V6(v6) => v6.addr().octets().iter().for_each(|b| key = key.byte(*b)),
        }
        key.finish()
    }

    /// The key of a port.
    pub(super) fn port(self, protocol: Protocol, port: u16) -> u64 {
        let [high, low] = port.to_be_bytes();
        self.start().byte(protocol as u8).byte(high).byte(low).finish()
    }

    /// The key of a text, byte by byte.
    pub(super) fn start(self) -> Key {
        // The offset basis of FNV-1a.
        let kind = u8::try_from(self.position()).unwrap_or(u8::MAX);
        Key(0xcbf2_9ce4_8422_2325).byte(kind)
    }
}

/// A key in the making: FNV-1a, which is good at short texts.
#[derive(Clone, Copy)]
pub(super) struct Key(u64);

impl Key {
    pub(super) fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    }

    /// A text, and where it ends.
    pub(super) fn text(self, text: &str) -> Self {
        // No label, name or path holds this byte, because no UTF-8 does.
        text.bytes().fold(self, Self::byte).byte(0xff)
    }

    pub(super) fn finish(self) -> u64 {
        // FNV leaves the high bits of short texts poor, and the table looks at those first.
        self.0 ^ self.0.rotate_left(32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// A hasher for keys that are hashes already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Verbatim(u64);

impl Hasher for Verbatim {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}
