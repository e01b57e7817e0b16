//! How long something takes, again and again.

use std::time::Duration;

use serde::Serialize;

/// Milliseconds, in the middle, nearly at worst, and at worst.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Latency {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) most: f64,
    pub(super) times: usize,
}

impl Latency {
    /// Of at least one measurement.
    pub(super) fn of(mut found: Vec<Duration>) -> Option<Self> {
        found.sort_unstable();
        let times = found.len();
        // The least that is not exceeded by so many of a hundred.
        let at = |percent: usize| {
            let position = (times * percent).div_ceil(100).saturating_sub(1);
            found.get(position).map(|time| time.as_secs_f64() * 1e3)
        };
        Some(Self { p50: at(50)?, p99: at(99)?, most: at(100)?, times })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_measurements() {
        let hundred = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(Latency::of(hundred), Some(Latency { p50: 50.0, p99: 99.0, most: 100.0, times: 100 }));
        let one = vec![Duration::from_millis(7)];
        assert_eq!(Latency::of(one), Some(Latency { p50: 7.0, p99: 7.0, most: 7.0, times: 1 }));
        assert_eq!(Latency::of(vec![]), None);
    }
}
