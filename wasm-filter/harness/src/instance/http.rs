//! HTTP streams, in the order of Envoy's filter chain.

mod direction;

use std::collections::BTreeMap;

use super::{Instance, count};
use crate::context::{self, Context, HttpState, Kind};
use crate::exchange::{Ending, Exchange, Header, Outcome};
use crate::headers::{self, map};
use crate::response::LocalResponse;
use crate::{Error, Message, Properties};

/// The number of an open HTTP stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Http(u32);

/// Where a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// What arrived went on.
    Running,
    /// The module holds what arrived.
    Stopped,
    /// The module answered in the place of the service.
    Answered,
    /// The module reset the stream.
    Reset,
}

/// Which way a part of a stream goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Response,
}

/// Parts of a message, and their callbacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Headers,
    Body,
    Trailers,
}

impl Instance {
    /// Plays the headers of a request to the module, from the creation of its context to its deletion.
    ///
    /// # Errors
    /// A module that crashes or exceeds its limits; from then on always [`Error::Failed`].
    pub fn http_request(&mut self, exchange: &Exchange) -> Result<Outcome, Error> {
        let stream = self.open_http(exchange.properties.clone())?;
        self.request_headers(stream, exchange.headers.clone(), exchange.end_of_stream)?;
        self.finish(stream)
    }

    /// Opens an HTTP stream of which the proxy knows these attributes. The module hears of it with the headers.
    ///
    /// # Errors
    /// [`Error::Failed`].
    pub fn open_http(&mut self, properties: Properties) -> Result<Http, Error> {
        let began = self.host().now;
        let kind = Kind::Http(Box::default());
        self.admit(Context { properties, written: BTreeMap::new(), created: false, began, kind }).map(Http)
    }

    /// The request's headers arrive; names are put into lower case, and headers of which there is only one are joined,
    /// as Envoy does.
    ///
    /// # Errors
    /// A module that crashes or exceeds its limits, and [`Error::Closed`].
    pub fn request_headers(&mut self, it: Http, headers: Vec<Header>, end: bool) -> Result<Course, Error> {
        self.headers(it, Side::Request, headers, end)
    }

    /// A part of the request's body arrives.
    ///
    /// # Errors
    /// As [`Instance::request_headers`].
    pub fn request_body(&mut self, it: Http, chunk: &[u8], end: bool) -> Result<Course, Error> {
        self.body(it, Side::Request, chunk, end)
    }

    /// The request's trailers arrive.
    ///
    /// # Errors
    /// As [`Instance::request_headers`].
    pub fn request_trailers(&mut self, it: Http, trailers: Vec<Header>) -> Result<Course, Error> {
        self.trailers(it, Side::Request, trailers)
    }

    /// The service's headers arrive.
    ///
    /// # Errors
    /// As [`Instance::request_headers`].
    pub fn response_headers(&mut self, it: Http, headers: Vec<Header>, end: bool) -> Result<Course, Error> {
        if self.http(it.0)?.local.is_some() {
            return Ok(Course::Answered);
        }
        self.headers(it, Side::Response, headers, end)
    }

    /// A part of the response's body arrives.
    ///
    /// # Errors
    /// As [`Instance::request_headers`].
    pub fn response_body(&mut self, it: Http, chunk: &[u8], end: bool) -> Result<Course, Error> {
        if self.http(it.0)?.local.is_some() {
            return Ok(Course::Answered);
        }
        self.body(it, Side::Response, chunk, end)
    }

    /// The response's trailers arrive.
    ///
    /// # Errors
    /// As [`Instance::request_headers`].
    pub fn response_trailers(&mut self, it: Http, trailers: Vec<Header>) -> Result<Course, Error> {
        if self.http(it.0)?.local.is_some() {
            return Ok(Course::Answered);
        }
        self.trailers(it, Side::Response, trailers)
    }

