//! A cluster as a source: its policies, and who runs where.

mod memory;
mod options;

pub use options::ClusterOptions;

use self::memory::Memory;
use super::texts::Texts;
use super::{Following, Health, Reading, Said, Source, Warnings};
use crate::attachment::{Attachments, Side};
use crate::input::{Complaint, Input};
use crate::report::Known;
use crate::say::say;
use bookend_api::RefusedObject;
use bookend_cluster::Cluster;
use bookend_cluster::view::{Attached, Follower, InForce, Outlook};
use bookend_lang::Source as Text;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A cluster, and files beside it.
pub struct Kubernetes {
    follower: Follower,
    attachments: Attachments,
    files: Option<Texts>,
    extra: Vec<Text>,
    memory: Memory,
    /// What was read last.
    outcome: Outcome,
    /// The version of what was compiled last.
    version: u64,
    /// What was told of objects and pods that are not as they should be.
    told: BTreeSet<String>,
    health: Health,
}

#[derive(Clone)]
enum Outcome {
    Nothing(String),
    Good,
    Wrong(Vec<Complaint>),
}

impl Kubernetes {
    /// Follows a cluster from the node of `outlook`, whose pods are attached as `attachments` say. The last good versions of policies are kept below
    /// `state`. The documents in the files of `input` are added. Must be called within tokio.
    ///
    /// # Errors
    /// If the kernel cannot watch files.
    pub fn new(
        cluster: &Cluster,
        outlook: &Outlook,
        attachments: Attachments,
        input: Input,
        state: &Path,
    ) -> std::io::Result<Self> {
        let mut follower = Follower::start(cluster, outlook);
        let memory = Memory::new(state);
        follower.view().restore(memory.load());
        let some = input.files().next().is_some();
        let files = some.then(|| Texts::new(input)).transpose()?;
        Ok(Self {
            follower,
            attachments,
            files,
            extra: Vec::new(),
            memory,
            outcome: Outcome::Nothing("the cluster was not asked yet".to_owned()),
            version: 0,
            told: BTreeSet::new(),
            health: Health::default(),
        })
    }

    /// Has the view know how pods are attached now.
    fn attach(&mut self) {
        let current = self.attachments.current();
        let attached = current.iter().filter_map(|attachment| match &attachment.side {
            Side::Interface { name, .. } => Some(Attached {
                uid: attachment.uid.clone(),
                interface: name.clone(),
                addresses: attachment.addresses.clone(),
            }),
            Side::Host | Side::Missing(_) => None,
        });
        let attached: Vec<Attached> = attached.collect();
        self.follower.view().attach(&attached);
    }

    fn compile(&mut self) -> Outcome {
        if !self.follower.view().is_complete() {
            let missing = Vec::from_iter(self.follower.unlisted()).join(", ");
            let why = self.follower.health().error().unwrap_or("the API server has not listed them yet");
            return Outcome::Nothing(format!("the cluster is not known yet ({missing}): {why}"));
        }
        match self.files.as_mut().map(Texts::read) {
            None => {}
            Some(Ok(texts)) => self.extra = texts,
            Some(Err(complaints)) => return Outcome::Wrong(complaints),
        }
        let view = self.follower.view();
        let compiled = match view.compile(&self.extra) {
            Ok(compiled) => compiled.version,
            Err(refusal) => {
                let told = |line: String| Complaint { text: line.clone(), ..Complaint::plain(line) };
                return Outcome::Wrong(refusal.complaints.into_iter().map(told).collect());
            }
        };
        if compiled != self.version {
            self.version = compiled;
            self.health.revision += 1;
        }
        if let Err(error) = self.memory.keep(view) {
            say(&format!(
                "cannot keep the policies that are good: {error}; after a restart, an invalid one has no past"
            ));
        }
        Outcome::Good
    }

