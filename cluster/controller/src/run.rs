//! The controller at work.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use bookend_cluster::view::{Filters, Follower, InForce, Outlook};
use bookend_cluster::{
    Access, Candidacy, Cluster, Deleting, Event, Leadership, Scope, Terms, Trouble, kinds, watch,
};
use bookend_objects::mesh::POLICIES;
use futures::StreamExt as _;
use futures::stream::SelectAll;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::census::Census;
use crate::fleet::{Fleet, Member, Proxies};
use crate::means::Ways;
use crate::pace::Pace;
use crate::say::say;
use crate::share::shares;
use crate::state::{Counts, Namespace, State, Told};
use crate::status::Statuses;
use crate::writer::{KINDS, MANAGER, Writer, scope};
use crate::{ControllerOptions, Istio, server};

/// The name of the Lease.
const LEASE: &str = "bookend-controller";
/// How often it is looked what the cluster serves.
const LOOK: Duration = Duration::from_secs(60);
/// How long after news of enforcers the numbers are summed up, so that many nodes are one change.
const SUM: Duration = Duration::from_secs(2);
/// How long it is waited at most for anything.
const IDLE: Duration = Duration::from_secs(20);
const AGAIN: Duration = Duration::from_secs(2);
/// How many nodes are looked for at a time.
const LAGGARDS: usize = 20;

