//! Who leads: an election over a Lease (`coordination.k8s.io/v1`), by the rules of client-go, so that whoever knows these knows ours.
//!
//! * Clocks are never compared. Whoever does not lead notes, by its own monotonic clock, when it last saw the Lease change, and takes it
//!   once it saw no change for as long as the Lease itself says it lasts.
//! * Whoever leads writes it again every [`Terms::again`], and stops leading [`Terms::gives_up`] after it began the last write that worked,
//!   which is before anybody else can take it. So two never lead at once, whatever the network does, as long as each asks
//!   [`Leadership::leads`] before it writes.
//! * Every write says which version it replaces, so of two who try only one succeeds.
//! * Whoever ends lets go, and the next one need not wait.

mod record;

use std::future::Future;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::{Access, Applying, Cluster, Trouble, chance, kinds};
use record::{Claim, Observed, annotate, created, released, renewed};

/// How long everything takes. The defaults are client-go's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long the Lease lasts when nobody writes it again, in whole seconds.
    pub lasts: Duration,
    /// How long whoever leads goes on without being able to write it; less than [`lasts`](Self::lasts).
    pub gives_up: Duration,
    /// How often it is tried to be written.
    pub again: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { lasts: seconds(15), gives_up: seconds(10), again: seconds(2) }
    }
}

/// Who wants to lead, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidacy {
    /// The namespace of the Lease.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who wants to lead; different for everybody who does.
    pub identity: String,
    /// In whose name the Lease is written.
    pub manager: String,
    /// How long everything takes.
    pub terms: Terms,
}

/// How it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Until when this one leads, unless the Lease is written again before.
    leads_until: Option<Instant>,
    /// Who leads, as far as is known.
    pub leader: Option<String>,
    /// Why the Lease could not be read or written the last time it was tried.
    pub trouble: Option<Trouble>,
}

/// A candidate at work, in a thread of its own: whatever else the process does cannot keep the Lease from being written in time.
#[derive(Debug)]
pub struct Leadership {
    standing: watch::Receiver<Standing>,
    note: watch::Sender<Option<(&'static str, String)>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Leadership {
    /// Stands for election from now on, with a connection of its own.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub fn stand(access: Access, candidacy: Candidacy) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (told, standing) = watch::channel(Standing::default());
        let (stop, stopped) = oneshot::channel();
        let (note, noted) = watch::channel(None);
        let candidate = Candidate { candidacy, told, noted, observed: None };
        let run = move || runtime.block_on(candidate.run(&access, stopped));
        let thread = std::thread::Builder::new().name("bookend-lease".to_owned()).spawn(run)?;
        Ok(Self { standing, note, stop: Some(stop), thread: Some(thread) })
    }

    /// Whether this one leads now. To be asked before everything that only a leader may do.
    pub fn leads(&self) -> bool {
        self.standing.borrow().leads_until.is_some_and(|until| Instant::now() < until)
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// Has an annotation written with the Lease, from the next time on.
    pub fn note(&self, key: &'static str, text: &str) {
        self.note.send_if_modified(|noted| {
            let news = noted.as_ref().is_none_or(|(_, before)| before != text);
            if news {
                *noted = Some((key, text.to_owned()));
            }
            news
        });
    }

    /// Waits until something was heard of the Lease: that this one leads or does no more, that somebody else does, or trouble.
    pub async fn changed(&mut self) {
        if self.standing.changed().await.is_err() {
            // The thread is gone, and nothing will ever change.
            std::future::pending::<()>().await;
        }
    }

    /// Lets go, if this one leads. Takes as long as the server takes to answer, or what the terms allow.
    pub fn release(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It cannot panic; and if it did, there would be nothing to release.
            let _ = thread.join();
        }
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.end();
    }
}

struct Candidate {
    candidacy: Candidacy,
    told: watch::Sender<Standing>,
    noted: watch::Receiver<Option<(&'static str, String)>>,
    observed: Option<Observed>,
}

impl Candidate {
    async fn run(mut self, access: &Access, stopped: oneshot::Receiver<()>) {
        let mut stopped = std::pin::pin!(stopped);
        let terms = self.candidacy.terms;
        let mut cluster = None;
        loop {
            let began = Instant::now();
            let attempt = async {
                let known = match &cluster {
                    Some(known) => known,
                    None => cluster.insert(Cluster::connect(access).await?),
                };
                self.step(known).await
            };
            let attempt = tokio::select! {
                attempt = within(terms.gives_up, attempt) => attempt,
                _ = &mut stopped => break,
            };
            self.tell(attempt, began);
            let wait = if self.leads() { terms.again } else { jittered(terms.again) };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = &mut stopped => break,
            }
        }
        if let (Some(cluster), true) = (cluster, self.leads()) {
            // Whoever waits then waits as long as the Lease lasts.
            let _ = within(terms.gives_up, self.release(&cluster)).await;
        }
    }

