//! A registry, as the OCI distribution specification 1.1 has it, over HTTP.

mod answer;
mod authorization;
mod credentials;
mod pull;
mod push;
mod tls;
mod trouble;
mod upload;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url, redirect};

use self::answer::Answer;
pub use self::credentials::Credentials;
pub use self::push::Pushed;
pub use self::trouble::Trouble;
use crate::{Progress, Reference};

/// How a registry is reached.
#[derive(Clone, Debug)]
pub struct Access {
    /// Plain HTTP, whoever may read along. A registry on this machine is asked by plain HTTP without it, if it speaks no TLS.
    pub plain_http: bool,
    /// A file in PEM with certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Who asks.
    pub credentials: Credentials,
    /// A repository of the same registry from which blobs may be taken.
    pub mount_from: Option<String>,
    /// How many bytes are sent at once. Storage behind some registries takes no fewer than 5 MiB.
    pub chunk: usize,
    /// How long failures are put up with.
    pub patience: Patience,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            plain_http: false,
            ca_file: None,
            credentials: Credentials::Anonymous,
            mount_from: None,
            chunk: 8 << 20,
            patience: Patience::default(),
        }
    }
}

/// How long failures are put up with.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often something is tried before it failed.
    pub attempts: u32,
    /// The pause before the second attempt; each one after is twice as long.
    pub first: Duration,
    /// The longest pause; also the longest that a registry may ask for.
    pub longest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 6, first: Duration::from_millis(500), longest: Duration::from_secs(60) }
    }
}

impl Patience {
    /// How long to wait before the next attempt; nothing if there shall be none.
    fn pause(&self, failed: u32, trouble: &Trouble) -> Option<Duration> {
        if failed >= self.attempts || !trouble.is_transient() {
            return None;
        }
        let own = self.first.saturating_mul(1 << (failed - 1).min(16)).min(self.longest);
        // Many that failed at once do not come again at once.
        let own = own.mul_f64(0.5 + fastrand::f64() / 2.0);
        match trouble.retry_after() {
            Some(asked) if asked > self.longest => None,
            Some(asked) => Some(own.max(asked)),
            None => Some(own),
        }
    }
}

/// A repository of a registry.
pub struct Registry {
    http: reqwest::Client,
    /// With a slash at its end.
    base: Url,
    reference: Reference,
    access: Access,
    authorization: Mutex<Option<HeaderValue>>,
    progress: Arc<dyn Progress>,
}

/// What is asked of a registry.
struct Asked {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Payload,
    /// What it is about, for people.
    what: String,
    /// The most bytes that the answer may have.
    most: u64,
}

/// What is sent along; made anew for every attempt.
enum Payload {
    Nothing,
    Whole(Bytes),
    Watched(upload::Slice),
}

impl Asked {
    fn new(method: Method, url: Url, what: impl Into<String>) -> Self {
        let headers = HeaderMap::new();
        Self { method, url, headers, body: Payload::Nothing, what: what.into(), most: answer::MOST_DOCUMENT }
    }

    fn header(mut self, name: HeaderName, value: &str) -> Self {
        // All values are made here of digits and media types.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    fn body(mut self, body: Payload) -> Self {
        self.body = body;
        self
    }
}