/// Why the controller ended.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// It does not know which cluster, or as whom.
    #[error(transparent)]
    Cluster(#[from] Trouble),
    /// The system refuses something that every process gets.
    #[error("cannot start: {0}; look what else runs on this machine")]
    System(#[from] std::io::Error),
}

/// Keeps current what has to be in the whole cluster, until a signal comes. What was written stays.
///
/// # Errors
/// When it cannot begin: see [`Failed`]. Whatever fails afterwards is told, and tried again.
pub async fn run(options: ControllerOptions) -> Result<(), Failed> {
    let access = Access { kubeconfig: options.kubeconfig.clone(), context: options.context.clone() };
    let mut ended = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let cluster = Cluster::connect(&access).await?;
    let state = State::new();
    server::start(options.listen, state.clone())?;
    let mut leadership = Leadership::stand(access, candidacy(&options))?;
    let mut follower =
        Follower::start(&cluster, &Outlook { filters: Filters::Everywhere, ..Outlook::default() });
    let mut enforcers = pin!(watch::<Member>(&cluster, &kinds::ENFORCER, &Scope::all()));
    // What somebody else does to filters is mended at once.
    let own = KINDS.into_iter().filter(|kind| options.istio.may_write(kind));
    let own = own.map(|kind| {
        watch::<Value>(&cluster, kind, &scope(&options.install)).map(move |event| (kind, event)).boxed()
    });
    let mut own: SelectAll<_> = own.collect();
    let mut work = Work::new(cluster, options, state);
    loop {
        let due = work.due();
        tokio::select! {
            change = follower.changed() => {
                change.news.iter().for_each(|line| say(line));
                if change.view {
                    work.view.get_or_insert_with(Instant::now);
                }
            }
            Some(event) = enforcers.next() => work.hear(event),
            Some((kind, event)) = own.next() => {
                // Who does not lead looks what there is once it does.
                if work.leading {
                    work.writer.hear(kind, event);
                }
            }
            () = leadership.changed() => {}
            () = tokio::time::sleep_until(due) => {}
            _ = ended.recv() => break,
            _ = interrupted.recv() => break,
        }
        work.go_on(&mut follower, &leadership).await;
    }
    // What is written stays; whoever comes next need not wait.
    leadership.release();
    Ok(())
}

fn candidacy(options: &ControllerOptions) -> Candidacy {
    let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    // Several processes of one host are several.
    let identity = options.identity.clone().unwrap_or_else(|| format!("{}-{}", host(), std::process::id()));
    Candidacy {
        namespace: options.namespace.clone(),
        name: LEASE.to_owned(),
        identity,
        manager: MANAGER.to_owned(),
        terms: Terms::default(),
    }
}

/// What there is to do.
struct Work {
    cluster: Cluster,
    options: ControllerOptions,
    state: State,
    writer: Writer,
    statuses: Statuses,
    fleet: Fleet,
    census: Census,
    /// Since when the view may be another one.
    view: Option<Instant>,
    /// Since when the numbers may be others.
    numbers: Option<Instant>,
    /// Whether this one led the last time, and knows what there is.
    leading: bool,
    /// Whether what there should be was said since it leads.
    wanted: bool,
    /// Whether that was tried.
    tried: bool,
    /// Whether statuses have to be composed again.
    recount: bool,
    look: Pace,
    told: Told,
    proxies: Proxies,
    /// What could not be asked or written, told once.
    trouble: Option<String>,
    counts: Counts,
}

impl Work {
    fn new(cluster: Cluster, options: ControllerOptions, state: State) -> Self {
        Self {
            writer: Writer::new(&cluster, &options),
            statuses: Statuses::new(&cluster),
            cluster,
            options,
            state,
            fleet: Fleet::default(),
            census: Census::default(),
            view: None,
            numbers: None,
            leading: false,
            wanted: false,
            tried: false,
            recount: false,
            look: Pace::now(),
            told: Told::default(),
            proxies: Proxies::default(),
            trouble: None,
            counts: Counts::default(),
        }
    }

    /// When there is something to do, if nothing happens before.
    fn due(&self) -> Instant {
        let idle = Instant::now() + IDLE;
        let view = self.view.map(|since| since + self.options.settle);
        let numbers = self.numbers.map(|since| since + SUM);
        let mut due = [view, numbers].into_iter().flatten().fold(idle, Instant::min);
        if self.told.leads {
            let known = [self.writer.due(), self.statuses.due()].into_iter().flatten();
            let known = known.filter(|_| self.leading && self.wanted);
            due = known.chain([self.look.due()]).fold(due, Instant::min);
        }
        due
    }

    fn hear(&mut self, event: Event<Member>) {
        if self.fleet.take(event) {
            self.numbers.get_or_insert_with(Instant::now);
        }
    }

    async fn go_on(&mut self, follower: &mut Follower, leadership: &Leadership) {
        let leads = leadership.leads();
        if leads != self.told.leads {
            say(if leads { "this one leads" } else { "this one does not lead any more" });
            (self.leading, self.wanted, self.tried) = (false, false, false);
            self.look = Pace::now();
        }
        self.told.leads = leads;
        let settled = self.view.is_some_and(|since| since + self.options.settle <= Instant::now());
        if settled || (leads && !self.wanted && !self.tried && follower.view().is_complete()) {
            self.compile(follower, leads);
        }
        if leads && self.look.due() <= Instant::now() {
            self.look_around().await;
        }
        if leads && self.leading && self.wanted {
            let now = Instant::now();
            self.recount |= self.writer.due().is_some_and(|due| due <= now);
            self.writer.write(leadership).await;
            // Many nodes that say something within a moment are one change.
            self.recount |= self.numbers.is_some_and(|since| since + SUM <= now);
            if std::mem::take(&mut self.recount) {
                self.numbers = None;
                let filters = self.options.istio != Istio::None;
                self.proxies = self.statuses.compose(&self.fleet, &self.writer, filters);
            }
            self.statuses.write(leadership).await;
        }
        self.tell(follower, leadership);
    }

    /// Compiles what is known. Whoever does not lead does it too, so that it knows what was valid once it does.
    fn compile(&mut self, follower: &mut Follower, leads: bool) {
        self.view = None;
        (self.tried, self.recount) = (true, true);
        let began = Instant::now();
        let view = follower.view();
        let compiled = view.compile(&[]).map(drop);
        self.census.count(view.proxies(), began);
        let refusal = match compiled {
            Ok(()) => {
                let shares = if leads { shares(view.compiled(), &self.census) } else { Default::default() };
                let standings: Vec<_> = view.standings().collect();
                let isolated = standings.iter().filter(|standing| standing.in_force == InForce::Isolated);
                let held: BTreeSet<String> =
                    isolated.filter_map(|standing| standing.object.namespace.clone()).collect();
                if leads {
                    self.census.serve(shares.keys());
                    self.writer.want(shares, &held, view.policies());
                    self.wanted = true;
                }
                self.statuses.stand(standings.into_iter(), view.policies());
                None
            }
            // Whatever is in force stays so.
            Err(refusal) => {
                self.statuses.stand(view.standings(), view.policies());
                Some(refusal.to_string())
            }
        };
        self.counts.compiled += 1;
        let took = began.elapsed();
        self.counts.milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        follower.worked(took);
        if refusal != self.told.refusal {
            match &refusal {
                Some(refusal) => {
                    say(&format!("the policies cannot be taken up, those before stay in force:\n{refusal}"))
                }
                None => say("the policies are taken up again"),
            }
        }
        self.told.refusal = refusal;
    }

    /// Looks what the cluster serves, and, as a new leader, what there is.
    async fn look_around(&mut self) {
        match self.look_once().await {
            Ok(()) => {
                self.look.rest(LOOK);
                self.complain(None);
            }
            Err(trouble) => {
                match trouble.is_transient() {
                    true => self.look.fail(AGAIN),
                    false => self.look.rest(LOOK),
                }
                self.complain(Some(trouble.to_string()));
            }
        }
    }

    async fn look_once(&mut self) -> Result<(), Trouble> {
        let ways = Ways::of(&self.cluster, self.options.istio).await?;
        let lacks = ways.lacks(self.options.istio);
        if self.leading {
            self.writer.find(ways, lacks);
            self.writer.look_again().await?;
            return self.forget_nodes().await;
        }
        self.writer.take_stock(ways, lacks).await?;
        for (namespace, filtered) in self.writer.found() {
            self.census.find(&namespace, filtered, Instant::now());
        }
        self.statuses.take_stock().await?;
        self.leading = true;
        // What namespaces have is known now, and with it what must stay.
        (self.wanted, self.tried) = (false, false);
        Ok(())
    }

    /// Deletes what nodes said of themselves that are gone. Only those are asked about that seem to be behind: whoever is gone is behind
    /// after the next edit.
    async fn forget_nodes(&mut self) -> Result<(), Trouble> {
        for (name, uid) in self.fleet.behind(self.statuses.newest(), LAGGARDS) {
            if self.cluster.get::<serde::de::IgnoredAny>(&kinds::NODE, None, &name).await?.is_none() {
                let deleting = Deleting { uid: Some(uid), ..Deleting::default() };
                self.cluster.delete(&kinds::ENFORCER, None, &name, &deleting).await?;
            }
        }
        Ok(())
    }

    fn complain(&mut self, trouble: Option<String>) {
        if trouble != self.trouble {
            say(trouble.as_deref().unwrap_or("the cluster can be asked again"));
            self.trouble = trouble;
        }
    }

    fn tell(&mut self, follower: &mut Follower, leadership: &Leadership) {
        // Where everybody finds what should be in force everywhere.
        leadership.note(POLICIES, follower.view().policies());
        let standing = leadership.standing();
        let troubles = self.writer.troubles();
        let namespaces = self.writer.shares().map(|(namespace, share)| {
            let trouble = troubles.get(namespace).map(|trouble| (*trouble).to_owned());
            (namespace.to_owned(), Namespace { revision: share.configuration.revision.clone(), trouble })
        });
        let Proxies { current, stale, silent } = self.proxies;
        let trouble = follower.health().error().map(str::to_owned).or_else(|| self.trouble.clone());
        self.told = Told {
            complete: follower.view().is_complete(),
            leads: self.told.leads,
            leader: standing.leader,
            policies: follower.view().policies().to_owned(),
            refusal: self.told.refusal.take(),
            trouble: trouble.or_else(|| standing.trouble.map(|trouble| trouble.to_string())),
            namespaces: namespaces.collect(),
            waiting: self.writer.waiting(),
            objects: follower.view().len(),
            refused: self.statuses.refused(),
            proxies: [current, stale, silent],
            counts: Counts {
                applied: self.writer.counts.applied,
                deleted: self.writer.counts.deleted,
                failed: self.writer.counts.failed,
                statuses: self.statuses.written,
                ..self.counts
            },
        };
        self.state.tell(self.told.clone());
    }
}
