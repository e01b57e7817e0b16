//! The points where a connection is judged, and what each says.

use bookend_engine::{
    Action, Cause, DEFAULT_TIER, Decision, End, Explanation, Isolation, Limits, Outcome, Plane, Rule, Step,
    Trace, Verdict,
};
use serde::Serialize;

use super::{Near, Told};
use crate::documents::{Documents, Place};

/// What enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Layer {
    /// The programs in the kernel of a host.
    Kernel,
    /// The filter in the destination's proxy.
    Proxy,
}

impl Layer {
    /// Its name, for people and programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Proxy => "proxy",
        }
    }
}

/// A point where the connection is judged, or would be.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// What enforces there.
    pub layer: Layer,
    /// Where it stands: `source` or `destination`.
    pub end: &'static str,
    /// What it says.
    #[serde(flatten)]
    pub answer: Answer,
}

/// What a point says.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// It is on the way.
    Judged(Box<Judged>),
    /// It is not, because …
    #[serde(rename_all = "camelCase")]
    Absent {
        /// Why.
        not_on_the_path: String,
    },
}

/// A verdict.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// `allow` or `deny`.
    pub verdict: &'static str,
    /// The rule, isolation or default.
    pub id: String,
    /// Where that is written.
    pub at: Option<Place>,
    /// Where it stands among the others; none for the default.
    #[serde(flatten)]
    pub rank: Option<Rank>,
    /// On behalf of which end's policy: `source` or `destination`.
    pub for_end: &'static str,
    /// What each plane says at that end, where several have something to say (S83).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub planes: Vec<Spoken>,
    /// The pass rules that matched before, by id.
    pub passed_by: Vec<String>,
    /// The rules that nearly decided otherwise.
    pub near: Vec<Near>,
    /// What would decide here if rules in audit mode were enforced, where that differs.
    pub audit: Option<Rehearsed>,
    /// What the proxy answers, where it refuses a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Told>,
    /// How much of what is allowed passes in a time: only the kernel counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// What was tried; for the residual.
    #[serde(skip)]
    pub trace: Explanation,
}

/// What one plane alone decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spoken {
    pub plane: &'static str,
    pub verdict: &'static str,
    pub id: String,
    pub at: Option<Place>,
}

/// What the planes say at an end that have something to say; nothing where it is one of them at most.
fn spoken(end: End, trace: &Explanation, documents: &Documents) -> Vec<Spoken> {
    let told = trace.planes.iter().filter(|told| told.end == end);
    let spoken: Vec<Spoken> = told
        .filter_map(|told| {
            let id = told.id.clone()?;
            let (plane, verdict) = (told.plane.name(), told.verdict.name());
            Some(Spoken { plane, verdict, at: documents.place(&id), id })
        })
        .collect();
    if spoken.len() > 1 { spoken } else { Vec::new() }
}

/// The place of a rule or an isolation among all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rank {
    /// The plane's name, where it is not `bookend` (S83).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plane: Option<&'static str>,
    /// The tier's name; its order where it has none.
    pub tier: String,
    /// An isolation has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
}

impl Rank {
    fn new(cause: Cause<'_>, documents: &Documents) -> Option<Self> {
        let (place, priority) = match cause {
            Cause::Rule(rule) => ((rule.plane, rule.tier), Some(rule.priority)),
            Cause::Isolation(isolation) => ((isolation.plane, isolation.tier), None),
            Cause::Default => return None,
        };
        let plane = Some(place.0).filter(|plane| *plane != Plane::Bookend).map(Plane::name);
        Some(Self { plane, tier: documents.tier(place), priority })
    }

    /// `, plane network, tier platform, priority -5`, as far as somebody wrote anything about it.
    pub fn words(&self, default_tier: &str) -> String {
        let plane = self.plane.map(|plane| format!(", plane {plane}")).unwrap_or_default();
        // The ordinary tiers of the other planes are called as these are.
        let ordinary = self.plane.unwrap_or(default_tier);
        let tier = (self.tier != ordinary).then(|| format!("{plane}, tier {}", self.tier)).or(Some(plane));
        let priority = self.priority.filter(|priority| *priority != 0).map(|p| format!(", priority {p}"));
        tier.unwrap_or_default() + &priority.unwrap_or_default()
    }
}

