//! What would become of a connection if rules in audit mode were enforced.

use serde::Serialize;

use super::point::{Judged, Layer, Point, judged};
use super::{Decider, Rehearsed};
use crate::documents::Place;

/// The decision of all points together in the rehearsal (S36).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// `allow` or `deny`.
    pub verdict: &'static str,
    /// What enforces there.
    pub layer: Layer,
    /// `source` or `destination`.
    pub end: &'static str,
    /// The rule, isolation or default, by its id.
    pub id: String,
    /// Where that is written.
    pub at: Option<Place>,
}

/// What the points together say in the rehearsal, if that is something else than `verdict` by `decider`.
pub(super) fn joined(points: &[Point], verdict: &'static str, decider: &Decider) -> Option<Audit> {
    let rehearsed = || judged(points).map(|(point, judged)| one(point, judged));
    let denies = |audit: &Audit| audit.verdict == bookend_engine::Verdict::Deny.name();
    let ruled = |audit: &Audit| audit.id != bookend_engine::Cause::Default.id();
    let audit =
        rehearsed().find(denies).or_else(|| rehearsed().rfind(ruled)).or_else(|| rehearsed().next_back())?;
    let enforced = Audit {
        verdict,
        layer: decider.layer,
        end: decider.end,
        id: decider.id.clone(),
        at: decider.at.clone(),
    };
    (audit != enforced).then_some(audit)
}

fn one(point: &Point, judged: &Judged) -> Audit {
    let (verdict, id, at) = match &judged.audit {
        Some(Rehearsed { verdict, id, at, .. }) => (*verdict, id, at),
        None => (judged.verdict, &judged.id, &judged.at),
    };
    Audit { verdict, layer: point.layer, end: point.end, id: id.clone(), at: at.clone() }
}
