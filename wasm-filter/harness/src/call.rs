//! Calls of a module to other services.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::exchange::Header;

/// A request that a module sends to another service with `proxy_http_call`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The name of the cluster, as the module says it.
    pub cluster: String,
    /// Its headers, `:method`, `:path` and `:authority` among them.
    pub headers: Vec<Header>,
    /// Its body.
    pub body: Vec<u8>,
    /// Its trailers.
    pub trailers: Vec<Header>,
    /// How long the module waits; for ever without it.
    pub timeout: Option<Duration>,
}

/// What comes of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// How long it takes, in the time that [`Instance::advance`](crate::Instance::advance) lets pass. An answer that
    /// takes as long as the module waits comes too late: then Envoy answers 504 itself.
    pub after: Duration,
    /// The response; without one the connection is reset.
    pub response: Option<crate::Message>,
}

/// Answers the calls of a module.
pub trait Answerer: Send {
    /// Whether there is a cluster of that name. A call to another one is refused.
    fn knows(&self, cluster: &str) -> bool;

    /// What comes of a call.
    fn answer(&mut self, call: &Call) -> Answer;
}

/// The calls of an instance.
#[derive(Default)]
pub(crate) struct Calls {
    pub(crate) answerer: Option<Box<dyn Answerer>>,
    pub(crate) last_token: u32,
    /// By token: when it comes, in nanoseconds since the start of the instance, and what.
    pub(crate) pending: BTreeMap<u32, (u64, Option<crate::Message>)>,
    /// The response that `proxy_on_http_call_response` is about.
    pub(crate) current: Option<crate::Message>,
    /// The status of the last call that got no response.
    pub(crate) status: (u32, &'static str),
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("pending", &self.pending).finish_non_exhaustive()
    }
}
