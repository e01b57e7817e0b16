//! Which question gets which answer.

use super::Subject;
use super::stream::{Stream, Streams, choice};
use crate::journal::line::LostLine;
use crate::{metrics, status};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Request, Response, StatusCode};
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

/// How long an answer that was read from the kernel is given to others who ask: to count connections takes a while where
/// there are very many.
const FRESH: Duration = Duration::from_secs(1);

/// What there is to ask.
const HELP: &str = "bookend-enforcer\n\n\
    /healthz  whether the enforcer works\n\
    /readyz   whether everything planned is enforced, and what is not\n\
    /status   what is enforced, as `bookend-enforcer status -o json`\n\
    /metrics  numbers, for Prometheus\n\
    /events   what happens from now on, one JSON object on a line; ?verdict=allow|deny, ?workload=NAMESPACE/NAME and \
    ?rule=ID choose flows\n";

/// Whoever knows the answers.
pub(super) struct Answers {
    subject: Subject,
    streams: Streams,
    metrics: Mutex<Option<Read>>,
    status: Mutex<Option<Read>>,
}

/// What was read from the kernel, and when.
struct Read(Instant, Result<Bytes, String>);

/// The body of an answer.
pub(super) enum Answer {
    Whole(Option<Bytes>),
    Endless(Stream),
}

impl Answer {
    /// Whether it ends only when the asker has had enough.
    pub(super) fn is_endless(&self) -> bool {
        matches!(self, Self::Endless(_))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Endless(stream) => {
                stream.poll_next(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Endless(_) => SizeHint::default(),
        }
    }
}

impl Answers {
    pub(super) fn new(subject: Subject) -> Self {
        Self { subject, streams: Streams::default(), metrics: Mutex::default(), status: Mutex::default() }
    }

    pub(super) async fn answer(&self, request: &Request<Incoming>) -> Response<Answer> {
        if !is_addressed(request.headers().get(HOST)) {
            let told =
                "name the enforcer by `localhost` or an IP address, so that no page of the web can ask it\n";
            return whole(StatusCode::MISDIRECTED_REQUEST, TEXT, told);
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut refused = whole(
                StatusCode::METHOD_NOT_ALLOWED,
                TEXT,
                "nothing can be changed here; ask by GET or HEAD\n",
            );
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        let query = request.uri().query().unwrap_or_default();
        match request.uri().path() {
            "/" => whole(StatusCode::OK, TEXT, HELP),
            "/healthz" => self.health(),
            "/readyz" => self.readiness(),
            "/status" => self.read(&self.status, JSON, status_text).await,
            "/metrics" => self.read(&self.metrics, metrics::CONTENT_TYPE, metrics::text).await,
            "/events" => self.events(query, request.method() == Method::HEAD),
            _ => whole(StatusCode::NOT_FOUND, TEXT, format!("there is no such page here\n\n{HELP}")),
        }
    }

    fn health(&self) -> Response<Answer> {
        match self.subject.health.read().alive() {
            Ok(()) => whole(StatusCode::OK, TEXT, "ok\n"),
            Err(since) => {
                let told = format!("the enforcer has been busy or stuck for {} seconds\n", since.as_secs());
                whole(StatusCode::SERVICE_UNAVAILABLE, TEXT, told)
            }
        }
    }

    fn readiness(&self) -> Response<Answer> {
        let state = self.subject.health.read();
        if state.ready {
            return whole(StatusCode::OK, TEXT, "ready\n");
        }
        let told: String = state.obstacles.iter().map(|obstacle| format!("{obstacle}\n")).collect();
        whole(StatusCode::SERVICE_UNAVAILABLE, TEXT, told)
    }

    /// What `reader` says, at most once a second.
    async fn read(
        &self,
        known: &Mutex<Option<Read>>,
        content: &'static str,
        reader: fn(&Subject) -> Result<String, String>,
    ) -> Response<Answer> {
        let mut known = known.lock().await;
        if known.as_ref().is_none_or(|Read(time, _)| time.elapsed() >= FRESH) {
            let subject = self.subject.clone();
            let read = tokio::task::spawn_blocking(move || reader(&subject)).await;
            let read = read.unwrap_or_else(|error| Err(error.to_string()));
            *known = Some(Read(Instant::now(), read.map(Bytes::from)));
        }
        match &*known {
            Some(Read(_, Ok(bytes))) => whole(StatusCode::OK, content, bytes.clone()),
            Some(Read(_, Err(error))) => whole(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
            None => whole(StatusCode::INTERNAL_SERVER_ERROR, TEXT, ""),
        }
    }

    fn events(&self, query: &str, head: bool) -> Response<Answer> {
        let choice = match choice(query) {
            Ok(choice) => choice,
            Err(told) => return whole(StatusCode::BAD_REQUEST, TEXT, told),
        };
        if head {
            return whole(StatusCode::OK, LINES, "");
        }
        let confess = |events| LostLine::text(crate::clock::Clock::new().now(), events);
        match self.streams.open(&self.subject.audience, choice, confess) {
            Some(stream) => response(StatusCode::OK, LINES, Answer::Endless(stream)),
            None => {
                let told = "as many listen to events as can; read the file that --events names\n";
                whole(StatusCode::SERVICE_UNAVAILABLE, TEXT, told)
            }
        }
    }
}

fn status_text(subject: &Subject) -> Result<String, String> {
    let status = status::read(&subject.pins, &subject.names).map_err(|error| error.message)?;
    let status = status.with_report(subject.health.read().report());
    serde_json::to_string_pretty(&status).map(|text| text + "\n").map_err(|error| error.to_string())
}

/// Whether the request names who it asks by an address, by `localhost`, or not at all. A page of the web whose name somebody let
/// point here would send that name, and a browser would let the page read the answer.
fn is_addressed(host: Option<&HeaderValue>) -> bool {
    let Some(host) = host else { return true };
    let Ok(host) = host.to_str() else { return false };
    let named = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    named.is_empty() || named.eq_ignore_ascii_case("localhost") || named.parse::<IpAddr>().is_ok()
}

fn whole(status: StatusCode, content: &'static str, body: impl Into<Bytes>) -> Response<Answer> {
    let body: Bytes = body.into();
    response(status, content, Answer::Whole((!body.is_empty()).then_some(body)))
}

fn response(status: StatusCode, content: &'static str, body: Answer) -> Response<Answer> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_names_an_address_is_answered() {
        let addressed = |host: &'static str| is_addressed(Some(&HeaderValue::from_static(host)));
        for host in ["127.0.0.1:9466", "[::1]:9466", "localhost", "LOCALHOST:80", "10.0.0.1", ""] {
            assert!(addressed(host), "{host}");
        }
        for host in ["evil.example:9466", "localhost.evil.example", "[x]:80"] {
            assert!(!addressed(host), "{host}");
        }
        assert!(is_addressed(None));
    }
}
