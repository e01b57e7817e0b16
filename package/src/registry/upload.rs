//! Sending a blob: in pieces, going on where it stopped.

use std::convert::Infallible;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use reqwest::{Method, StatusCode, Url};

use super::answer::Answer;
use super::{Asked, Payload, Registry, Trouble};
use crate::{Blob, Progress};

const BYTES: &str = "application/octet-stream";

/// How much is handed to the network before anybody is told.
const STEP: usize = 64 << 10;

/// A part of a blob that is sent.
pub(super) struct Slice {
    blob: Blob,
    range: Range<usize>,
}

impl Slice {
    pub(super) fn size(&self) -> u64 {
        self.range.len() as u64
    }

    /// A body that tells how far it is read.
    pub(super) fn watched(&self, progress: Arc<dyn Progress>) -> Watched {
        Watched { blob: self.blob.clone(), range: self.range.clone(), progress }
    }
}

/// The body of a request that tells how far it is read.
pub(super) struct Watched {
    blob: Blob,
    range: Range<usize>,
    progress: Arc<dyn Progress>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.range.is_empty() {
            return Poll::Ready(None);
        }
        let end = self.range.end.min(self.range.start + STEP);
        let part = self.blob.bytes.slice(self.range.start..end);
        self.range.start = end;
        self.progress.sent(&self.blob, end as u64);
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.range.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.range.len() as u64)
    }
}

/// How a blob came to be in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Existed,
    Mounted,
    Sent,
}

/// An upload that the registry knows about.
struct Upload {
    location: Url,
    /// How many bytes the registry has.
    has: usize,
}

