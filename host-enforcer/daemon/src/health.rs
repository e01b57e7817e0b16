//! How the enforcer is, for those who ask from another thread while it works.

use crate::source::Following;
use bookend_plan::{Plan, Sizes};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How long one turn of the loop may take. It turns every two seconds if nothing happens.
pub const TURN: Duration = Duration::from_secs(15);

/// The state of a running enforcer, shared by whoever holds one of these.
#[derive(Clone, Debug)]
pub struct Health(Arc<Mutex<State>>);

/// What is known about a running enforcer.
#[derive(Clone, Debug)]
pub struct State {
    /// When the loop last turned.
    pub turned: Instant,
    /// Whether everything planned is enforced; until it is known, not.
    pub ready: bool,
    /// Why not.
    pub obstacles: Vec<String>,
    /// Interfaces that have the programs attached.
    pub policed: usize,
    /// Interfaces that are there and could not be policed.
    pub unpoliced: usize,
    /// The plan in force, if one was put in force since the start.
    pub applied: Option<Applied>,
    /// Edits put in force since the start.
    pub edits_applied: u64,
    /// Edits refused since the start.
    pub edits_refused: u64,
    /// When the files were last read, and whether what they say was put in force.
    pub last_edit: Option<(SystemTime, bool)>,
    /// How the source does.
    pub source: crate::source::Health,
}

/// The plan in force.
#[derive(Clone, Debug)]
pub struct Applied {
    /// See [`revision`].
    pub revision: String,
    /// Since when.
    pub time: SystemTime,
    /// What it takes of the tables.
    pub sizes: Sizes,
}

/// What `status` and `/status` tell about it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    alive: bool,
    ready: bool,
    obstacles: Vec<String>,
    edits_applied: u64,
    edits_refused: u64,
    /// How a cluster is followed, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<ClusterReport>,
}

/// How a cluster is followed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterReport {
    /// The API server tells everything that is asked of it.
    followed: bool,
    /// What does not work.
    error: Option<String>,
    /// For how long it has not, in seconds.
    failing_seconds: Option<u64>,
    /// Since a kind of objects was last heard of, the one for which that is longest; in seconds.
    silence_seconds: Option<u64>,
    /// How many objects are known.
    objects: usize,
    /// In place of how many something else is in force.
    refused_objects: usize,
    /// The revision of the policies in force; before there is one, nothing.
    policies: Option<String>,
}

impl From<&Following> for ClusterReport {
    fn from(following: &Following) -> Self {
        Self {
            followed: following.error.is_none(),
            error: following.error.clone(),
            failing_seconds: following.failing.map(|time| time.as_secs()),
            silence_seconds: following.silence.map(|time| time.as_secs()),
            objects: following.objects,
            refused_objects: following.refused,
            policies: Some(following.policies.clone()).filter(|policies| !policies.is_empty()),
        }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            turned: Instant::now(),
            ready: false,
            obstacles: vec!["no policy has been put in force yet".to_owned()],
            policed: 0,
            unpoliced: 0,
            applied: None,
            edits_applied: 0,
            edits_refused: 0,
            last_edit: None,
            source: crate::source::Health::default(),
        })))
    }
}

impl Health {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every writer leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of it, as it is now.
    pub fn read(&self) -> State {
        self.state().clone()
    }

    /// The loop turned.
    pub fn turned(&self) {
        self.state().turned = Instant::now();
    }

    /// `plan` is in force; its revision.
    pub fn applied(&self, plan: &Plan) -> String {
        let revision = revision(plan);
        let now = SystemTime::now();
        let mut state = self.state();
        state.edits_applied += 1;
        state.last_edit = Some((now, true));
        let same = state.applied.as_ref().filter(|applied| applied.revision == revision);
        let time = same.map_or(now, |applied| applied.time);
        state.applied = Some(Applied { revision: revision.clone(), time, sizes: plan.sizes() });
        revision
    }

    /// So the source does.
    pub fn followed(&self, source: &crate::source::Health) {
        self.state().source = source.clone();
    }

    /// An edit was refused.
    pub fn refused(&self) {
        let mut state = self.state();
        state.edits_refused += 1;
        state.last_edit = Some((SystemTime::now(), false));
    }

    /// What keeps what is planned from being enforced: nothing, if there are no `obstacles`.
    pub fn judged(&self, obstacles: Vec<String>, policed: usize, unpoliced: usize) {
        let mut state = self.state();
        state.ready = obstacles.is_empty();
        (state.obstacles, state.policed, state.unpoliced) = (obstacles, policed, unpoliced);
    }
}

impl State {
    /// Whether the loop turns; else for how long it has not.
    ///
    /// # Errors
    /// How long ago it turned.
    pub fn alive(&self) -> Result<(), Duration> {
        let since = self.turned.elapsed();
        if since <= TURN { Ok(()) } else { Err(since) }
    }

    /// One line about it.
    pub fn summary(&self) -> String {
        let interfaces = format!("{} interfaces policed", self.policed);
        match (self.obstacles.first(), &self.applied) {
            (Some(obstacle), _) => format!("not everything is enforced: {obstacle}; {interfaces}"),
            (None, Some(applied)) => format!("policy {} is enforced; {interfaces}", applied.revision),
            (None, None) => format!("the policy of an earlier enforcer is enforced; {interfaces}"),
        }
    }

    /// What is told about it.
    pub fn report(&self) -> Report {
        Report {
            alive: self.alive().is_ok(),
            ready: self.ready,
            obstacles: self.obstacles.clone(),
            edits_applied: self.edits_applied,
            edits_refused: self.edits_refused,
            cluster: self.source.following.as_ref().map(ClusterReport::from),
        }
    }
}

/// A name for what `plan` puts into the tables: 12 hexadecimal digits of the SHA-256 of its interfaces, addresses,
/// identities and the handles of its policies, which are hashes of their contents. The same plan has the same name on every host and
/// at any time.
pub fn revision(plan: &Plan) -> String {
    let mut hash = Sha256::new();
    for interface in &plan.interfaces {
        hash.update(interface.name.as_bytes());
        // No interface has a name with a zero in it.
        hash.update([0]);
        hash.update(interface.egress.to_be_bytes());
        hash.update(interface.ingress.to_be_bytes());
        hash.update((interface.addresses.len() as u64).to_be_bytes());
        for address in &interface.addresses {
            hash.update(address);
        }
    }
    hash.update([0]);
    for (address, identity) in plan.identities.iter() {
        hash.update(address);
        hash.update(identity.to_be_bytes());
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enforcer_is_ready_only_once_it_was_judged_so() {
        let health = Health::default();
        assert!(!health.read().ready && !health.read().obstacles.is_empty());
        health.judged(Vec::new(), 2, 0);
        assert!(health.read().ready);
        health.judged(vec!["no".to_owned()], 1, 1);
        assert!(!health.read().ready);
    }

    #[test]
    fn a_plan_has_one_revision_and_another_has_another() {
        let plan = |identity| {
            let identities = std::collections::BTreeMap::from([([7; 16], identity)]).into();
            Plan { identities, ..Plan::default() }
        };
        let one = revision(&plan(1));
        assert_eq!(one, revision(&plan(1)));
        assert_eq!(one.len(), 12);
        for other in [plan(2), Plan::default()] {
            assert_ne!(one, revision(&other));
        }
    }

    #[test]
    fn the_same_plan_again_is_not_younger() {
        let health = Health::default();
        health.applied(&Plan::default());
        let first = health.read().applied.unwrap().time;
        health.applied(&Plan::default());
        let state = health.read();
        assert_eq!((state.applied.unwrap().time, state.edits_applied), (first, 2));
    }
}
