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
        let skipped: usize = self.not_applicable.values().sum();
        let wrong = self.differences.len();
        writeln!(f, "{}: {} answered, {wrong} wrong, {skipped} not applicable", self.vehicle, self.ran)?;
        for (reason, count) in &self.not_applicable {
            writeln!(f, "  {count:4} × {reason}")?;
        }
        for Difference { case, question, expected, observed } in &self.differences {
            writeln!(f, "  {case}\n    {question}\n      expected {expected}\n      observed {observed}")?;
        }
        Ok(())
    }
}
