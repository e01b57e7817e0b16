//! What became of tests.

use std::net::IpAddr;

use bookend_lang::{ExpectedAudit, Test};
use serde::Serialize;

use crate::documents::{Documents, Place};
use crate::passage::{Audit, Decider, Passage};
use crate::subject::similar;

/// What became of all tests.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How many hold.
    pub passed: usize,
    /// How many do not.
    pub failed: usize,
    /// What the filter's module judged.
    pub requests: Requests,
    /// What packets were judged.
    pub packets: PacketReport,
    /// Each of them.
    pub tests: Vec<Outcome>,
}

/// How many requests the filter's module judged.
#[derive(Debug, Serialize)]
pub struct Requests {
    /// How many.
    pub number: usize,
}

/// How many packets were judged, and by whom beside the kernel's function.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PacketReport {
    /// How many.
    pub number: usize,
    /// `kernel`: its programs; `function`: only the function that they run.
    pub judged_by: &'static str,
    /// Why the programs were not asked, where they should have been.
    pub because: Option<String>,
}

/// What became of one test.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The namespace, if there is one, and the name of the document.
    pub suite: String,
    /// What it is called.
    pub name: String,
    /// Where that is written.
    pub at: Option<Place>,
    /// How many hold.
    pub passed: bool,
    /// `allow` or `deny`.
    pub expected: &'static str,
    /// Everything that was asked about.
    pub connections: Vec<Seen>,
    /// None if it passed.
    pub failures: Vec<Failure>,
}

/// One connection.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Who opens it.
    pub from: String,
    /// Who accepts it.
    pub to: String,
    /// The address of who opens it.
    pub from_address: IpAddr,
    /// The address of who accepts it.
    pub to_address: IpAddr,
    /// `allow` or `deny`.
    pub verdict: &'static str,
    /// Who decided.
    pub decided_by: Decider,
    /// What would decide if rules in audit mode were enforced, where that differs.
    pub audit: Option<Audit>,
}

impl Seen {
    pub(super) fn new(passage: &Passage) -> Self {
        Self {
            from: passage.from.clone(),
            to: passage.to.clone(),
            from_address: passage.from_address,
            to_address: passage.to_address,
            verdict: passage.verdict,
            decided_by: passage.decided_by.clone(),
            audit: passage.audit.clone(),
        }
    }
}

/// A connection that is not as expected.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Everything that differs, in words.
    pub because: Vec<String>,
    /// As `bookend explain -o json` prints it.
    pub explanation: Passage,
}

/// What is not as a test expects.
pub(super) fn differences(test: &Test, passage: &Passage, documents: &Documents) -> Vec<String> {
    let mut found = Vec::new();
    let verdict = |allow: bool| if allow { "allow" } else { "deny" };
    let expected = verdict(test.expected.allow);
    if passage.verdict != expected {
        found.push(format!("expected {expected}, got {}", passage.verdict));
    }
    if let Some(rule) = &test.expected.rule
        && rule.text != passage.decided_by.id
    {
        let unknown = unknown(&rule.text, documents);
        found.push(format!(
            "expected `{}` to decide{unknown}, and `{}` did",
            rule.text, passage.decided_by.id
        ));
    }
    match (&test.audit, &passage.audit) {
        (None, _) | (Some(ExpectedAudit::None), None) => {}
        (Some(ExpectedAudit::None), Some(audit)) => {
            found.push(format!("expected no audit, and `{}` would {}", audit.id, audit.verdict));
        }
        (Some(ExpectedAudit::Decided { .. }), None) => {
            found.push("expected an audit, and nothing in audit mode would decide otherwise".to_owned());
        }
        (Some(ExpectedAudit::Decided { allow, rule }), Some(audit)) => {
            if let Some(wanted) = allow.map(verdict).filter(|wanted| *wanted != audit.verdict) {
                found.push(format!("expected the audit to {wanted}, and it would {}", audit.verdict));
            }
            if let Some(rule) = rule.as_ref().filter(|rule| rule.text != audit.id) {
                let unknown = unknown(&rule.text, documents);
                found.push(format!(
                    "expected `{}` to decide in the audit{unknown}, and `{}` would",
                    rule.text, audit.id
                ));
            }
        }
    }
    found
}

/// A remark about an id that nothing has.
fn unknown(id: &str, documents: &Documents) -> String {
    let places = &documents.compiled.places;
    if places.contains_key(id) || id == "default-allow" {
        return String::new();
    }
    match similar(id, places.keys().map(String::as_str)) {
        Some(name) => format!(" (which is no rule; did you mean `{name}`?)"),
        None => " (which is no rule)".to_owned(),
    }
}
