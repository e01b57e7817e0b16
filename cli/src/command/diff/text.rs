//! The answer for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use bookend_analysis::{Change, ClassSet, Difference, Extent, Kind, Stand};
use bookend_answers::diff::{Sides, known_to_one};
use bookend_answers::{Documents, count};
use comfy_table::{CellAlignment, Table, presets};

/// How many changes are shown unless all are asked for.
pub(in crate::command) const MAX_SHOWN: usize = 40;

/// The word for a kind, its mark, and its colour as a terminal knows it.
fn word(kind: Kind) -> (&'static str, char, u8) {
    match kind {
        Kind::Opened => ("opened", '+', 31),
        Kind::Changed => ("changed", '~', 33),
        Kind::Undecided => ("undecided", '?', 33),
        Kind::Closed => ("closed", '-', 32),
        Kind::Audited => ("audited", '*', 36),
    }
}

/// Renders the changes, as many as `limit`, and a table that counts all of them; what is `unchanged` where there are none.
pub(in crate::command) fn render(
    difference: &Difference<'_>,
    sides: Sides<'_>,
    limit: usize,
    colours: bool,
    unchanged: &str,
) -> String {
    let mut text = String::new();
    for change in difference.changes.iter().take(limit) {
        one(&mut text, change, difference, sides, colours);
    }
    let hidden = difference.changes.get(limit..).unwrap_or_default();
    if !hidden.is_empty() {
        let _ = writeln!(text, "… and {} more, by namespace; `--all` shows each:\n", hidden.len());
        text.push_str(&by_namespace(hidden, difference));
        text.push('\n');
    }
    if difference.changes.is_empty() {
        text.push_str(unchanged);
    } else {
        text.push_str(&totals(difference));
    }
    text.push_str(&strangers(difference));
    text
}

fn one(text: &mut String, change: &Change<'_>, difference: &Difference<'_>, sides: Sides<'_>, colours: bool) {
    let (word, mark, colour) = word(change.detail.kind);
    let (on, off) = if colours { (format!("\x1b[1;{colour}m"), "\x1b[0m") } else { (String::new(), "") };
    let crowd = |classes: &ClassSet| difference.ground.crowd(classes).to_string();
    let (from, to) = (crowd(&change.sources), crowd(&change.destinations));
    let _ = writeln!(text, "{on}{mark} {word}{off}  {from} → {to}, {}", change.ports);
    let detail = &change.detail;
    let _ = writeln!(text, "    before: {}", stand(&detail.before, sides.old));
    let _ = writeln!(text, "    after:  {}", stand(&detail.after, sides.new));
    for (what, examples) in [("now allowed", &detail.opens), ("now denied", &detail.closes)] {
        if !examples.is_empty() {
            let _ = writeln!(text, "    {what}, for example: {}", examples.join("; "));
        }
    }
    match detail.kind {
        Kind::Undecided => {
            text.push_str(
                "    the conditions are other ones, and no request was found that tells them apart\n",
            );
        }
        Kind::Audited => text.push_str("    only what is audited decides otherwise\n"),
        Kind::Opened | Kind::Changed | Kind::Closed => {}
    }
    text.push('\n');
}

fn stand(stand: &Stand<'_>, documents: &Documents) -> String {
    const MAX_IDS: usize = 6;
    let extent = match stand.extent {
        Extent::Denied => "denied",
        Extent::SomeRequests => "some requests allowed",
        Extent::MostRequests => "some requests denied",
        Extent::Allowed => "allowed",
    };
    let placed = |id: &&str| match documents.place(id) {
        Some(place) => format!("{id} ({place})"),
        None => (*id).to_owned(),
    };
    let mut by: Vec<_> = stand.by.iter().take(MAX_IDS).map(placed).collect();
    if stand.by.len() > MAX_IDS {
        by.push(format!("{} more", stand.by.len() - MAX_IDS));
    }
    format!("{extent} by {}", by.join(", "))
}

fn totals(difference: &Difference<'_>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["", "CHANGES", "WORKLOADS THAT OPEN", "WORKLOADS THAT ACCEPT"]);
    for kind in Kind::ALL {
        let changes: Vec<_> = difference.changes.iter().filter(|change| change.detail.kind == kind).collect();
        if changes.is_empty() {
            continue;
        }
        let workloads = |end: for<'c> fn(&'c Change<'_>) -> &'c ClassSet| {
            let classes: ClassSet = changes.iter().flat_map(|change| end(change).iter()).collect();
            difference.ground.crowd(&classes).workload_count().to_string()
        };
        table.add_row([
            word(kind).0.to_owned(),
            changes.len().to_string(),
            workloads(|change| &change.sources),
            workloads(|change| &change.destinations),
        ]);
    }
    lines(table)
}

fn by_namespace(changes: &[Change<'_>], difference: &Difference<'_>) -> String {
    const MAX_ROWS: usize = 40;
    let names = |classes: &ClassSet| {
        let mut names: Vec<&str> = classes
            .iter()
            .filter_map(|class| difference.ground.parties().get(class as usize))
            .map(|party| party.namespace().unwrap_or("outside"))
            .collect();
        names.sort_unstable();
        names.dedup();
        match names.as_slice() {
            [one] => (*one).to_owned(),
            several => count(several.len(), "namespace", "namespaces"),
        }
    };
    let mut rows: BTreeMap<(Kind, String, String), usize> = BTreeMap::new();
    for change in changes {
        let key = (change.detail.kind, names(&change.sources), names(&change.destinations));
        *rows.entry(key).or_default() += 1;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["", "FROM", "TO", "CHANGES"]);
    for ((kind, from, to), number) in rows.iter().take(MAX_ROWS) {
        table.add_row([word(*kind).0, from, to, &number.to_string()]);
    }
    let rest = rows.len().saturating_sub(MAX_ROWS);
    if rest > 0 {
        table.add_row(["…", &format!("{rest} more"), "", ""]);
    }
    lines(table)
}

fn lines(mut table: Table) -> String {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Left);
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n", lines.join("\n"))
}

/// What is said of workloads that one side does not know.
fn strangers(difference: &Difference<'_>) -> String {
    let mut text = String::new();
    let (old, new) = known_to_one(difference);
    for (names, side, other) in [(old, "old", "new"), (new, "new", "old")] {
        if !names.is_empty() {
            let listed: Vec<_> = names.iter().take(5).map(ToString::to_string).collect();
            let more = if names.len() > 5 { ", …" } else { "" };
            let _ = writeln!(
                text,
                "\nNote: only the {side} inventory has {}{more}; on the {other} side {} somebody outside.",
                listed.join(", "),
                if names.len() == 1 { "it is" } else { "they are" }
            );
        }
    }
    text
}
