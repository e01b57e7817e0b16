//! What a vehicle says, and what a case expects: a verdict and what gave it.

use core::fmt;
use core::str::FromStr;

use anyhow::{Context, bail};
use bookend_engine::Verdict;

/// A verdict, and the id that is reported with it: of a rule, an isolation, `default-allow`, or, for frames that no
/// policy was asked about, the kernel's reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The verdict.
    pub verdict: Verdict,
    /// The id.
    pub id: String,
}

impl Answer {
    /// An answer.
    pub fn new(verdict: Verdict, id: impl Into<String>) -> Self {
        Self { verdict, id: id.into() }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verdict.name(), self.id)
    }
}

impl FromStr for Answer {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (verdict, id) =
            text.split_once(' ').with_context(|| format!("`{text}` should be a verdict and an id"))?;
        let verdict = match verdict {
            "allow" => Verdict::Allow,
            "deny" => Verdict::Deny,
            _ => bail!("`{verdict}` should be `allow` or `deny`"),
        };
        Ok(Self::new(verdict, id))
    }
}

/// What a vehicle makes of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It answers.
    Answer(Answer),
    /// The traffic is refused before the part of the vehicle that this is about sees it, for this reason. Right where a
    /// case expects a denial, wrong where it expects the traffic to pass.
    Refused(&'static str),
    /// It has no opinion, for this reason.
    NotApplicable(&'static str),
}

impl From<Answer> for Judged {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}
