//! Policies as other systems' documents: the parts of a program that a cluster without Bookend can enforce, and what it cannot.
//!
//! An export works on the program and not on documents, because there every name is resolved. What a target cannot say exactly is
//! left out where it allows, so that an export is never wider than the policy by an allow rule; where a denial cannot be said, that
//! is a [`Gap`] that is [`open`](Effect::Open).

mod address;
mod calico;
mod course;
mod document;
mod gap;
mod ground;
mod istio;
mod kubernetes;
mod naming;
mod packet;
mod peer;
mod pods;
mod port;

use bookend_engine::{FAILSAFE, MESH_AGENT, Mode, Plane, Rule};
use serde_json::Value;

use crate::Compiled;
pub use gap::{Effect, Gap};
use ground::Ground;

/// A system that enforces policies of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// NetworkPolicy, and ClusterNetworkPolicy v1alpha2.
    Kubernetes,
    /// AuthorizationPolicy.
    Istio,
    /// NetworkPolicy and GlobalNetworkPolicy of Calico, in tiers of their own.
    Calico,
}

impl Target {
    /// Whether it has a way to rehearse, or what is written is enforced.
    fn writes(self, mode: Mode) -> bool {
        mode == Mode::Enforce || self != Self::Kubernetes
    }

    /// The plane in which its policies are.
    pub fn plane(self) -> Plane {
        match self {
            Self::Kubernetes | Self::Calico => Plane::Network,
            Self::Istio => Plane::Mesh,
        }
    }
}

/// What is wanted of an export.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// For whom.
    pub target: Target,
    /// The plane that is exported.
    pub plane: Plane,
    /// Whether ClusterNetworkPolicies may be written, which not every cluster reads.
    pub cluster_policies: bool,
}

/// Documents for a target, and how they differ from the policies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Export {
    /// In an order that does not depend on that of the policies' documents.
    pub documents: Vec<Value>,
    /// By rule.
    pub gaps: Vec<Gap>,
}

/// The planes in which the documents say anything.
pub fn planes(compiled: &Compiled) -> Vec<Plane> {
    let rules = compiled
        .program
        .rules()
        .iter()
        .filter(|rule| rule.id != FAILSAFE && rule.id != MESH_AGENT)
        .map(|rule| rule.plane);
    let isolations = compiled.program.isolations().iter().map(|isolation| isolation.plane);
    let mut planes: Vec<Plane> = rules.chain(isolations).collect();
    planes.sort_unstable();
    planes.dedup();
    planes
}

/// Writes policies as documents of another system.
pub fn export(compiled: &Compiled, wish: Wish) -> Export {
    let ground = Ground::new(&compiled.inventory);
    let mut gaps = gap::Gaps::default();
    let program = compiled.program.filtered(
        |rule| concerns(rule, wish, &mut gaps),
        |isolation| isolation.plane == wish.plane && wish.target.writes(isolation.mode),
    );
    for isolation in compiled.program.isolations() {
        gap::of_the_rest(&isolation.id, isolation.plane, isolation.mode, wish, &mut gaps);
    }
    let documents = match wish.target {
        Target::Kubernetes => kubernetes::documents(&program, &ground, wish.cluster_policies, &mut gaps),
        Target::Istio => istio::documents(&program, &ground, &mut gaps),
        Target::Calico => calico::documents(&program, &compiled.tiers, &ground, &mut gaps),
    };
    Export { documents, gaps: gaps.into_list() }
}

/// Whether a rule is exported at all. What is not, is told.
fn concerns(rule: &Rule, wish: Wish, gaps: &mut gap::Gaps) -> bool {
    // Istio does so by itself, and nobody else has a mesh.
    if rule.id == MESH_AGENT {
        return false;
    }
    if rule.id == FAILSAFE {
        gaps.note(
            FAILSAFE,
            "a failsafe belongs to the interfaces of a host",
            "nothing is written about hosts",
        );
        return false;
    }
    gap::of_the_rest(&rule.id, rule.plane, rule.mode, wish, gaps);
    rule.plane == wish.plane && wish.target.writes(rule.mode)
}