    /// Tells once of each object and pod that is not as it should be, and of it no more.
    fn tell(&mut self) {
        let view = self.follower.view();
        let mut all: BTreeSet<String> = BTreeSet::new();
        let odd =
            view.standings().filter(|standing| !standing.is_accepted() || !standing.complaints.is_empty());
        for standing in odd {
            let stands = match standing.in_force {
                InForce::This => "the rest of it is in force".to_owned(),
                InForce::Before(0) => "what it was before stays in force".to_owned(),
                InForce::Before(generation) => format!("generation {generation} of it stays in force"),
                InForce::Isolated => "its namespace is isolated until it is mended".to_owned(),
                InForce::Nothing if standing.object.kind == "Namespace" => {
                    "nobody knows its labels".to_owned()
                }
                InForce::Nothing => "it is not in force".to_owned(),
            };
            let object = standing.object;
            all.insert(format!("{object} is invalid, and {stands}: {}", standing.complaints.join("; ")));
        }
        for (address, pods) in view.contested() {
            all.insert(format!(
                "{address} is claimed by {}, so it is taken for nobody's",
                pods.join(" and ")
            ));
        }
        all.extend(
            view.quarantined()
                .map(|line| format!("a pod is left out, so it is a stranger to all others: {line}")),
        );
        all.difference(&self.told).for_each(|line| say(line));
        self.told = all;
    }

    fn note(&mut self) {
        let error = match &self.outcome {
            Outcome::Wrong(complaints) => complaints.first().map(|complaint| complaint.text.clone()),
            Outcome::Nothing(why) => Some(why.clone()),
            Outcome::Good => None,
        };
        if error.is_none() {
            self.health.last_read = Some(SystemTime::now());
        }
        self.health.error = error;
        let refused = self.follower.view().standings().filter(|standing| !standing.is_accepted()).count();
        let policies = self.follower.view().policies().to_owned();
        self.health.following = Some(Following { refused, policies, ..self.following() });
    }

    fn following(&self) -> Following {
        let health = self.follower.health();
        Following {
            error: health.error().map(str::to_owned),
            failing: health.failing(),
            silence: health.silence(),
            events: health.events,
            relists: health.relists,
            objects: health.objects,
            ..self.health.following.clone().unwrap_or_default()
        }
    }
}

impl Source for Kubernetes {
    async fn next(&mut self) -> std::io::Result<()> {
        loop {
            let files = async {
                match &mut self.files {
                    Some(files) => files.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                change = self.follower.changed() => {
                    change.news.iter().for_each(|line| say(line));
                    if change.view {
                        return Ok(());
                    }
                }
                () = self.attachments.changed() => {
                    self.attach();
                    return Ok(());
                }
                changed = files => return changed,
            }
        }
    }

    fn read(&mut self) -> Reading<'_> {
        self.attach();
        self.outcome = self.compile();
        if matches!(self.outcome, Outcome::Good) {
            self.tell();
        }
        self.note();
        self.last()
    }

    fn last(&self) -> Reading<'_> {
        let said = match &self.outcome {
            Outcome::Nothing(why) => Said::Nothing(why.clone()),
            Outcome::Good => {
                let warnings = Warnings { complaints: Vec::new(), may_be_empty: true };
                Said::Documents(self.follower.compiled(), warnings)
            }
            Outcome::Wrong(complaints) => Said::Wrong(complaints.clone()),
        };
        Reading { revision: self.health.revision, said }
    }

    fn worked(&mut self, took: Duration) {
        self.follower.worked(took);
    }

    fn health(&mut self) -> &Health {
        // Silence grows while nothing happens.
        self.health.following = Some(self.following());
        &self.health
    }

    fn known(&mut self) -> Option<Known> {
        let view = self.follower.view();
        let local = view.local();
        let refused =
            view.standings().filter(|standing| !standing.is_accepted()).map(|standing| RefusedObject {
                kind: standing.object.kind,
                namespace: standing.object.namespace,
                name: standing.object.name,
                uid: Some(standing.uid),
                generation: Some(standing.generation),
                message: standing.complaints.join("\n"),
            });
        Some(Known {
            policies: Some(view.policies().to_owned()).filter(|policies| !policies.is_empty()),
            refused: refused.collect(),
            pods: local.iter().filter(|pod| pod.attached).count(),
            proxied: local.into_iter().filter(|pod| pod.proxied).map(|pod| pod.uid).collect(),
        })
    }
}