/// The name of the tier that is meant where none is written.
pub fn default_tier(documents: &Documents) -> String {
    documents.tier((Plane::Bookend, DEFAULT_TIER))
}

/// A decision that is not enforced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rehearsed {
    /// `allow` or `deny`.
    pub verdict: &'static str,
    /// The rule, isolation or default, by its id.
    pub id: String,
    /// Where that is written.
    pub at: Option<Place>,
    /// On behalf of which end's policy.
    pub for_end: &'static str,
}

impl Rehearsed {
    pub(super) fn new(end: End, decision: Decision<'_>, documents: &Documents) -> Self {
        let id = decision.cause.id();
        Self {
            verdict: decision.verdict.name(),
            id: id.to_owned(),
            at: documents.place(id),
            for_end: end.name(),
        }
    }
}

impl Judged {
    /// What was decided on behalf of `end`.
    pub(super) fn new(end: End, decision: Decision<'_>, trace: Explanation, documents: &Documents) -> Self {
        let Decision { verdict, cause } = decision;
        let passed_by = trace.steps.iter().filter_map(|step| match step {
            Step::Rule { end: tried, id, outcome: Outcome::Decided } if *tried == end => Some(id),
            _ => None,
        });
        let own = match cause {
            Cause::Rule(rule) => Some(rule.plane),
            Cause::Isolation(isolation) => Some(isolation.plane),
            Cause::Default => None,
        };
        let passes = |id: &&String| {
            documents
                .rule(id)
                .is_some_and(|rule| rule.action == Action::Pass && own.is_none_or(|own| own == rule.plane))
        };
        Self {
            verdict: verdict.name(),
            id: cause.id().to_owned(),
            at: documents.place(cause.id()),
            rank: Rank::new(cause, documents),
            for_end: end.name(),
            planes: spoken(end, &trace, documents),
            passed_by: passed_by.filter(passes).cloned().collect(),
            near: Vec::new(),
            audit: None,
            answer: None,
            limits: cause.limits().filter(|_| verdict == Verdict::Allow).cloned(),
            trace,
        }
    }

    pub(super) fn allows(&self) -> bool {
        self.verdict == Verdict::Allow.name()
    }
}

/// The points that are on the way.
pub(super) fn judged(points: &[Point]) -> impl DoubleEndedIterator<Item = (&Point, &Judged)> {
    points.iter().filter_map(|point| match &point.answer {
        Answer::Judged(judged) => Some((point, judged.as_ref())),
        Answer::Absent { .. } => None,
    })
}

/// The point that stands for all: the first that denies; else the last, or the last before it that has a rule (S10).
pub(super) fn deciding(points: &[Point]) -> Option<(&Point, &Judged)> {
    judged(points)
        .find(|(_, judged)| !judged.allows())
        .or_else(|| judged(points).rfind(|(_, judged)| judged.rank.is_some()))
        .or_else(|| judged(points).next_back())
}

/// Watches a decision if somebody wants to know how it came about.
pub(crate) struct Watch {
    explanation: Explanation,
    wanted: bool,
}

impl Watch {
    pub(crate) fn new(wanted: bool) -> Self {
        Self { explanation: Explanation::default(), wanted }
    }

    pub(crate) fn explanation(self) -> Explanation {
        self.explanation
    }
}

impl Trace for Watch {
    fn rule(&mut self, end: End, rule: &Rule, outcome: Outcome) {
        if self.wanted {
            self.explanation.rule(end, rule, outcome);
        }
    }

    fn isolation(&mut self, end: End, isolation: &Isolation) {
        if self.wanted {
            self.explanation.isolation(end, isolation);
        }
    }

    fn plane(&mut self, end: End, plane: Plane, decision: &Decision<'_>) {
        if self.wanted {
            self.explanation.plane(end, plane, decision);
        }
    }
}