impl Registry {
    /// Looks whether there is a registry.
    ///
    /// # Errors
    /// When there is none, or it does not speak as it was told to, or the certificates cannot be read.
    pub async fn connect(
        reference: &Reference,
        access: Access,
        progress: Arc<dyn Progress>,
    ) -> Result<Self, Trouble> {
        let tls = tls::trust(access.ca_file.as_deref())?;
        let garbage = |reason: String| Trouble::Garbage { registry: reference.registry().to_owned(), reason };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("bookend/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(120))
            .redirect(redirect::Policy::custom(follow))
            .build()
            .map_err(|error| garbage(error.to_string()))?;
        let base = |scheme: &str| {
            Url::parse(&format!("{scheme}://{}/v2/", reference.host()))
                .map_err(|error| garbage(error.to_string()))
        };
        let plain = access.plain_http;
        let mut registry = Self {
            http,
            base: base(if plain { "http" } else { "https" })?,
            reference: reference.clone(),
            access,
            authorization: Mutex::new(None),
            progress,
        };
        match registry.ping().await {
            Err(Trouble::NoTls { .. }) if reference.is_loopback() => {
                registry.base = base("http")?;
                registry.ping().await?;
            }
            answer => answer?,
        }
        Ok(registry)
    }

    /// What it is asked about.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Asks nothing, to see who answers. Who one is does not matter yet.
    async fn ping(&self) -> Result<(), Trouble> {
        let mut failed = 0;
        loop {
            let asked = Asked::new(Method::GET, self.base.clone(), "its version");
            let trouble = match self.once(&asked).await {
                Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => return Ok(()),
                Ok(answer) if answer.status.is_success() => return Ok(()),
                Ok(answer) if answer.is_tls_demand() => {
                    return Err(Trouble::Tls { registry: self.reference.registry().to_owned() });
                }
                Ok(answer) if answer.status == StatusCode::NOT_FOUND => {
                    let reason = "there is nothing at `/v2/`".to_owned();
                    return Err(Trouble::Garbage { registry: self.reference.registry().to_owned(), reason });
                }
                Ok(answer) => self.trouble(&asked, &answer),
                Err(trouble) => trouble,
            };
            failed += 1;
            self.wait(failed, trouble).await?;
        }
    }

    /// Asks, again and again if need be, until there is an answer that is no failure of the moment.
    async fn ask(&self, asked: &Asked) -> Result<Answer, Trouble> {
        let mut failed = 0;
        loop {
            let trouble = match self.authorized(asked).await {
                Ok(answer) if answer.is_transient() => self.trouble(asked, &answer),
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            failed += 1;
            self.wait(failed, trouble).await?;
        }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// With the trouble, when there shall be none.
    async fn wait(&self, failed: u32, trouble: Trouble) -> Result<(), Trouble> {
        let Some(pause) = self.access.patience.pause(failed, &trouble) else { return Err(trouble) };
        self.progress.waits(&trouble.to_string(), pause);
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Asks once, and once more if the registry wants to know who asks.
    async fn authorized(&self, asked: &Asked) -> Result<Answer, Trouble> {
        let answer = self.once(asked).await?;
        if answer.status != StatusCode::UNAUTHORIZED || !self.is_own(&asked.url) {
            return Ok(answer);
        }
        let value = self.authorize(&answer).await?;
        if let Ok(mut authorization) = self.authorization.lock() {
            *authorization = Some(value);
        }
        let answer = self.once(asked).await?;
        if answer.status == StatusCode::UNAUTHORIZED { Err(self.refused(&answer)) } else { Ok(answer) }
    }

    /// Asks once.
    async fn once(&self, asked: &Asked) -> Result<Answer, Trouble> {
        let mut request =
            self.http.request(asked.method.clone(), asked.url.clone()).headers(asked.headers.clone());
        // Storage to which an upload is sent gets no password (distribution specification, "Pushing blobs").
        if self.is_own(&asked.url) {
            let known = self.authorization.lock().ok().and_then(|value| value.clone());
            if let Some(value) = known {
                request = request.header(AUTHORIZATION, value);
            }
        }
        request = match &asked.body {
            Payload::Nothing => request,
            Payload::Whole(bytes) => request.body(bytes.clone()),
            Payload::Watched(slice) => {
                request.body(reqwest::Body::wrap(slice.watched(Arc::clone(&self.progress))))
            }
        };
        let told = |error: &reqwest::Error| Trouble::of_transport(self.reference.registry(), error);
        let response = request.send().await.map_err(|error| told(&error))?;
        Answer::read(response, asked.most, self.reference.registry(), told).await
    }

    /// Whether an address is the registry's own.
    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// An address in this repository.
    fn url(&self, path: &str) -> Result<Url, Trouble> {
        let path = format!("{}/{path}", self.reference.repository());
        self.base.join(&path).map_err(|error| self.garbage(format!("`{path}` is no address: {error}")))
    }

    fn garbage(&self, reason: String) -> Trouble {
        Trouble::Garbage { registry: self.reference.registry().to_owned(), reason }
    }
}

/// Storage may lie elsewhere, but not where everybody reads along.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let was_secret = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if was_secret && attempt.url().scheme() != "https" {
        attempt.error("it sends its clients from TLS to plain HTTP")
    } else if attempt.previous().len() > 10 {
        attempt.error("it sends its clients in circles")
    } else {
        attempt.follow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(after: Option<u64>) -> Trouble {
        let (registry, said) = ("r".to_owned(), String::new());
        Trouble::Busy { registry, said, after: after.map(Duration::from_secs) }
    }

    #[test]
    fn pauses_become_longer_and_end() {
        let patience =
            Patience { attempts: 4, first: Duration::from_secs(1), longest: Duration::from_secs(3) };
        let pauses: Vec<Option<Duration>> =
            (1..=4).map(|failed| patience.pause(failed, &busy(None))).collect();
        for (pause, (least, most)) in pauses.iter().zip([(0.5, 1.0), (1.0, 2.0), (1.5, 3.0)]) {
            let seconds = pause.unwrap().as_secs_f64();
            assert!((least..=most).contains(&seconds), "{seconds}");
        }
        assert_eq!(pauses[3], None);
    }

    #[test]
    fn a_registry_may_ask_for_a_pause_but_not_for_any() {
        let patience = Patience::default();
        assert_eq!(patience.pause(1, &busy(Some(7))), Some(Duration::from_secs(7)));
        assert_eq!(patience.pause(1, &busy(Some(3600))), None);
    }
}
