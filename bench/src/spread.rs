//! The middle of several measurements, and how sure it is.

use std::ops::{Div, Sub};

use serde::Serialize;

/// A median, and the interval in which the true one lies with about 95 % (the notch of a box plot).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    /// Half of the interval.
    pub(crate) doubt: f64,
}

impl Spread {
    /// Of samples, of which there is at least one.
    pub(crate) fn of(samples: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut samples: Vec<f64> = samples.into_iter().collect();
        samples.sort_by(f64::total_cmp);
        let quartiles =
            [1, 2, 3].map(|quarter| samples.get((samples.len().saturating_sub(1)) * quarter / 4).copied());
        let [Some(low), Some(median), Some(high)] = quartiles else { return None };
        let many = u32::try_from(samples.len()).ok()?;
        // McGill, Tukey and Larsen, Variations of Box Plots (1978).
        Some(Self { median, doubt: 1.57 * (high - low) / f64::from(many).sqrt() })
    }

    /// What is known without doubt.
    pub(crate) fn certain(median: f64) -> Self {
        Self { median, doubt: 0.0 }
    }
}

impl Div for Spread {
    type Output = Self;

    fn div(self, by: Self) -> Self {
        let median = self.median / by.median;
        Self { median, doubt: median.abs() * (self.doubt / self.median).hypot(by.doubt / by.median) }
    }
}

impl Sub for Spread {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { median: self.median - other.median, doubt: self.doubt.hypot(other.doubt) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_surer_the_closer_its_samples_are() {
        let close = Spread::of([1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let far = Spread::of([1.0, 12.0, 3.0, -14.0, 5.0]).unwrap();
        assert_eq!(close.median, 3.0);
        assert!(close.doubt < far.doubt);
        assert_eq!(Spread::of([]), None);
    }
}
