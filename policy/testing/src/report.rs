//! What came of running the corpus.

use core::fmt;
use std::collections::BTreeMap;

/// The result of one vehicle.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The vehicle.
    pub vehicle: &'static str,
    /// How many questions it answered, rightly or not.
    pub ran: usize,
    /// How many never reached it, because what stands before it refused them, by reason. All were to be denied.
    pub refused: BTreeMap<&'static str, usize>,
    /// How many it did not answer, by reason.
    pub not_applicable: BTreeMap<&'static str, usize>,
    /// Where it was wrong.
    pub differences: Vec<Difference>,
}

/// A wrong answer.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Topic and case.
    pub case: String,
    /// The question.
    pub question: String,
    /// The right answer.
    pub expected: String,
    /// What the vehicle said.
    pub observed: String,
}

impl Report {
    /// Fails, with everything that is wrong, unless there is no difference and something was answered.
    ///
    /// # Errors
    /// The report.
    pub fn verdict(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.differences.is_empty() && self.ran > 0, "{self}");
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vehicle, ran, refused, not_applicable, differences } = self;
        let sum = |counts: &BTreeMap<_, usize>| counts.values().sum::<usize>();
        let (before, skipped) = (sum(refused), sum(not_applicable));
        let (asked, wrong) = (ran + before + skipped, differences.len());
        writeln!(
            f,
            "{vehicle}: asked {asked}, answered {ran} ({wrong} wrong), refused before it {before}, not applicable {skipped}"
        )?;
        for (what, counts) in [("refused", refused), ("not applicable", not_applicable)] {
            for (reason, count) in counts {
                writeln!(f, "  {count:4} × {what}: {reason}")?;
            }
        }
        for Difference { case, question, expected, observed } in &self.differences {
            writeln!(f, "  {case}\n    {question}\n      expected {expected}\n      observed {observed}")?;
        }
        Ok(())
    }
}
