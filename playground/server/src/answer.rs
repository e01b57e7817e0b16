//! What is answered to whom was let in.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::door::Door;
use crate::files::{Files, Unwritten};
use crate::page::Page;

/// How long a page waits for a change before it asks again.
const PATIENCE: Duration = Duration::from_secs(25);

/// How often files are looked at while a page waits.
const PACE: Duration = Duration::from_millis(250);

/// Nothing of elsewhere, nothing to elsewhere, in nobody's frame. The editor writes style elements, and the engine is WebAssembly.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: blob:; connect-src 'self'; worker-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

/// An answer.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Everything that is asked for.
pub(crate) struct Desk {
    pub(crate) door: Door,
    pub(crate) page: Page,
    /// None where none were named.
    pub(crate) files: Option<Files>,
    /// The most bytes of a text that is written, in JSON.
    pub(crate) most: usize,
}

/// A text to be written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    name: String,
    text: String,
    hash: String,
}

impl Desk {
    /// Answers a request.
    pub(crate) async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let mut answer = match self.door.enter(&head.method, head.uri.path(), &head.headers) {
            Err((status, why)) => trouble(status, why),
            Ok("api/file") if self.files.is_some() => match (&self.files, &head.method) {
                (Some(files), &Method::PUT) => self.put(files, &head.headers, body).await,
                _ => trouble(StatusCode::METHOD_NOT_ALLOWED, "files are written with PUT"),
            },
            Ok(_) if head.method != Method::GET && head.method != Method::HEAD => {
                trouble(StatusCode::METHOD_NOT_ALLOWED, "this is only to be read")
            }
            Ok("api/files") => match &self.files {
                Some(files) => reading(files, head.uri.query()).await,
                None => trouble(StatusCode::NOT_FOUND, "no files were named"),
            },
            Ok(name) => match self.page.file(name) {
                Some((kind, bytes)) => whole(StatusCode::OK, kind, bytes.to_vec()),
                None => trouble(StatusCode::NOT_FOUND, "there is nothing here"),
            },
        };
        let headers = answer.headers_mut();
        for (name, value) in [
            (CACHE_CONTROL, "no-store"),
            (HeaderName::from_static("content-security-policy"), POLICY),
            (HeaderName::from_static("x-content-type-options"), "nosniff"),
            (HeaderName::from_static("referrer-policy"), "no-referrer"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        answer
    }

    async fn put<B>(&self, files: &Files, headers: &HeaderMap, body: B) -> Answer
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let is_json = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
        if !is_json {
            return trouble(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send `application/json`");
        }
        let Ok(bytes) = Limited::new(body, self.most).collect().await else {
            return trouble(StatusCode::PAYLOAD_TOO_LARGE, "the text is too long, or broke off");
        };
        let wish: Wish = match serde_json::from_slice(&bytes.to_bytes()) {
            Ok(wish) => wish,
            Err(error) => return trouble(StatusCode::BAD_REQUEST, &format!("this cannot be read: {error}")),
        };
        let Wish { name, text, hash } = wish;
        match files.write(&name, &text, &hash) {
            Ok(hash) => told(StatusCode::OK, &json!({ "hash": hash, "revision": files.reading().revision })),
            Err(Unwritten::Unnamed) => {
                let error = format!("`{name}` is none of the files that were named");
                trouble(StatusCode::FORBIDDEN, &error)
            }
            Err(Unwritten::Changed(hash)) => {
                let error = format!(
                    "`{name}` was changed on disk meanwhile; look at what it says now, and save again"
                );
                told(StatusCode::CONFLICT, &json!({ "error": error, "hash": hash }))
            }
            Err(Unwritten::Failed(error)) => {
                trouble(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}"))
            }
        }
    }
}

/// The texts; if the page has them already, once they are others.
async fn reading(files: &Files, query: Option<&str>) -> Answer {
    let known = query.and_then(|query| query.strip_prefix("after="));
    let asked = Instant::now();
    loop {
        let reading = files.reading();
        if known != Some(reading.revision.as_str()) {
            return match serde_json::to_value(&reading) {
                Ok(value) => told(StatusCode::OK, &value),
                Err(error) => trouble(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
            };
        }
        if asked.elapsed() > PATIENCE {
            return whole(StatusCode::NO_CONTENT, "application/json", Vec::new());
        }
        sleep(PACE).await;
    }
}

fn told(status: StatusCode, value: &Value) -> Answer {
    whole(status, "application/json", value.to_string().into_bytes())
}

fn trouble(status: StatusCode, why: &str) -> Answer {
    told(status, &json!({ "error": why }))
}

fn whole(status: StatusCode, kind: &'static str, bytes: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(bytes)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
