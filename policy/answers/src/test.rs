//! What the policies say to what `PolicyTest` documents expect of them.

mod case;
mod judge;
mod outcome;

use anyhow::bail;
use bookend_lang::Diagnostic;

pub use judge::{Judges, Packet, Ruled, Ruling};
pub use outcome::{Failure, Outcome, PacketReport, Report, Requests, Seen};

use crate::documents::Documents;
use crate::progress::Progress;

/// Tests that ask about nobody, or about no port.
#[derive(Debug)]
pub struct Unsound {
    /// What is wrong with all of them.
    pub diagnostics: Vec<Diagnostic>,
}

impl Unsound {
    fn new(mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|diagnostic| diagnostic.span);
        diagnostics.dedup();
        Self { diagnostics }
    }
}

impl std::fmt::Display for Unsound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let first = self.diagnostics.first().map_or("", |diagnostic| diagnostic.message.as_str());
        write!(f, "a test cannot be asked: {first}")
    }
}

impl std::error::Error for Unsound {}

/// Judges all tests whose `suite/name` contains the text of `filter`.
///
/// # Errors
/// When there are none, when tests name nobody ([`Unsound`]), when something is missing that judges, and when those who judge disagree.
pub fn report(
    documents: &Documents,
    filter: Option<&str>,
    judges: &dyn Judges,
    progress: &mut dyn Progress,
) -> anyhow::Result<Report> {
    let number: usize = documents.compiled.tests.iter().map(|suite| suite.tests.len()).sum();
    if number == 0 {
        bail!("there is no `PolicyTest` in these files; `bookend test --help` shows how to write one");
    }
    judge::Bench { documents, judges, progress }.report(filter)
}
