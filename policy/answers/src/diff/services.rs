//! Connections through Services that get another verdict.

use std::fmt::Write;

use bookend_analysis::{Name, Rerouted};
use bookend_engine::Verdict;
use serde::Serialize;

use super::Sides;
use crate::documents::{Documents, Place};

/// One of them, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OneService {
    /// `opened` or `closed`.
    kind: &'static str,
    /// `namespace/name`.
    service: String,
    protocol: &'static str,
    port: u16,
    /// Who dials it, `namespace/name`.
    from: Vec<String>,
    before: Decided,
    after: Decided,
}

#[derive(Debug, Serialize)]
struct Decided {
    verdict: &'static str,
    id: String,
    at: Option<Place>,
}

impl Decided {
    fn new((verdict, id): &(Verdict, String), documents: &Documents) -> Self {
        Self { verdict: verdict.name(), id: id.clone(), at: documents.place(id) }
    }
}

impl OneService {
    pub(super) fn new(rerouted: &Rerouted<'_>, sides: Sides<'_>) -> Self {
        Self {
            kind: kind(rerouted),
            service: rerouted.service.to_string(),
            protocol: rerouted.protocol.name(),
            port: rerouted.port,
            from: rerouted.sources.iter().map(Name::to_string).collect(),
            before: Decided::new(&rerouted.before, sides.old),
            after: Decided::new(&rerouted.after, sides.new),
        }
    }
}

fn kind(rerouted: &Rerouted<'_>) -> &'static str {
    if rerouted.opens() { "opened" } else { "closed" }
}

/// How many names are listed.
const MAX_NAMES: usize = 8;

/// For people; empty if there are none.
pub(super) fn text(rerouted: &[Rerouted<'_>], sides: Sides<'_>, limit: usize) -> String {
    let mut text = String::new();
    for one in rerouted.iter().take(limit) {
        let mark = if one.opens() { '+' } else { '-' };
        let mut from: Vec<String> = one.sources.iter().take(MAX_NAMES).map(Name::to_string).collect();
        if let Some(more) = one.sources.len().checked_sub(MAX_NAMES + 1) {
            from.push(format!("{} more", more + 1));
        }
        let (from, protocol) = (from.join(", "), one.protocol.name());
        let _ = writeln!(
            text,
            "{mark} {}  {from} → the Service {}, {protocol} {}",
            kind(one),
            one.service,
            one.port
        );
        for (when, decided, documents) in
            [("before:", &one.before, sides.old), ("after: ", &one.after, sides.new)]
        {
            let Decided { verdict, id, at } = Decided::new(decided, documents);
            let at = at.map(|at| format!(" ({at})")).unwrap_or_default();
            let verdict = if verdict == Verdict::Allow.name() { "allowed" } else { "denied" };
            let _ = writeln!(text, "    {when} {verdict} by {id}{at}");
        }
        text.push('\n');
    }
    if let Some(hidden) = rerouted.len().checked_sub(limit + 1) {
        let _ = writeln!(text, "… and {} more through Services; `--all` shows each\n", hidden + 1);
    }
    text
}