impl Registry {
    /// Sees to it that the registry has a blob.
    pub(super) async fn provide(&self, blob: &Blob) -> Result<Way, Trouble> {
        if self.has(blob).await? {
            self.progress.exists(blob);
            return Ok(Way::Existed);
        }
        let mut failed = 0;
        let mut wholes = 0;
        'anew: loop {
            let mut upload = match self.begin(blob).await? {
                Some(upload) => upload,
                None => {
                    self.progress.mounted(blob, self.access.mount_from.as_deref().unwrap_or_default());
                    return Ok(Way::Mounted);
                }
            };
            loop {
                let trouble = match self.step(blob, &mut upload).await {
                    Ok(true) => {
                        self.progress.done(blob);
                        return Ok(Way::Sent);
                    }
                    Ok(false) => {
                        failed = 0;
                        continue;
                    }
                    Err(trouble) => trouble,
                };
                if matches!(trouble, Trouble::Refused { .. })
                    && wholes == 0
                    && blob.bytes.len() > self.access.chunk
                {
                    // Some registries take no pieces, but the whole.
                    wholes += 1;
                    if self.whole(blob).await? {
                        self.progress.done(blob);
                        return Ok(Way::Sent);
                    }
                }
                failed += 1;
                self.wait(failed, trouble).await?;
                // It may have come through, and only the answer was lost.
                if upload.has == blob.bytes.len() && self.has(blob).await? {
                    self.progress.done(blob);
                    return Ok(Way::Sent);
                }
                match self.ask_how_far(blob, &upload).await? {
                    Some(there) => {
                        upload = there;
                        self.progress.resumed(blob, upload.has as u64);
                    }
                    None => {
                        self.progress.resumed(blob, 0);
                        continue 'anew;
                    }
                }
            }
        }
    }

    async fn has(&self, blob: &Blob) -> Result<bool, Trouble> {
        let url = self.url(&format!("blobs/{}", blob.descriptor.digest))?;
        let asked = Asked::new(Method::HEAD, url, &blob.what);
        let answer = self.ask(&asked).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(self.trouble(&asked, &answer)),
        }
    }

    /// Begins an upload; nothing if the blob was taken from another repository.
    async fn begin(&self, blob: &Blob) -> Result<Option<Upload>, Trouble> {
        let mut url = self.url("blobs/uploads/")?;
        if let Some(from) = &self.access.mount_from {
            let digest = blob.descriptor.digest.to_string();
            url.query_pairs_mut().append_pair("mount", &digest).append_pair("from", from);
        }
        let asked = Asked::new(Method::POST, url, &blob.what).header(CONTENT_LENGTH, "0");
        let answer = self.ask(&asked).await?;
        match answer.status {
            StatusCode::CREATED => Ok(None),
            StatusCode::ACCEPTED => Ok(Some(Upload { location: self.location(&answer)?, has: 0 })),
            _ => Err(self.trouble(&asked, &answer)),
        }
    }

    /// Sends the next piece, or ends the upload when there is none; says whether it is ended.
    async fn step(&self, blob: &Blob, upload: &mut Upload) -> Result<bool, Trouble> {
        let (has, size) = (upload.has, blob.bytes.len());
        // What fits into one piece is sent while the upload is ended.
        let one_piece = has == 0 && size <= self.access.chunk;
        if has == size || one_piece {
            let mut url = upload.location.clone();
            url.query_pairs_mut().append_pair("digest", &blob.descriptor.digest.to_string());
            let mut asked = Asked::new(Method::PUT, url, &blob.what).header(CONTENT_TYPE, BYTES);
            asked = if one_piece {
                asked.body(Payload::Watched(Slice { blob: blob.clone(), range: 0..size }))
            } else {
                asked.header(CONTENT_LENGTH, "0")
            };
            let answer = self.authorized(&asked).await?;
            return if answer.status == StatusCode::CREATED {
                Ok(true)
            } else {
                Err(self.trouble(&asked, &answer))
            };
        }
        let end = size.min(has + self.access.chunk);
        let asked = Asked::new(Method::PATCH, upload.location.clone(), &blob.what)
            .header(CONTENT_TYPE, BYTES)
            .header(CONTENT_RANGE, &format!("{has}-{}", end - 1))
            .body(Payload::Watched(Slice { blob: blob.clone(), range: has..end }));
        let answer = self.authorized(&asked).await?;
        if answer.status != StatusCode::ACCEPTED {
            return Err(self.trouble(&asked, &answer));
        }
        *upload = Upload { location: self.location(&answer)?, has: end };
        Ok(false)
    }

    /// Sends a blob that the registry does not take in pieces; says whether it took it.
    async fn whole(&self, blob: &Blob) -> Result<bool, Trouble> {
        let Some(upload) = self.begin(blob).await? else { return Ok(true) };
        let mut url = upload.location;
        url.query_pairs_mut().append_pair("digest", &blob.descriptor.digest.to_string());
        let slice = Slice { blob: blob.clone(), range: 0..blob.bytes.len() };
        let asked = Asked::new(Method::PUT, url, &blob.what)
            .header(CONTENT_TYPE, BYTES)
            .body(Payload::Watched(slice));
        Ok(self.authorized(&asked).await?.status == StatusCode::CREATED)
    }

    /// Asks how far an upload has come; nothing if the registry does not know it any more.
    async fn ask_how_far(&self, blob: &Blob, upload: &Upload) -> Result<Option<Upload>, Trouble> {
        let asked = Asked::new(Method::GET, upload.location.clone(), &blob.what);
        let answer = self.ask(&asked).await?;
        if answer.status != StatusCode::NO_CONTENT {
            return Ok(None);
        }
        // `0-0` is nothing for some and one byte for others; a byte that is sent twice would be one too many.
        let last =
            answer.header(RANGE.as_str()).and_then(|range| range.strip_prefix("0-")?.parse::<usize>().ok());
        let has = match last {
            Some(0) | None => 0,
            Some(last) => last + 1,
        };
        if has == 0 || has > blob.bytes.len() {
            return Ok(None);
        }
        let location = if answer.headers.contains_key(LOCATION) {
            self.location(&answer)?
        } else {
            upload.location.clone()
        };
        Ok(Some(Upload { location, has }))
    }

    /// Where an answer says that an upload goes on.
    fn location(&self, answer: &Answer) -> Result<Url, Trouble> {
        let text = answer.header(LOCATION.as_str()).unwrap_or_default();
        let location = self.base.join(text).ok().filter(|_| !text.is_empty());
        let mut location =
            location.ok_or_else(|| self.garbage("it does not say where an upload goes on".to_owned()))?;
        if self.base.scheme() == "https" && location.scheme() == "http" {
            // A registry behind a proxy that ends TLS does not know what its clients speak.
            let port = self.base.port_or_known_default();
            let same = location.host_str() == self.base.host_str()
                && (location.port().is_none() || location.port() == port);
            if !same || location.set_scheme("https").is_err() || location.set_port(self.base.port()).is_err()
            {
                return Err(self.garbage("it says that an upload goes on by plain HTTP".to_owned()));
            }
        }
        Ok(location)
    }
}
