//! What the plugin and the enforcer say to each other: one line of JSON each, on a Unix socket.
//!
//! Who asks stands in the pod's network namespace while it does, so that the enforcer knows it by the process that asks
//! (`SO_PEERCRED`), and needs neither the path nor a way into it.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Bytes of a line, at most.
pub const MOST: usize = 64 * 1024;

/// What the plugin asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// Answer when the interface is policed with the pod's own policy, or will not be.
    Attach(Pod),
    /// The container is gone.
    Forget {
        /// The runtime's name of the sandbox.
        container: String,
        /// What the interface was called inside.
        interface: String,
    },
    /// Can pods be attached?
    Status,
}

/// A pod that is to be policed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pod {
    /// The runtime's name of the sandbox.
    pub container: String,
    /// What its interface is called inside.
    pub interface: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// Its UID.
    pub uid: String,
    /// The addresses that the plugins before gave it, ascending.
    pub addresses: Vec<IpAddr>,
    /// How long it may wait.
    pub timeout_seconds: u64,
}

/// What the enforcer answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase", deny_unknown_fields)]
pub enum Answer {
    /// It is so.
    Done,
    /// It is not so.
    Refused {
        /// It may be so later.
        later: bool,
        /// Why.
        reason: String,
        /// What to do.
        cure: String,
    },
}
