//! Following all objects of a kind: listing them, and then watching, for as long as anybody asks.
//!
//! A list comes in pages of a bounded size, and each object of a page is read as the type that is asked for before the next one is looked at:
//! what that type leaves out is never kept, and one that cannot be read is told as such beside all others. What is watched continues where it was, through closed connections and outages of hours, for as long as the
//! server remembers; when it does not, everything is listed again. Nothing here asks what time it is.

mod answer;
mod pace;
mod volume;

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use futures::{AsyncBufRead, AsyncBufReadExt, Stream};
use serde::de::DeserializeOwned;

use self::answer::{Line, Page};
use self::pace::Pace;
use self::volume::Volume;
use crate::{Cluster, Kind, Scope, Trouble};

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// For how long the server is asked to go on telling before it closes; spread, so that not everybody comes back at once.
const TURN: Duration = Duration::from_secs(240);
/// How much longer may pass without a word. Servers send a bookmark about every minute, and close in time.
const SILENCE: Duration = Duration::from_secs(30);
/// The most bytes of one object or event. The server takes objects of 3 MiB, and writes one byte of such a text in six (`<` as `\u003c`).
const LONGEST: usize = 24 << 20;

/// Which object: no two of a kind have the same namespace and name at the same time, and none ever the same UID.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its namespace, if its kind has them.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// What is told of the objects of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<T> {
    /// A list begins. What it does not name until it is [complete](Self::Synced) is gone.
    Listing,
    /// An object as it is now.
    Put(Key, T),
    /// An object that is there, and of which nothing can be read but this.
    Unread(Key, Unread),
    /// An object is gone.
    Gone(Key),
    /// The list that began is complete.
    Synced,
    /// The server told that nothing happened.
    Alive,
    /// It does not work, and is tried again. What was told stays as true as it was.
    Trouble(Trouble),
}

/// What is known of an object that cannot be read as what it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// What is wrong with it, in a few words.
    pub reason: String,
    /// Its generation; 0 where it has none.
    pub generation: i64,
    /// When it was created, as the server wrote it.
    pub created: String,
}

/// Follows the objects of a kind that `scope` means, for ever. Must be polled within tokio.
pub fn watch<T: DeserializeOwned + Send + Sync + 'static>(
    cluster: &Cluster,
    kind: &Kind,
    scope: &Scope,
) -> impl Stream<Item = Event<T>> + Send + use<T> {
    let watch = Watch {
        asking: Asking { cluster: cluster.clone(), kind: kind.clone(), scope: scope.clone() },
        state: State::Listing(None),
        told: VecDeque::from([Event::Listing]),
        page: None,
        volume: Volume::default(),
        pace: Pace::default(),
        read: PhantomData::<fn() -> T>,
    };
    futures::stream::unfold(watch, |mut watch| async move { Some((watch.next().await, watch)) })
}

type Lines = Pin<Box<dyn AsyncBufRead + Send>>;

enum State {
    /// The page with this token is asked for next.
    Listing(Option<String>),
    /// The next thing to ask for is what happened since this version.
    Resuming(String),
    /// What happens after this version comes in here; whether anything came yet.
    Watching(String, Lines, bool),
}

/// What is asked for, and whom.
struct Asking {
    cluster: Cluster,
    kind: Kind,
    scope: Scope,
}

