//! What a code means.

use anyhow::anyhow;
use bookend_lang::Code;
use serde::Serialize;

/// What a diagnostic's code means.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Meaning {
    /// Such as `B1105`.
    pub code: &'static str,
    /// `error` or `warning`.
    pub severity: &'static str,
    /// In a few words.
    pub title: &'static str,
    /// In paragraphs, with an example.
    pub explanation: &'static str,
}

/// Says what a code means.
///
/// # Errors
/// When there is no such code.
pub fn meaning(code: &str) -> anyhow::Result<Meaning> {
    let known = code.parse::<Code>().map_err(|()| {
        let (first, last) = (Code::ALL.first(), Code::ALL.last());
        let range = first.zip(last).map_or(String::new(), |(a, b)| format!(", from `{a}` to `{b}`"));
        anyhow!("there is no code `{code}`; diagnostics print theirs in brackets{range}")
    })?;
    Ok(Meaning {
        code: known.as_str(),
        severity: known.severity().name(),
        title: known.title(),
        explanation: known.explanation(),
    })
}