    fn leads(&self) -> bool {
        self.told.borrow().leads_until.is_some_and(|until| Instant::now() < until)
    }

    fn tell(&self, attempt: Result<bool, Trouble>, began: Instant) {
        let leader = self.observed.as_ref().and_then(Observed::holder);
        let before = self.told.borrow().leads_until;
        let (leads_until, trouble) = match attempt {
            Ok(true) => (Some(began + self.candidacy.terms.gives_up), None),
            Ok(false) => (None, None),
            // It may still be ours, for as long as the last write that worked allows.
            Err(trouble) => (before, Some(trouble)),
        };
        let standing = Standing { leads_until, leader, trouble };
        self.told.send_if_modified(|told| {
            let news = (told.leads_until.is_some(), &told.leader, &told.trouble)
                != (standing.leads_until.is_some(), &standing.leader, &standing.trouble);
            *told = standing;
            news
        });
    }

    /// Takes the Lease or writes it again, if that is possible. Says whether it is ours now.
    async fn step(&mut self, cluster: &Cluster) -> Result<bool, Trouble> {
        let identity = self.candidacy.identity.clone();
        // Whoever leads need not read what it wrote itself.
        if let Some(observed) = self.observed.as_ref().filter(|observed| observed.is_held_by(&identity)) {
            match self.replace(cluster, self.noted(renewed(observed, &self.candidacy))).await {
                Err(Trouble::Changed { .. }) => {}
                done => return done.map(|()| true),
            }
        }
        let (namespace, name) = (self.candidacy.namespace.as_str(), self.candidacy.name.as_str());
        let Some(found) = cluster.get(&kinds::LEASE, Some(namespace), name).await? else {
            let applying = Applying::by(self.candidacy.manager.clone());
            return match cluster.create(&created(&self.candidacy), &applying).await {
                Ok(created) => {
                    self.observed = Some(Observed::now(created, self.observed.take()));
                    Ok(true)
                }
                // Somebody was faster.
                Err(Trouble::Exists { .. }) => Ok(false),
                Err(trouble) => Err(trouble),
            };
        };
        let before = self.observed.take();
        let observed = self.observed.insert(Observed::now(found, before));
        match observed.claim(&identity, Instant::now()) {
            Claim::Taken => Ok(false),
            Claim::Free | Claim::Ours => {
                let renewed = renewed(observed, &self.candidacy);
                let renewed = self.noted(renewed);
                match self.replace(cluster, renewed).await {
                    Ok(()) => Ok(true),
                    Err(Trouble::Changed { .. }) => Ok(false),
                    Err(trouble) => Err(trouble),
                }
            }
        }
    }

    /// The Lease with what is to be noted on it.
    fn noted(&self, mut lease: serde_json::Value) -> serde_json::Value {
        if let Some((key, text)) = &*self.noted.borrow() {
            annotate(&mut lease, key, text);
        }
        lease
    }

    async fn release(&mut self, cluster: &Cluster) -> Result<(), Trouble> {
        let Some(observed) = &self.observed else { return Ok(()) };
        self.replace(cluster, released(observed)).await
    }

    async fn replace(&mut self, cluster: &Cluster, lease: serde_json::Value) -> Result<(), Trouble> {
        let applying = Applying::by(self.candidacy.manager.clone());
        let replaced = cluster.replace(&lease, &applying).await?;
        self.observed = Some(Observed::now(replaced, self.observed.take()));
        Ok(())
    }
}

async fn within<T>(limit: Duration, attempt: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    match tokio::time::timeout(limit, attempt).await {
        Ok(done) => done,
        Err(_) => Err(Trouble::Timeout { what: "answer about who leads".to_owned(), after: limit }),
    }
}

/// One to a bit more than two times as long, so that those who wait do not all ask at once.
fn jittered(wait: Duration) -> Duration {
    wait + wait.mul_f64(1.2 * chance())
}
