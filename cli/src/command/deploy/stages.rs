//! The stages of a deployment: what has to be there before what.

use bookend_cluster::delivery::{Goal, Stage};
use bookend_objects::install::Installation;
use serde_json::Value;

/// What of a deployment is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Only {
    /// The definitions of Bookend's kinds.
    Crds,
    /// The namespace, and what Bookend's programs may do.
    Access,
    /// The enforcers and the controller.
    Programs,
    /// Policies, and what they refer to.
    Policies,
}

/// The stages, of which only some are wanted if `only` names any.
pub(super) fn stages(
    installation: Option<&Installation>,
    definitions: Vec<Value>,
    policies: Vec<Value>,
    only: &[Only],
) -> Vec<Stage> {
    let wanted = |part: Only| only.is_empty() || only.contains(&part);
    let stage = |title, objects, goal, stays| Stage { title, objects, goal, stays };
    let mut stages = Vec::new();
    if wanted(Only::Crds) && (installation.is_some() || only.contains(&Only::Crds)) {
        let definitions = installation.map_or(definitions, Installation::definitions);
        stages.push(stage("definitions", definitions, Goal::Established, true));
    }
    if let Some(installation) = installation {
        if wanted(Only::Access) {
            // Deleting a namespace deletes what others have put there meanwhile.
            stages.push(stage("namespace", vec![installation.namespace()], Goal::Nothing, true));
            let access = [installation.access(), installation.admission()].concat();
            stages.push(stage("access", access, Goal::Nothing, false));
        }
        if wanted(Only::Programs) {
            stages.push(stage("programs", installation.workloads(), Goal::RolledOut, false));
        }
    }
    if wanted(Only::Policies) && !policies.is_empty() {
        let goal = match installation {
            Some(installation) if installation.enforcer.ask_proxies => Goal::Enforced,
            None if !only.contains(&Only::Policies) => Goal::Nothing,
            // Whether anybody asks proxies is not known here.
            Some(_) | None => Goal::Given,
        };
        stages.push(stage("policies", policies, goal, false));
    }
    stages
}

/// The goal of whoever does not want to wait for nodes and proxies; what comes later still needs the definitions.
pub(super) fn unwaited(goal: Goal) -> Goal {
    match goal {
        Goal::Established => Goal::Established,
        Goal::Nothing | Goal::RolledOut | Goal::Enforced | Goal::Given => Goal::Nothing,
    }
}