struct Watch<T> {
    asking: Asking,
    state: State,
    /// What is to be told before anything else is asked.
    told: VecDeque<Event<T>>,
    /// Whose objects are to be told before that.
    page: Option<Page>,
    volume: Volume,
    pace: Pace,
    read: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + Send + Sync> Watch<T> {
    async fn next(&mut self) -> Event<T> {
        loop {
            if let Some(event) = self.page.as_mut().and_then(Page::next) {
                return event;
            }
            self.page = None;
            if let Some(event) = self.told.pop_front() {
                return event;
            }
            self.pace.wait().await;
            match std::mem::replace(&mut self.state, State::Listing(None)) {
                State::Listing(token) => match self.page(token.as_deref()).await {
                    Ok(()) => {}
                    Err(trouble) => {
                        // The pages so far are still good, unless the server has forgotten what they are pages of.
                        let expired = trouble == Trouble::Expired;
                        self.state = State::Listing(token.filter(|_| !expired));
                        if expired {
                            self.told.push_back(Event::Listing);
                        }
                        self.failed(trouble);
                    }
                },
                State::Resuming(version) => match self.asking.open(&version).await {
                    Ok(lines) => {
                        self.told.push_back(Event::Alive);
                        self.state = State::Watching(version, lines, false);
                    }
                    Err(trouble) => self.interrupted(version, trouble),
                },
                State::Watching(version, lines, some) => self.listen(version, lines, some).await,
            }
        }
    }

    /// Something failed, and is tried again later.
    fn failed(&mut self, trouble: Trouble) {
        self.pace.failed(&trouble);
        self.told.push_back(Event::Trouble(trouble));
    }

    /// What happened since `version` cannot be had now, or never.
    fn interrupted(&mut self, version: String, trouble: Trouble) {
        match trouble {
            // The server has forgotten, or what it said made no sense: who knows what else was missed.
            Trouble::Expired | Trouble::Garbage { .. } => {
                self.told.push_back(Event::Listing);
                if trouble == Trouble::Expired {
                    self.pace.spread();
                    return;
                }
            }
            _ => self.state = State::Resuming(version),
        }
        self.failed(trouble);
    }

    /// Asks for a page of the list.
    async fn page(&mut self, token: Option<&str>) -> Result<(), Trouble> {
        let (bytes, what) = loop {
            let most = self.volume.bytes();
            match self.asking.page(token, self.volume.objects(), most).await? {
                (Some(bytes), what) => break (bytes, what),
                (None, what) if !self.volume.overflowed() => return Err(Trouble::Flood { what, most }),
                (None, _) => {}
            }
        };
        self.volume.fitted(bytes.len());
        let page = Page::read(bytes, &what)?;
        self.state = match &page.token {
            Some(token) => State::Listing(Some(token.clone())),
            None => {
                self.told.push_back(Event::Synced);
                State::Resuming(page.version.clone())
            }
        };
        self.page = Some(page);
        self.pace.worked();
        Ok(())
    }

    /// Waits for the next thing that happens after `version`.
    async fn listen(&mut self, version: String, mut lines: Lines, some: bool) {
        let Asking { cluster, kind, scope } = &self.asking;
        let asked = cluster.asked("watch", kind, scope.namespace.as_deref(), "");
        let (object, late) = (asked.object(), asked.timed_out(TURN + SILENCE));
        let mut line = Vec::new();
        let read = tokio::time::timeout(TURN + SILENCE, read_line(&mut lines, &mut line)).await;
        match read {
            Err(_) => return self.interrupted(version, late),
            Ok(Ok(Ended::Whole)) => {}
            Ok(Ok(Ended::TooLong)) => {
                return self.interrupted(version, Trouble::Flood { what: object, most: LONGEST });
            }
            // Closed in time, or broken off in the middle of a line, which is told again.
            Ok(Ok(Ended::Closed) | Err(_)) => {
                if !some {
                    self.pace.idle();
                }
                self.state = State::Resuming(version);
                return;
            }
        }
        match Line::read(line, &object) {
            Ok(Line { version, event }) => {
                self.pace.worked();
                self.told.push_back(event);
                self.state = State::Watching(version, lines, true);
            }
            Err(trouble) => self.interrupted(version, trouble),
        }
    }
}

impl Asking {
    /// A page of so many objects of the list, unless it has more than `most` bytes; and what it is a list of.
    async fn page(
        &self,
        token: Option<&str>,
        objects: u32,
        most: usize,
    ) -> Result<(Option<Vec<u8>>, String), Trouble> {
        let mut query = self.query();
        query.push(("limit", objects.to_string()));
        query.extend(token.map(|token| ("continue", token.to_owned())));
        let asked = self.cluster.asked("list", &self.kind, self.scope.namespace.as_deref(), "");
        let request = self.request(&query, &asked.object())?;
        let answer = async {
            let body = self.cluster.client().request_stream(request).await?;
            read_all(Box::pin(body), most).await.map_err(kube::Error::ReadEvents)
        };
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        let bytes = answer.map_err(|_| asked.timed_out(PATIENCE))?.map_err(|error| asked.failed(error))?;
        Ok((bytes, asked.object()))
    }

    /// Asks to be told what happens.
    async fn open(&self, version: &str) -> Result<Lines, Trouble> {
        let mut query = self.query();
        query.push(("watch", "true".to_owned()));
        query.push(("allowWatchBookmarks", "true".to_owned()));
        query.push(("resourceVersion", version.to_owned()));
        query.push(("timeoutSeconds", pace::spread(TURN).as_secs().to_string()));
        let asked = self.cluster.asked("watch", &self.kind, self.scope.namespace.as_deref(), "");
        let request = self.request(&query, &asked.object())?;
        let answer = tokio::time::timeout(PATIENCE, self.cluster.client().request_stream(request)).await;
        let lines = answer.map_err(|_| asked.timed_out(PATIENCE))?.map_err(|error| asked.failed(error))?;
        Ok(Box::pin(lines))
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let labels = self.scope.labels.clone().map(|labels| ("labelSelector", labels));
        let fields = self.scope.fields.clone().map(|fields| ("fieldSelector", fields));
        labels.into_iter().chain(fields).collect()
    }

    fn request(&self, query: &[(&str, String)], what: &str) -> Result<http::Request<Vec<u8>>, Trouble> {
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", answer::escaped(value))).collect();
        let path = format!("{}?{}", self.kind.path(self.scope.namespace.as_deref()), query.join("&"));
        // Each event has to come at once, and not when a compressor has enough.
        let request = http::Request::get(path).header(http::header::ACCEPT_ENCODING, "identity");
        request
            .body(Vec::new())
            .map_err(|error| Trouble::Unusable { what: what.to_owned(), reason: error.to_string() })
    }
}

/// How reading a line ended.
enum Ended {
    /// With the end of the line.
    Whole,
    /// With the end of everything.
    Closed,
    /// Beyond [`LONGEST`].
    TooLong,
}

/// Reads a line.
async fn read_line(lines: &mut Lines, line: &mut Vec<u8>) -> std::io::Result<Ended> {
    loop {
        let available = lines.fill_buf().await?;
        let (used, whole) = match available.iter().position(|byte| *byte == b'\n') {
            Some(end) => (end + 1, true),
            None if available.is_empty() => return Ok(Ended::Closed),
            None => (available.len(), false),
        };
        line.extend(available.get(..used).unwrap_or_default());
        lines.as_mut().consume(used);
        if line.len() > LONGEST {
            return Ok(Ended::TooLong);
        }
        if whole {
            return Ok(Ended::Whole);
        }
    }
}

/// Reads everything, unless it is more than `most` bytes.
async fn read_all(mut body: Lines, most: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut read = Vec::new();
    loop {
        let available = body.fill_buf().await?;
        if available.is_empty() {
            return Ok(Some(read));
        }
        let used = available.len();
        if read.len() + used > most {
            return Ok(None);
        }
        read.extend(available);
        body.as_mut().consume(used);
    }
}

#[cfg(test)]
mod tests;
