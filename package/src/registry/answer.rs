//! What a registry answers.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use super::trouble::said;
use super::{Asked, Registry, Trouble};

/// The most bytes that a manifest or an index may have (distribution specification, "Pushing Manifests").
pub(super) const MOST_DOCUMENT: u64 = 4 << 20;

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) async fn read(
        mut response: Response,
        most: u64,
        registry: &str,
        told: impl Fn(&reqwest::Error) -> Trouble,
    ) -> Result<Self, Trouble> {
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = BytesMut::new();
        while let Some(part) = response.chunk().await.map_err(|error| told(&error))? {
            if body.len() as u64 + part.len() as u64 > most {
                let reason = format!("it answers with more than {most} bytes");
                return Err(Trouble::Garbage { registry: registry.to_owned(), reason });
            }
            body.extend_from_slice(&part);
        }
        Ok(Self { status, headers, body: body.freeze() })
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the same may be answered otherwise a moment later.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self.status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
    }

    /// What servers that speak TLS say to whom does not; Go's, nginx' and Apache's.
    pub(super) fn is_tls_demand(&self) -> bool {
        let text = String::from_utf8_lossy(&self.body);
        self.status == StatusCode::BAD_REQUEST
            && [
                "HTTP request to an HTTPS server",
                "HTTP request was sent to HTTPS port",
                "plain HTTP to an SSL",
            ]
            .iter()
            .any(|words| text.contains(words))
    }

    /// When the registry wants to be asked again: in seconds, or at a time (RFC 9110, 10.2.3).
    fn retry_after(&self) -> Option<Duration> {
        let value = self.headers.get(RETRY_AFTER)?.to_str().ok()?;
        let at = || httpdate::parse_http_date(value).ok();
        let until = |time: SystemTime| time.duration_since(SystemTime::now()).unwrap_or_default();
        value.parse().ok().map(Duration::from_secs).or_else(|| at().map(until))
    }
}

impl Registry {
    /// What an answer means that is no success.
    pub(super) fn trouble(&self, asked: &Asked, answer: &Answer) -> Trouble {
        let registry = self.reference.registry().to_owned();
        let said = said(answer.status, &answer.body);
        let pushes = asked.method != reqwest::Method::GET && asked.method != reqwest::Method::HEAD;
        match answer.status.as_u16() {
            401 => self.refused(answer),
            403 => Trouble::Forbidden {
                registry,
                repository: self.reference.repository().to_owned(),
                right: if pushes { "push" } else { "pull" },
                said,
            },
            404 if pushes => Trouble::Unknown {
                registry,
                what: self.reference.repository().to_owned(),
                said,
                cure: "some registries want a repository to be made before anything is pushed to it; make it, or name another one",
            },
            404 => Trouble::Unknown {
                registry,
                what: asked.what.clone(),
                said,
                cure: "check its name, its tag or its digest, and whether it was pushed",
            },
            405 if pushes => Trouble::ReadOnly { registry, said },
            413 => Trouble::TooLarge { registry, size: asked.body.size(), said },
            429 => Trouble::Busy { registry, said, after: answer.retry_after() },
            408 | 500.. => Trouble::Failed { registry, said, after: answer.retry_after() },
            _ => Trouble::Refused {
                registry,
                what: asked.what.clone(),
                said,
                cure: "registries before version 1.1 of the specification may refuse what is said about an image, which `--bare` leaves out; some know images of Docker only, `--layout docker-image`",
            },
        }
    }
}

impl super::Payload {
    fn size(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Watched(slice) => slice.size(),
        }
    }
}
