//! Watches: every change of some objects, as it happens.
//!
//! Source: `k8s.io/apiserver/pkg/storage/cacher`: an object that begins to match the selectors is `ADDED`, one that stops is
//! `DELETED`; a revision that is forgotten is told by an `ERROR` event with 410 in an answer of 200.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep_until};

use super::kind::Kind;
use super::read::Form;
use super::refusal::{Outcome, Refusal};
use super::route::Query;
use super::selector::Selector;
use super::shared::Shared;
use super::store::{Change, Item};

/// How long a watch lasts that does not say it.
const LIMIT: Duration = Duration::from_secs(1800);
/// What marks the end of the objects that were there before.
const INITIAL_END: &str = "k8s.io/initial-events-end";

/// One watch.
#[derive(Debug)]
pub(crate) struct Watch {
    kind: Arc<Kind>,
    version: String,
    namespace: String,
    selector: Selector,
    form: Form,
    from: u64,
    /// Whether what is there is told first.
    start: bool,
    /// Whether the end of that is told.
    marked: bool,
    bookmarks: bool,
    limit: Duration,
}

/// The watch is over: the other side has gone, or was told why.
struct Over;

impl Watch {
    pub(crate) fn new(
        kind: Arc<Kind>,
        version: &str,
        namespace: &str,
        query: &Query,
        form: Form,
    ) -> Outcome<Self> {
        let text = |key: &str| query.get(key).map_or("", String::as_str);
        let yes = |key: &str| matches!(text(key), "true" | "1");
        let selector = Selector::parse(&kind, text("labelSelector"), text("fieldSelector"))?;
        let from = match text("resourceVersion") {
            "" => 0,
            revision => revision
                .parse()
                .map_err(|_| Refusal::bad_request(format!("invalid resource version: `{revision}`")))?,
        };
        let limit = text("timeoutSeconds").parse().map_or(LIMIT, Duration::from_secs);
        let initial = yes("sendInitialEvents");
        Ok(Self {
            kind,
            version: version.to_owned(),
            namespace: namespace.to_owned(),
            selector,
            form,
            from,
            start: from == 0 || initial,
            marked: initial,
            bookmarks: yes("allowWatchBookmarks"),
            limit,
        })
    }

    /// Tells events until the client has gone, the time is over, or the server cuts it.
    pub(crate) async fn run(mut self, shared: Arc<Shared>, sender: Sender<io::Result<Bytes>>) {
        let name = self.kind.plural.clone();
        shared.watching(&name, 1);
        // Whoever ends a watch has told why, or has nobody left to tell.
        let _ = self.tell_all(&shared, &sender).await;
        shared.watching(&name, -1);
    }

    async fn tell_all(&mut self, shared: &Shared, sender: &Sender<io::Result<Bytes>>) -> Result<(), Over> {
        let mut signal = shared.signal();
        let (bookmarks, cut) = (signal.borrow().bookmarks, signal.borrow().cut);
        let mut bookmarked = bookmarks;
        let end = Instant::now() + self.limit;
        let every = shared.settings.bookmark_every;
        let mut next_bookmark = Instant::now() + every;
        if self.start {
            self.tell_start(shared, sender).await?;
        }
        loop {
            // Seen before the changes are read, so that none is missed in between.
            let now = *signal.borrow_and_update();
            if now.cut != cut {
                let _ = sender.send(Err(io::Error::other("the watch is cut"))).await;
                return Err(Over);
            }
            self.tell_changes(shared, sender).await?;
            if self.bookmarks && now.bookmarks != bookmarked {
                bookmarked = now.bookmarks;
                self.bookmark(shared, sender, false).await?;
            }
            tokio::select! {
                changed = signal.changed() => changed.map_err(|_| Over)?,
                () = sender.closed() => return Err(Over),
                () = sleep_until(end) => {
                    if self.bookmarks {
                        self.bookmark(shared, sender, false).await?;
                    }
                    return Ok(());
                }
                () = sleep_until(next_bookmark) => {
                    next_bookmark = Instant::now() + every;
                    if self.bookmarks {
                        self.bookmark(shared, sender, false).await?;
                    }
                }
            }
        }
    }

