//! A stream as the host sees it: what has arrived, what the module may reach of it now, and what went on.

use std::collections::{BTreeMap, VecDeque};

use crate::exchange::Header;
use crate::response::LocalResponse;
use crate::{Message, Properties};

/// What a module asks for inside a callback and gets after it.
#[derive(Debug)]
pub(crate) enum Action {
    ResumeRequest(u32),
    ResumeResponse(u32),
    ResumeDownstream(u32),
    /// Of an HTTP stream.
    Reset(u32),
    /// Of a TCP connection, by the module.
    Close(u32),
    Respond(u32, Box<LocalResponse>),
    /// The plugin has finished what it wanted to finish before its end.
    Done,
}

/// Actions in the order in which they were asked for.
pub(crate) type Actions = VecDeque<Action>;

/// A stream.
#[derive(Debug)]
pub(crate) struct Context {
    /// What the caller says that the proxy knows.
    pub(crate) properties: Properties,
    /// What the module wrote with `proxy_set_property`.
    pub(crate) written: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Whether the module was told of it.
    pub(crate) created: bool,
    /// When it began, since the start of the instance, in nanoseconds.
    pub(crate) began: u64,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Http(Box<HttpState>),
    Tcp(Box<TcpState>),
}

/// A request and its response.
#[derive(Debug, Default)]
pub(crate) struct HttpState {
    pub(crate) request: Direction,
    pub(crate) response: Direction,
    /// The module has answered; a second answer is refused.
    pub(crate) held: bool,
    /// The answer that took effect.
    pub(crate) local: Option<LocalResponse>,
    /// The headers of an answer that went past the filters.
    pub(crate) direct: Option<Vec<Header>>,
    pub(crate) reset: bool,
    /// `proxy_on_log` runs: the headers of both directions can be read and nothing be changed.
    pub(crate) logging: bool,
}

/// How far one direction of a stream may go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Course {
    #[default]
    Running,
    /// Nothing goes on, and the module is asked about what comes next.
    StoppedHere,
    /// Nothing goes on, and the module is not asked.
    StoppedForAll,
}

/// One direction of an HTTP stream.
#[derive(Debug, Default)]
pub(crate) struct Direction {
    pub(crate) headers: Option<Vec<Header>>,
    pub(crate) headers_open: bool,
    /// The part of the body that the module is asked about.
    pub(crate) chunk: Vec<u8>,
    pub(crate) chunk_open: bool,
    /// What is kept until the direction goes on.
    pub(crate) kept: Vec<u8>,
    /// The module sees what is kept in the place of the chunk.
    pub(crate) buffering: bool,
    pub(crate) trailers: Option<Vec<Header>>,
    pub(crate) trailers_open: bool,
    /// The callback that runs, or ran last, was the last of this direction.
    pub(crate) end: bool,
    pub(crate) course: Course,
    /// Body or trailers arrived that the module was not asked about.
    pub(crate) unseen: bool,
    /// The bytes of the body that arrived.
    pub(crate) received: usize,
    pub(crate) forwarded: Message,
}

/// A TCP connection.
#[derive(Debug, Default)]
pub(crate) struct TcpState {
    pub(crate) downstream: Flow,
    pub(crate) upstream: Flow,
    /// Neither end may send any more: who closed it.
    pub(crate) closed: Option<u32>,
    /// The service has closed its side.
    pub(crate) upstream_closed: bool,
    pub(crate) ended: bool,
}

/// The bytes from one end of a TCP connection.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// What has arrived and did not go on.
    pub(crate) pending: Vec<u8>,
    /// Whether the module may read it.
    pub(crate) open: bool,
    /// The sender has sent everything.
    pub(crate) end: bool,
    /// What went on.
    pub(crate) forwarded: Vec<u8>,
    /// The bytes that were shown to the filters, each time they were; Envoy counts so.
    pub(crate) shown: usize,
}

impl Context {
    pub(crate) fn http(&mut self) -> Option<&mut HttpState> {
        match &mut self.kind {
            Kind::Http(http) => Some(http),
            Kind::Tcp(_) => None,
        }
    }

    pub(crate) fn as_http(&self) -> Option<&HttpState> {
        match &self.kind {
            Kind::Http(http) => Some(http),
            Kind::Tcp(_) => None,
        }
    }

    pub(crate) fn tcp(&mut self) -> Option<&mut TcpState> {
        match &mut self.kind {
            Kind::Tcp(tcp) => Some(tcp),
            Kind::Http(_) => None,
        }
    }
}

impl HttpState {
    /// The request's headers, where Envoy has them for an attribute.
    pub(crate) fn request_headers(&self) -> Option<&[Header]> {
        (self.request.headers_open || self.logging).then_some(self.request.headers.as_deref()).flatten()
    }

    /// The response's headers, likewise.
    pub(crate) fn response_headers(&self) -> Option<&[Header]> {
        match (self.response.headers_open, self.logging) {
            (true, _) => self.response.headers.as_deref(),
            (false, true) => self.sent_headers(),
            (false, false) => None,
        }
    }

    /// The headers that the peer got.
    pub(crate) fn sent_headers(&self) -> Option<&[Header]> {
        self.direct.as_deref().or(self.response.headers.as_deref())
    }
}

impl Direction {
    /// The bytes that a module may reach.
    pub(crate) fn body(&mut self) -> Option<&mut Vec<u8>> {
        match (self.buffering, self.chunk_open) {
            (true, _) => Some(&mut self.kept),
            (false, true) => Some(&mut self.chunk),
            (false, false) => None,
        }
    }

    /// The trailers, to be changed. At the last part of a body they are made if they are not there.
    pub(crate) fn trailers_to_change(&mut self) -> Option<&mut Vec<Header>> {
        if self.trailers.is_none() && self.chunk_open && self.end {
            self.trailers = Some(Vec::new());
            self.trailers_open = true;
        }
        self.trailers.as_mut().filter(|_| self.trailers_open)
    }

    /// Lets the headers go on, once.
    pub(crate) fn forward_headers(&mut self) {
        if self.forwarded.headers.is_none() {
            self.forwarded.headers.clone_from(&self.headers);
        }
    }

    /// Lets everything go on that has arrived.
    pub(crate) fn forward_kept(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        self.forwarded.body.extend_from_slice(&kept);
    }
}
