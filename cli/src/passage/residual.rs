//! What the kernel admits beyond what the filter allows.

use bookend_engine::{Clause, HttpMatch, Outcome, Rule, Step};
use serde::Serialize;

use super::{Answer, Judged, Layer, Pair, Point};
use crate::sources::{Documents, Place};

/// A rule whose HTTP conditions the kernel cannot see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Residual {
    pub(crate) id: String,
    pub(crate) at: Option<Place>,
    /// `allow` or `deny`.
    pub(crate) action: &'static str,
    /// The requests that it means, each entry in words.
    pub(crate) requests: Vec<String>,
}

/// The rules by which the filter narrows what the kernel lets pass; none where the kernel denies.
pub(super) fn residual(points: &[Point], pair: &Pair<'_>, documents: &Documents) -> Vec<Residual> {
    let kernel: Vec<&Judged> = points
        .iter()
        .filter(|point| point.layer == Layer::Kernel)
        .filter_map(|point| match &point.answer {
            Answer::Judged(judged) => Some(judged),
            Answer::Absent { .. } => None,
        })
        .collect();
    let proxied = pair.to.workload.is_some_and(|workload| workload.identity.proxied);
    if !proxied || kernel.iter().any(|judged| !judged.allows()) {
        return Vec::new();
    }
    let mut found: Vec<Residual> = Vec::new();
    for step in kernel.iter().flat_map(|judged| &judged.trace.steps) {
        let Step::Rule { id, outcome: Outcome::Decided | Outcome::LeftToTheRequest, .. } = step else {
            continue;
        };
        let rules = documents.compiled.program.rules();
        let Some(rule) = rules.iter().find(|rule| rule.id == *id && !rule.http.is_any()) else { continue };
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
        requests: rule.http.alternatives().unwrap_or_default().iter().map(words).collect(),
    }
}

/// `GET or HEAD of /a or /b/{id}`.
fn words(http: &HttpMatch) -> String {
    fn part<T: ToString>(clause: &Clause<T>, any: &str) -> String {
        let listed = clause.alternatives().map(|list| list.iter().map(T::to_string).collect::<Vec<_>>());
        listed.map_or_else(|| any.to_owned(), |list| list.join(" or "))
    }
    format!("{} of {}", part(&http.methods, "any method"), part(&http.paths, "any path"))
}
