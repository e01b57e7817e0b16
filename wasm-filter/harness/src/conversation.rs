//! One TCP connection, and what became of it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{LogLine, Properties};

/// A connection from its beginning to its end.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    /// Attributes of the connection; they hide those of the [`Plugin`](crate::Plugin).
    pub properties: Properties,
    /// Those that are known before the handshake, where there is one.
    pub before_handshake: Option<Properties>,
    /// How long nobody says anything.
    pub pause: Duration,
    /// What the peer sends.
    pub from_peer: Vec<u8>,
    /// What the service answers.
    pub from_service: Vec<u8>,
}

/// What a module let pass of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Whether the module closed it.
    pub refused: bool,
    /// The bytes that reached the service.
    pub to_service: Vec<u8>,
    /// The bytes that reached the peer.
    pub to_peer: Vec<u8>,
    /// What the module logged, in order.
    pub logs: Vec<LogLine>,
    /// What the module stored with `proxy_set_property`, by path.
    pub written: BTreeMap<Vec<u8>, Vec<u8>>,
}
