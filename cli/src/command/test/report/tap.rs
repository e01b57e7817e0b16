//! Test Anything Protocol, version 14 (<https://testanything.org/tap-version-14-specification.html>).

use std::fmt::Write;

use anyhow::Context;
use serde::Serialize;

use super::{failure, indented, summary};
use bookend_answers::test::{Outcome, Report};
use bookend_answers::{Documents, Place};

/// What follows a test that failed.
#[derive(Serialize)]
struct Diagnostic<'o> {
    message: String,
    severity: &'static str,
    at: Option<&'o Place>,
    explanation: String,
}

/// The plan, and a test point for each test.
///
/// # Errors
/// When a diagnostic cannot be written as YAML.
pub(in crate::command::test) fn render(report: &Report, documents: &Documents) -> anyhow::Result<String> {
    let mut text = format!("TAP version 14\n1..{}\n", report.tests.len());
    for (number, outcome) in report.tests.iter().enumerate() {
        let status = if outcome.passed { "ok" } else { "not ok" };
        let _ = writeln!(text, "{status} {} - {}", number + 1, description(outcome));
        if !outcome.passed {
            let diagnostic = Diagnostic {
                message: summary(outcome),
                severity: "fail",
                at: outcome.at.as_ref(),
                explanation: failure(outcome, documents),
            };
            let yaml = serde_saphyr::to_string(&diagnostic).context("cannot write a diagnostic as YAML")?;
            let _ = write!(text, "  ---\n{}  ...\n", indented(&yaml, "  "));
        }
    }
    Ok(text)
}

/// A name in which nothing is a directive.
fn description(outcome: &Outcome) -> String {
    format!("{}/{}", outcome.suite, outcome.name).replace('\\', "\\\\").replace('#', "\\#")
}
