//! A view that follows a cluster.

mod health;

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::Duration;

use bookend_lang::Compiled;
use futures::stream::{BoxStream, SelectAll};
use futures::{Stream, StreamExt};
use tokio::time::Instant;

use super::{Article, Filtered, Filters, Notice, Outlook, Pod, View};
use crate::{Cluster, Event, Kind, Scope, kinds, watch};

pub use self::health::Health;

/// How long after a change nothing more may come before it is told.
const SETTLE: Duration = Duration::from_millis(40);
/// How long changes are collected at most.
const PATIENCE: Duration = Duration::from_millis(200);
/// What part of the time may be spent on what changes make necessary: one of so many.
const SHARE: u32 = 5;
/// How long a change waits at most because the last one took long.
const REST: Duration = Duration::from_secs(5);

/// EndpointSlices that Kubernetes does not make from selectors: who those select is known from the pods.
const WRITTEN: &str = "endpointslice.kubernetes.io/managed-by!=endpointslice-controller.k8s.io";

/// Every kind but pods that is followed, and whether a cluster may be without.
pub(super) const ARTICLES: [(&Kind, bool); 12] = [
    (&kinds::POLICY, false),
    (&kinds::CLUSTER_POLICY, false),
    (&kinds::NETWORK, false),
    (&kinds::HOST, false),
    (&kinds::TIER, false),
    (&kinds::REPORTING, false),
    (&kinds::INVENTORY, false),
    (&kinds::NAMESPACE, false),
    (&kinds::NODE, false),
    (&kinds::SERVICE, false),
    (&kinds::ENDPOINT_SLICE, false),
    (&kinds::REQUEST_AUTHENTICATION, true),
];

enum Told {
    Pod(Event<Pod>),
    Notice(Event<Notice>),
    Article(&'static Kind, bool, Event<Article>),
}

/// A view that follows a cluster.
pub struct Follower {
    told: SelectAll<BoxStream<'static, Told>>,
    view: View,
    health: Health,
    /// Since when something waits to be told, and when it is.
    due: Option<(Instant, Instant)>,
    /// Before when nothing is told, so that not all of the time goes into changes.
    rested: Instant,
    news: Vec<String>,
}

/// What there is to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The view may be another one.
    pub view: bool,
    /// What people should be told about how the cluster is followed, a line each.
    pub news: Vec<String>,
}

impl Follower {
    /// Follows a cluster. Must be called within tokio; nothing happens unless somebody waits for [changes](Self::changed).
    pub fn start(cluster: &Cluster, outlook: &Outlook) -> Self {
        let pods = watch(cluster, &kinds::POD, &Scope::all()).map(Told::Pod).boxed();
        let articles = ARTICLES.into_iter().map(|(kind, optional)| {
            let scope = match kind == &kinds::ENDPOINT_SLICE {
                true => Scope::all().with_labels(WRITTEN),
                false => Scope::all(),
            };
            watch(cluster, kind, &scope).map(move |event| Told::Article(kind, optional, event)).boxed()
        });
        let notices = match &outlook.filters {
            Filters::Published(namespace) => {
                let (label, value) = Filtered::LABEL;
                let scope = Scope::within(namespace).with_labels(format!("{label}={value}"));
                Some(watch(cluster, &kinds::CONFIG_MAP, &scope).map(Told::Notice).boxed())
            }
            Filters::Nowhere | Filters::Everywhere => None,
        };
        Self {
            told: articles.chain([pods]).chain(notices).collect(),
            view: View::new(outlook),
            health: Health::new(),
            due: None,
            rested: Instant::now(),
            news: Vec::new(),
        }
    }

    /// Waits until there is something to see that has settled. Before the cluster was listed as a whole, only how that goes is told.
    /// Nothing is lost if the future is dropped.
    pub async fn changed(&mut self) -> Change {
        loop {
            let due = self.due.map_or_else(Instant::now, |(_, due)| due.max(self.rested));
            if !self.news.is_empty() {
                return Change { view: false, news: std::mem::take(&mut self.news) };
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(due), if self.due.is_some() => {
                    self.due = None;
                    if self.view.is_complete() {
                        return Change { view: true, news: std::mem::take(&mut self.news) };
                    }
                }
                // The watches never end.
                Some(told) = next(&mut self.told) => self.take(told),
            }
        }
    }

    fn take(&mut self, told: Told) {
        let complete = self.view.is_complete();
        let differs = match told {
            Told::Pod(event) => {
                self.health.note(&kinds::POD, &event, &mut self.news);
                self.view.take_pod(event)
            }
            Told::Notice(event) => {
                self.health.note(&kinds::CONFIG_MAP, &event, &mut self.news);
                self.view.take_notice(event)
            }
            // A cluster without the kind has none of it, or will say what it has.
            Told::Article(kind, true, Event::Trouble(trouble)) if trouble.is_absent() => {
                self.health.absent(kind, &mut self.news);
                self.view.absent(kind)
            }
            Told::Article(kind, _, event) => {
                self.health.note(kind, &event, &mut self.news);
                self.view.take(kind, event)
            }
        };
        self.health.objects = self.view.len();
        if differs {
            let now = Instant::now();
            let since = self.due.map_or(now, |(since, _)| since);
            self.due = Some((since, (now + SETTLE).min(since + PATIENCE)));
        }
        if !complete && self.view.is_complete() {
            self.due = Some((Instant::now(), Instant::now()));
            self.news.push(format!("the cluster is known: {} objects", self.health.objects));
        }
    }

    /// What was necessary because of a change took so long: the next one is not told before four times as long has passed.
    pub fn worked(&mut self, took: Duration) {
        self.rested = Instant::now() + (took * (SHARE - 1)).min(REST);
    }

    /// The view.
    pub fn view(&mut self) -> &mut View {
        &mut self.view
    }

    /// What the view compiled last. After a refusal it must not be applied.
    pub fn compiled(&self) -> &Compiled {
        self.view.compiled()
    }

    /// Has the view told again, because something else changed that it is compiled with.
    pub fn stir(&mut self) {
        let now = Instant::now();
        self.due = Some(self.due.unwrap_or((now, now)));
    }

    /// How following goes.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// The kinds of which nothing could be listed yet.
    pub fn unlisted(&self) -> BTreeSet<String> {
        let noticed = self.view.noticed.then_some(&kinds::CONFIG_MAP);
        let all = ARTICLES.iter().map(|(kind, _)| *kind).chain([&kinds::POD]).chain(noticed);
        all.filter(|kind| !self.view.listed.contains(&*kind.kind)).map(|kind| kind.resource()).collect()
    }
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    Pin::new(stream).next().await
}