    /// Where the request, and where the response, stands.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn courses(&mut self, it: Http) -> Result<(Course, Course), Error> {
        let http = self.http(it.0)?;
        Ok((http.course(Side::Request), http.course(Side::Response)))
    }

    /// Ends the stream, as Envoy does when both directions have ended or the peer has gone away: `proxy_on_log`, then
    /// `proxy_on_done`, then `proxy_on_delete`.
    ///
    /// # Errors
    /// A module that crashes or exceeds its limits, and [`Error::Closed`].
    pub fn finish(&mut self, it: Http) -> Result<Outcome, Error> {
        self.http(it.0)?.logging = true;
        if !std::mem::replace(&mut self.context(it.0)?.created, true) {
            self.call("proxy_on_context_create", &[it.0, crate::host::ROOT])?;
        }
        self.call("proxy_on_log", &[it.0])?;
        self.http(it.0)?.logging = false;
        self.call("proxy_on_done", &[it.0])?;
        self.call("proxy_on_delete", &[it.0])?;
        let context = self.host_mut().contexts.remove(&it.0).ok_or(Error::Closed)?;
        let logs = self.take_logs();
        let Kind::Http(http) = context.kind else { return Err(Error::Closed) };
        let HttpState { request, response, local, reset, .. } = *http;
        let ending = match (local, &request.forwarded.headers) {
            (Some(response), _) => Ending::LocalResponse(response),
            (None, _) if reset => Ending::Closed,
            (None, Some(headers)) => Ending::Continue(headers.clone()),
            (None, None) => Ending::Paused,
        };
        let (request, response) = (request.forwarded, response.forwarded);
        Ok(Outcome { ending, logs, written: context.written, request, response })
    }

    fn http(&mut self, id: u32) -> Result<&mut HttpState, Error> {
        self.context(id)?.http().ok_or(Error::Closed)
    }

    fn headers(&mut self, it: Http, side: Side, headers: Vec<Header>, end: bool) -> Result<Course, Error> {
        if !std::mem::replace(&mut self.context(it.0)?.created, true) {
            self.call("proxy_on_context_create", &[it.0, crate::host::ROOT])?;
        }
        let http = self.http(it.0)?;
        if !http.accepts(side) {
            return Ok(http.course(side));
        }
        let direction = http.side(side);
        let map = map(side.into(), &headers);
        let number = count(map.len());
        (direction.headers, direction.headers_open, direction.end) = (Some(map), true, end);
        self.ask(it.0, side, Part::Headers, &[it.0, number, u32::from(end)])
    }

    fn body(&mut self, it: Http, side: Side, chunk: &[u8], end: bool) -> Result<Course, Error> {
        let http = self.http(it.0)?;
        if !http.accepts(side) {
            return Ok(http.course(side));
        }
        let direction = http.side(side);
        direction.received = direction.received.saturating_add(chunk.len());
        direction.end = end;
        if direction.course == context::Course::StoppedForAll {
            direction.kept.extend_from_slice(chunk);
            direction.unseen = true;
            return Ok(http.course(side));
        }
        // What is kept for the module is shown with what arrives.
        if direction.buffering {
            direction.kept.extend_from_slice(chunk);
        } else {
            direction.chunk = chunk.to_vec();
        }
        self.ask_body(it.0, side)
    }

    fn ask_body(&mut self, id: u32, side: Side) -> Result<Course, Error> {
        let direction = self.http(id)?.side(side);
        direction.chunk_open = true;
        let (size, end) = (count(direction.body().map_or(0, |body| body.len())), u32::from(direction.end));
        self.ask(id, side, Part::Body, &[id, size, end])
    }

    fn trailers(&mut self, it: Http, side: Side, trailers: Vec<Header>) -> Result<Course, Error> {
        let http = self.http(it.0)?;
        if !http.accepts(side) {
            return Ok(http.course(side));
        }
        let direction = http.side(side);
        direction.trailers = Some(map(headers::Kind::Trailers, &trailers));
        direction.end = true;
        if direction.course == context::Course::StoppedForAll {
            direction.unseen = true;
            return Ok(http.course(side));
        }
        self.ask_trailers(it.0, side)
    }

    fn ask_trailers(&mut self, id: u32, side: Side) -> Result<Course, Error> {
        let direction = self.http(id)?.side(side);
        direction.trailers_open = true;
        let number = count(direction.trailers.as_ref().map_or(0, Vec::len));
        self.ask(id, side, Part::Trailers, &[id, number])
    }

    /// Asks the module about a part, and lets go on what may. What it asked for meanwhile happens afterwards.
    fn ask(&mut self, id: u32, side: Side, part: Part, arguments: &[u32]) -> Result<Course, Error> {
        let action = self.call_only(id, callback(side, part), arguments)?.unwrap_or_default();
        let (stop, lenient) = (self.host().stop, self.host().plugin.allow_on_headers_stop_iteration);
        let direction = self.http(id)?.side(side);
        match part {
            Part::Headers => direction.after_headers(action, stop, lenient),
            Part::Body => direction.after_body(action, stop),
            Part::Trailers => direction.after_trailers(action, stop),
        }
        self.perform()?;
        Ok(self.http(id)?.course(side))
    }

    pub(super) fn resume_request(&mut self, id: u32) -> Result<(), Error> {
        self.resume(id, Side::Request)
    }

    pub(super) fn resume_response(&mut self, id: u32) -> Result<(), Error> {
        self.resume(id, Side::Response)
    }

    /// Lets a direction go on that the module held. What the module was not asked about yet, it is asked about now.
    fn resume(&mut self, id: u32, side: Side) -> Result<(), Error> {
        let Ok(http) = self.http(id) else { return Ok(()) };
        if !http.accepts(side) || http.side(side).course == context::Course::Running {
            return Ok(());
        }
        let direction = http.side(side);
        direction.course = context::Course::Running;
        direction.forward_headers();
        if !std::mem::take(&mut direction.unseen) {
            direction.buffering = false;
            direction.forward_kept();
            if let Some(trailers) = direction.trailers.clone().filter(|_| direction.trailers_open) {
                direction.forwarded.trailers = Some(trailers);
                direction.trailers_open = false;
            }
            direction.forwarded.complete = direction.end;
            return Ok(());
        }
        let (trailers, end) = (direction.trailers.is_some(), direction.end);
        if !direction.kept.is_empty() || !trailers {
            direction.chunk = std::mem::take(&mut direction.kept);
            direction.end = end && !trailers;
            self.ask_body(id, side)?;
        }
        let Ok(http) = self.http(id) else { return Ok(()) };
        if trailers && http.accepts(side) {
            http.side(side).end = true;
            self.ask_trailers(id, side)?;
        }
        Ok(())
    }

    pub(super) fn reset(&mut self, id: u32) -> Result<(), Error> {
        if let Ok(http) = self.http(id) {
            http.reset = true;
        }
        Ok(())
    }

    /// Sends an answer in the place of the service, past the module's own callbacks for responses, as Envoy does.
    pub(super) fn respond(&mut self, id: u32, response: LocalResponse) -> Result<(), Error> {
        let Ok(http) = self.http(id) else { return Ok(()) };
        if http.local.is_some() || http.reset {
            return Ok(());
        }
        if http.response.forwarded.headers.is_some() {
            // Too late for another answer: the peer has the beginning of one.
            http.reset = true;
            return Ok(());
        }
        let (headers, body) = response.reply(http.request.headers.as_deref().unwrap_or_default());
        http.local = Some(response);
        if http.response.headers.is_some() {
            // The filters have seen the service's headers: this goes past all of them.
            http.response.course = context::Course::Running;
            http.direct = Some(headers.clone());
            http.response.forwarded =
                Message { headers: Some(headers), body, trailers: None, complete: true };
            return Ok(());
        }
        let whole = body.is_empty();
        self.headers(Http(id), Side::Response, headers, whole)?;
        if !whole {
            self.body(Http(id), Side::Response, &body, true)?;
        }
        Ok(())
    }
}

impl From<Side> for headers::Kind {
    fn from(side: Side) -> Self {
        match side {
            Side::Request => Self::Request,
            Side::Response => Self::Response,
        }
    }
}

fn callback(side: Side, part: Part) -> &'static str {
    match (side, part) {
        (Side::Request, Part::Headers) => "proxy_on_request_headers",
        (Side::Request, Part::Body) => "proxy_on_request_body",
        (Side::Request, Part::Trailers) => "proxy_on_request_trailers",
        (Side::Response, Part::Headers) => "proxy_on_response_headers",
        (Side::Response, Part::Body) => "proxy_on_response_body",
        (Side::Response, Part::Trailers) => "proxy_on_response_trailers",
    }
}