    async fn tell_start(&mut self, shared: &Shared, sender: &Sender<io::Result<Bytes>>) -> Result<(), Over> {
        let mut after = None;
        // By parts, so that a hundred thousand objects are never all in memory.
        loop {
            let part: Vec<_> = {
                let (store, id) = (shared.store(), self.kind.id());
                if after.is_none() {
                    self.from = store.revision();
                }
                let range = store.range(&id, &self.namespace, after.take());
                range.take(500).map(|(place, item)| (place.clone(), item.clone())).collect()
            };
            let Some((last, _)) = part.last() else { break };
            after = Some(last.clone());
            for (_, item) in part {
                let object = item.value();
                if self.selector.matches(&object) {
                    self.event(shared, sender, "ADDED", &object).await?;
                }
            }
        }
        if self.marked {
            self.bookmark(shared, sender, true).await?;
        }
        Ok(())
    }

    async fn tell_changes(
        &mut self,
        shared: &Shared,
        sender: &Sender<io::Result<Bytes>>,
    ) -> Result<(), Over> {
        let changes = match self.changes(shared) {
            Ok(changes) => changes,
            Err(refusal) => {
                self.send(sender, json!({ "type": "ERROR", "object": refusal.body })).await?;
                return Err(Over);
            }
        };
        for change in changes {
            let matching = |item: &Option<Item>| {
                let value = item.as_ref().map(Item::value);
                value.filter(|value| self.selector.matches(value))
            };
            // Without selectors what was before need not be written down.
            let before = match self.selector.is_empty() {
                true => change.old.is_some(),
                false => matching(&change.old).is_some(),
            };
            let after = matching(&change.new);
            match (before, after) {
                (false, Some(object)) => self.event(shared, sender, "ADDED", &object).await?,
                (true, Some(object)) => self.event(shared, sender, "MODIFIED", &object).await?,
                (true, None) => {
                    // As it is now even if that does not match any more; or as it was at last.
                    let last = change.new.as_ref().or(change.gone.as_ref()).map(Item::value);
                    if let Some(object) = last {
                        self.event(shared, sender, "DELETED", &object).await?;
                    }
                }
                (false, None) => {}
            }
        }
        Ok(())
    }

    /// What happened since the last time.
    fn changes(&mut self, shared: &Shared) -> Outcome<Vec<Change>> {
        let (store, id) = (shared.store(), self.kind.id());
        let changes = store.since(self.from).ok_or_else(|| Refusal::expired(self.from, store.compacted()))?;
        let mine = |change: &&Change| {
            *change.kind == *id && (self.namespace.is_empty() || change.place.0 == self.namespace)
        };
        let changes = changes.filter(mine).cloned().collect();
        self.from = store.revision();
        Ok(changes)
    }

    async fn event(
        &self,
        shared: &Shared,
        sender: &Sender<io::Result<Bytes>>,
        kind: &str,
        object: &Value,
    ) -> Result<(), Over> {
        let given = self.form.give(&self.kind, &self.version, object);
        let length = self.send(sender, json!({ "type": kind, "object": given })).await?;
        shared.count(|load| {
            load.events += 1;
            load.bytes += length;
        });
        Ok(())
    }

    async fn bookmark(
        &self,
        shared: &Shared,
        sender: &Sender<io::Result<Bytes>>,
        end: bool,
    ) -> Result<(), Over> {
        let mut metadata = json!({ "resourceVersion": self.from.to_string(), "creationTimestamp": null });
        if end {
            super::refusal::set(&mut metadata, "annotations", json!({ INITIAL_END: "true" }));
        }
        let mut object = json!({ "metadata": metadata });
        object = Form::Whole.give(&self.kind, &self.version, &object);
        let length = self.send(sender, json!({ "type": "BOOKMARK", "object": object })).await?;
        shared.count(|load| {
            load.bookmarks += 1;
            load.bytes += length;
        });
        Ok(())
    }

    async fn send(&self, sender: &Sender<io::Result<Bytes>>, event: Value) -> Result<u64, Over> {
        let mut line = event.to_string();
        line.push('\n');
        let length = line.len() as u64;
        sender.send(Ok(line.into())).await.map_err(|_| Over)?;
        Ok(length)
    }
}
