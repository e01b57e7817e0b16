//! For people.

use std::fmt::Write;

use comfy_table::{Table, presets};

use super::{failure, indented};
use bookend_answers::Documents;
use bookend_answers::count;
use bookend_answers::test::{Outcome, PacketReport, Report, Seen};

/// A table of all tests, an explanation of each failure, and who judged.
pub(in crate::command::test) fn render(report: &Report, documents: &Documents, colours: bool) -> String {
    let paint = |text: &str, colour: &str| {
        if colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    };
    let mut text = String::new();
    for (outcome, line) in report.tests.iter().zip(table(&report.tests)) {
        let status = if outcome.passed { paint("ok  ", "32") } else { paint("FAIL", "1;31") };
        let _ = writeln!(text, "{status} {line}");
    }
    for outcome in report.tests.iter().filter(|outcome| !outcome.passed) {
        let place = outcome.at.as_ref().map(|at| format!(" ({at})")).unwrap_or_default();
        let title = paint(&format!("{}/{}", outcome.suite, outcome.name), "1");
        let _ =
            writeln!(text, "\n{title}{place}\n{}", indented(&failure(outcome, documents), "  ").trim_end());
    }
    let failed = match report.failed {
        0 => String::new(),
        number => paint(&format!(", {number} failed"), "1;31"),
    };
    let _ = writeln!(text, "\n{} passed{failed}", report.passed);
    let _ = writeln!(text, "{}", judges(report));
    text
}

/// Who judged how much.
fn judges(report: &Report) -> String {
    let requests = match report.requests.number {
        0 => String::new(),
        number => format!("{} by the filter's module, ", count(number, "request", "requests")),
    };
    let PacketReport { number, judged_by, because } = &report.packets;
    let packets = count(*number, "packet", "packets");
    match (*judged_by, because) {
        ("kernel", _) => format!("judged: {requests}{packets} by the kernel's programs"),
        (_, None) => format!("judged: {requests}{packets} by the function of the kernel's programs"),
        (_, Some(because)) => format!(
            "judged: {requests}{packets} by the function of the kernel's programs, but not by the programs: {because}"
        ),
    }
}

fn table(outcomes: &[Outcome]) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for outcome in outcomes {
        let title = format!("{}/{}", outcome.suite, outcome.name);
        let verdict = several(outcome, |seen| seen.verdict);
        let by = several(outcome, |seen| &seen.decided_by.id);
        table.add_row([title, verdict, by]);
    }
    table.lines().map(|line| line.trim().to_owned()).collect()
}

/// What all connections of a test have, or each of them.
fn several<'o>(outcome: &'o Outcome, part: impl Fn(&'o Seen) -> &'o str) -> String {
    let mut all: Vec<&str> = outcome.connections.iter().map(part).collect();
    all.sort_unstable();
    all.dedup();
    match all.as_slice() {
        [first, second, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second} and {} more", rest.len())
        }
        all => all.join(", "),
    }
}
