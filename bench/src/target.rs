//! Promises, beside what was measured.

use serde::Serialize;

use crate::spread::Spread;
use crate::table::table;

/// A promise.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) what: String,
    /// The limit, with its unit.
    pub(crate) limit: String,
    /// What was measured, with its unit.
    pub(crate) measured: String,
    pub(crate) verdict: Verdict,
}

/// Whether it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// The limit lies within the doubt of the measurement.
    TooClose,
    NotMeasured,
}

impl Verdict {
    /// How the table says it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::TooClose => "too close to tell",
            Self::NotMeasured => "not measured",
        }
    }

    fn below(measured: Spread, limit: f64) -> Self {
        if measured.median + measured.doubt <= limit {
            Self::Met
        } else if measured.median - measured.doubt > limit {
            Self::Missed
        } else {
            Self::TooClose
        }
    }

    fn above(measured: Spread, limit: f64) -> Self {
        let Spread { median, doubt } = measured;
        Self::below(Spread { median: -median, doubt }, -limit)
    }
}

impl Target {
    /// A promise not to be above a limit.
    pub(crate) fn at_most(what: String, limit: f64, unit: &str, measured: Option<Spread>) -> Self {
        Self {
            what,
            limit: format!("at most {limit}{unit}"),
            measured: measured.map_or_else(|| "-".to_owned(), |it| shown(it, unit)),
            verdict: measured.map_or(Verdict::NotMeasured, |it| Verdict::below(it, limit)),
        }
    }

    /// A promise not to be below a limit.
    pub(crate) fn at_least(what: String, limit: f64, unit: &str, measured: Option<Spread>) -> Self {
        Self {
            what,
            limit: format!("at least {limit}{unit}"),
            measured: measured.map_or_else(|| "-".to_owned(), |it| shown(it, unit)),
            verdict: measured.map_or(Verdict::NotMeasured, |it| Verdict::above(it, limit)),
        }
    }

    /// A table of promises.
    pub(crate) fn table(all: &[Self]) -> String {
        let rows = all.iter().map(|target| {
            vec![
                target.what.clone(),
                target.limit.clone(),
                target.measured.clone(),
                target.verdict.name().to_owned(),
            ]
        });
        let table = table(&["", "target", "measured", "verdict"], rows.collect(), 4..);
        format!("What was promised.\n{table}")
    }
}

fn shown(it: Spread, unit: &str) -> String {
    let digits = if it.median < 10.0 { 2 } else { usize::from(it.median < 100.0) };
    if it.doubt == 0.0 {
        format!("{:.digits$}{unit}", it.median)
    } else {
        format!("{:.digits$} ± {:.digits$}{unit}", it.median, it.doubt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_within_the_doubt_is_too_close_to_tell() {
        let measured = Spread { median: 1.4, doubt: 0.2 };
        assert_eq!(Verdict::below(measured, 1.5), Verdict::TooClose);
        assert_eq!(Verdict::below(measured, 1.7), Verdict::Met);
        assert_eq!(Verdict::below(measured, 1.0), Verdict::Missed);
        assert_eq!(Verdict::above(measured, 1.0), Verdict::Met);
        assert_eq!(Verdict::above(measured, 1.7), Verdict::Missed);
    }
}
