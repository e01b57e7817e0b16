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
    /// What is reported beside it.
    pub audit: Audit,
}

/// The id in the place of a rule's where a filter at the source does not judge, because it cannot tell where traffic goes
/// (S61): it passes, and the kernel judges it.
pub const LEFT_TO_THE_KERNEL: &str = "left-to-the-kernel";

/// The id that an answer is expected with where it does not matter what decided.
pub const WHATEVER: &str = "*";

/// What is reported of rules that are only audited (S36).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Audit {
    /// Nothing: they change nothing.
    #[default]
    Silent,
    /// With them, this would be the verdict, and this the id.
    Would(Verdict, String),
    /// The vehicle cannot tell.
    Unseen,
}

impl From<Option<(Verdict, String)>> for Audit {
    fn from(rehearsed: Option<(Verdict, String)>) -> Self {
        rehearsed.map_or(Self::Silent, |(verdict, id)| Self::Would(verdict, id))
    }
}

impl Answer {
    /// An answer.
    pub fn new(verdict: Verdict, id: impl Into<String>) -> Self {
        Self { verdict, id: id.into(), audit: Audit::Silent }
    }

    /// What a filter at the source says of traffic that it does not judge (S61).
    pub fn left_to_the_kernel() -> Self {
        Self::new(Verdict::Allow, LEFT_TO_THE_KERNEL)
    }

    /// The same with this audit beside it, unless it says nothing else.
    #[must_use]
    pub fn with(self, audit: impl Into<Audit>) -> Self {
        let audit = match audit.into() {
            Audit::Would(verdict, id) if verdict == self.verdict && id == self.id => Audit::Silent,
            other => other,
        };
        Self { audit, ..self }
    }

    /// Whether this is the answer that was `expected`, as far as the vehicle can tell.
    pub fn is(&self, expected: &Self) -> bool {
        let audit = self.audit == Audit::Unseen || self.audit == expected.audit;
        let id = expected.id == WHATEVER || self.id == expected.id;
        self.verdict == expected.verdict && id && audit
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verdict.name(), self.id)?;
        match &self.audit {
            Audit::Silent | Audit::Unseen => Ok(()),
            Audit::Would(verdict, id) => write!(f, ", audit: {} {id}", verdict.name()),
        }
    }
}

impl FromStr for Answer {
    type Err = anyhow::Error;

    /// `allow ns/policy/rule`, and where audited rules would say something else, `, audit: deny ns/policy/rule`.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (enforced, audit) = match text.split_once(", audit: ") {
            Some((enforced, audit)) => (enforced, Some(parse(audit)?)),
            None => (text, None),
        };
        let (verdict, id) = parse(enforced)?;
        Ok(Self::new(verdict, id).with(audit))
    }
}

fn parse(text: &str) -> anyhow::Result<(Verdict, String)> {
    let (verdict, id) =
        text.split_once(' ').with_context(|| format!("`{text}` should be a verdict and an id"))?;
    anyhow::ensure!(!id.contains([' ', ',']), "`{id}` should be one id");
    let verdict = match verdict {
        "allow" => Verdict::Allow,
        "deny" => Verdict::Deny,
        _ => bail!("`{verdict}` should be `allow` or `deny`"),
    };
    Ok((verdict, id.to_owned()))
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
