//! The report in every form but JSON.

pub(super) mod junit;
pub(super) mod tap;
pub(super) mod text;

use std::fmt::Write;

use crate::command::explain::text as explanation;
use bookend_answers::Documents;
use bookend_answers::passage::default_tier;
use bookend_answers::test::Outcome;

/// Why a test failed: what differs, and how it came about.
fn failure(outcome: &Outcome, documents: &Documents) -> String {
    let tier = default_tier(documents);
    let mut text = String::new();
    for (number, failure) in outcome.failures.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        if number >= MAX_SHOWN {
            let _ = writeln!(text, "… and {} more connections", outcome.failures.len() - number);
            break;
        }
        for because in &failure.because {
            let _ = writeln!(text, "{because}");
        }
        text.push('\n');
        text.push_str(&explanation::render(std::slice::from_ref(&failure.explanation), &tier));
    }
    text
}

/// How many connections of one test are explained.
const MAX_SHOWN: usize = 3;

/// What differs, in one line.
fn summary(outcome: &Outcome) -> String {
    let mut all: Vec<&str> =
        outcome.failures.iter().flat_map(|failure| &failure.because).map(String::as_str).collect();
    all.sort_unstable();
    all.dedup();
    all.join("; ")
}

/// `text`, each line of it behind `margin`.
fn indented(text: &str, margin: &str) -> String {
    text.lines()
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{margin}{line}\n") })
        .collect()
}
