//! One request, and what became of it.

use std::collections::BTreeMap;

use crate::response::LocalResponse;
use crate::{LogLine, Properties};

/// A header's name and value. Envoy hands both over as bytes: a value may hold any byte from 0x80 upward.
pub type Header = (Vec<u8>, Vec<u8>);

/// Headers, a body and trailers, as far as they are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The headers, pseudo-headers first.
    pub headers: Option<Vec<Header>>,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Option<Vec<Header>>,
    /// Whether this is all of it.
    pub complete: bool,
}

/// What a proxy knows when a request's headers have arrived.
#[derive(Debug, Clone, Default)]
pub struct Exchange {
    /// The headers in order, names in lower case, pseudo-headers such as `:path` first.
    pub headers: Vec<Header>,
    /// Attributes of the connection and the request; they hide those of the [`Plugin`](crate::Plugin).
    pub properties: Properties,
    /// True if the request has neither a body nor trailers.
    pub end_of_stream: bool,
}

/// How the module ended its work on a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the request goes on.
    pub ending: Ending,
    /// What the module logged, in order.
    pub logs: Vec<LogLine>,
    /// What the module stored with `proxy_set_property`, by path. Envoy keeps it as the filter state object
    /// `wasm.<path>`, where the segments of a path are joined by NUL.
    pub written: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What went to the service of the request.
    pub request: Message,
    /// What went to the peer of the response, whoever gave it.
    pub response: Message,
}

/// Where a request goes from the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// To the next filter, with these headers.
    Continue(Vec<Header>),
    /// Nowhere: the module answered.
    LocalResponse(LocalResponse),
    /// Nowhere yet: the module holds it.
    Paused,
    /// Nowhere: the module reset the stream.
    Closed,
}
