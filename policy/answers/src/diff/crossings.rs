//! Denials that move from one end to the other.

use std::fmt::Write;

use bookend_analysis::{Crossing, Difference};
use bookend_engine::End;
use serde::Serialize;

use super::Sides;
use super::json::{Range, Who, ranges, who};
use crate::documents::{Documents, Place};

/// One of them, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OneCrossing {
    from: Who,
    to: Who,
    ports: Vec<Range>,
    before: Denied,
    after: Denied,
}

#[derive(Debug, Serialize)]
struct Denied {
    /// `source` or `destination`.
    end: &'static str,
    id: String,
    at: Option<Place>,
}

impl Denied {
    fn new(end: End, id: &str, documents: &Documents) -> Self {
        let end = match end {
            End::Source => "source",
            End::Destination => "destination",
        };
        Self { end, id: id.to_owned(), at: documents.place(id) }
    }

    fn both(crossing: &Crossing<'_>, sides: Sides<'_>) -> (Self, Self) {
        let moved = &crossing.moved;
        let to = if moved.from == End::Source { End::Destination } else { End::Source };
        (Self::new(moved.from, moved.before, sides.old), Self::new(to, moved.after, sides.new))
    }
}

impl OneCrossing {
    pub(super) fn new(crossing: &Crossing<'_>, difference: &Difference<'_>, sides: Sides<'_>) -> Self {
        let (before, after) = Denied::both(crossing, sides);
        Self {
            from: who(&difference.ground.crowd(&crossing.sources)),
            to: who(&difference.ground.crowd(&crossing.destinations)),
            ports: ranges(&crossing.ports),
            before,
            after,
        }
    }
}

/// For people; empty if there are none.
pub fn text(difference: &Difference<'_>, sides: Sides<'_>, limit: usize) -> String {
    let mut text = String::new();
    for crossing in difference.crossings.iter().take(limit) {
        let crowd = |classes| difference.ground.crowd(classes).to_string();
        let (from, to) = (crowd(&crossing.sources), crowd(&crossing.destinations));
        let _ = writeln!(text, "! crossing  {from} → {to}, {}", crossing.ports);
        let (before, after) = Denied::both(crossing, sides);
        for (when, Denied { end, id, at }) in [("before:", before), ("after: ", after)] {
            let at = at.map(|at| format!(" ({at})")).unwrap_or_default();
            let _ = writeln!(text, "    {when} denied at the {end} by {id}{at}");
        }
        text.push('\n');
    }
    if let Some(hidden) = difference.crossings.len().checked_sub(limit + 1) {
        let _ = writeln!(text, "… and {} more crossings; `--all` shows each\n", hidden + 1);
    }
    if !difference.crossings.is_empty() {
        text.push_str(
            "Crossing: denied before and after, but by the kernel at the other end. While nodes take the edit over one after the other, \
             there can be a moment\nwhen neither denies. Make two edits of it: first the one that denies, and once every node enforces it, the one that no \
             longer does.\n\n",
        );
    }
    text
}
