//! Ethernet frames, and how cases write them.

mod build;
mod notation;

pub use build::{Datagram, Payload};
pub use notation::Notation;

/// An Ethernet frame, from the destination's hardware address on, without a checksum at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its bytes.
    pub bytes: Vec<u8>,
}
