//! What the kernel admits beyond what the filter allows.

use bookend_engine::{Outcome, Rule, Step};
use serde::Serialize;

use super::point::judged;
use super::{Layer, Pair, Point, words};
use crate::documents::{Documents, Place};

/// A rule whose HTTP conditions, or whose principals, the kernel cannot see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Residual {
    /// The rule, isolation or default, by its id.
    pub id: String,
    /// Where that is written.
    pub at: Option<Place>,
    /// `allow`, `deny` or `pass`.
    pub action: &'static str,
    /// The requests that it means, each entry in words.
    pub requests: Vec<String>,
}

/// The rules by which the filter narrows what the kernel lets pass; none where the kernel denies.
pub(super) fn residual(points: &[Point], pair: &Pair<'_>, documents: &Documents) -> Vec<Residual> {
    let kernel =
        || judged(points).filter(|(point, _)| point.layer == Layer::Kernel).map(|(_, judged)| judged);
    let proxied = pair.to.workload.is_some_and(|workload| workload.identity.proxied);
    if !proxied || kernel().any(|judged| !judged.allows()) {
        return Vec::new();
    }
    let mut found: Vec<Residual> = Vec::new();
    for step in kernel().flat_map(|judged| &judged.trace.steps) {
        let Step::Rule { id, outcome: Outcome::Decided | Outcome::LeftToTheRequest, .. } = step else {
            continue;
        };
        let Some(rule) = documents.rule(id).filter(|rule| !rule.http.is_any()) else { continue };
        if found.iter().all(|residual| residual.id != *id) {
            found.push(narrowing(rule, documents));
        }
    }
    found
}

fn narrowing(rule: &Rule, documents: &Documents) -> Residual {
    Residual {
        id: rule.id.clone(),
        at: documents.place(&rule.id),
        action: rule.action.name(),
        requests: rule.http.alternatives().unwrap_or_default().iter().map(words::request).collect(),
    }
}
