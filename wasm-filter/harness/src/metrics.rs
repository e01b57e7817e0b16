//! The metrics that a module defines.

use std::collections::BTreeMap;

use crate::hostcalls::Status;

/// The present value of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metric {
    /// Only ever grows.
    Counter(u64),
    /// Goes up and down.
    Gauge(u64),
    /// Every recorded value, in order.
    Histogram(Vec<u64>),
}

/// The kinds of metric in the ABI. The low two bits of a metric's number say its kind.
const COUNTER: u32 = 0;
const GAUGE: u32 = 1;
const HISTOGRAM: u32 = 2;
const KIND: u32 = 3;

/// All metrics of an instance.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    values: BTreeMap<String, Metric>,
    /// The name behind each number that a module holds.
    names: BTreeMap<u32, String>,
}

impl Metrics {
    pub(crate) fn values(&self) -> &BTreeMap<String, Metric> {
        &self.values
    }

    /// Defines a metric and answers its number. The same name defined twice means the same metric.
    pub(crate) fn define(&mut self, kind: u32, name: &str) -> Result<u32, Status> {
        let empty = match kind {
            COUNTER => Metric::Counter(0),
            GAUGE => Metric::Gauge(0),
            HISTOGRAM => Metric::Histogram(Vec::new()),
            _ => return Err(Status::BadArgument),
        };
        let last = self.names.keys().rev().find(|number| **number & KIND == kind).copied().unwrap_or(kind);
        let number = last.checked_add(KIND + 1).ok_or(Status::InternalFailure)?;
        self.values.entry(name.to_owned()).or_insert(empty);
        self.names.insert(number, name.to_owned());
        Ok(number)
    }

    fn find(&mut self, number: u32) -> Result<&mut Metric, Status> {
        let name = self.names.get(&number).ok_or(Status::NotFound)?;
        self.values.get_mut(name).ok_or(Status::NotFound)
    }

    /// Adds to a counter or moves a gauge. A counter refuses to stand still or go down.
    pub(crate) fn increment(&mut self, number: u32, offset: i64) -> Result<(), Status> {
        if number & KIND > GAUGE {
            return Err(Status::BadArgument);
        }
        match self.find(number)? {
            Metric::Counter(value) if offset > 0 => *value = value.wrapping_add_signed(offset),
            Metric::Gauge(value) => *value = value.wrapping_add_signed(offset),
            _ => return Err(Status::BadArgument),
        }
        Ok(())
    }

    /// Adds to a counter, sets a gauge, or notes a value in a histogram.
    pub(crate) fn record(&mut self, number: u32, recorded: u64) -> Result<(), Status> {
        match self.find(number)? {
            Metric::Counter(value) => *value = value.wrapping_add(recorded),
            Metric::Gauge(value) => *value = recorded,
            Metric::Histogram(values) => values.push(recorded),
        }
        Ok(())
    }

    /// The value of a counter or a gauge.
    pub(crate) fn get(&mut self, number: u32) -> Result<u64, Status> {
        if number & KIND > GAUGE {
            return Err(Status::BadArgument);
        }
        match self.find(number)? {
            Metric::Counter(value) | Metric::Gauge(value) => Ok(*value),
            Metric::Histogram(_) => Err(Status::BadArgument),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_only_grows_and_is_shared_by_name() {
        let mut metrics = Metrics::default();
        let first = metrics.define(0, "denied").unwrap();
        let second = metrics.define(0, "denied").unwrap();
        metrics.increment(first, 2).unwrap();
        metrics.record(second, 3).unwrap();
        assert_eq!(metrics.get(first), Ok(5));
        assert_eq!(metrics.increment(first, 0), Err(Status::BadArgument));
        assert_eq!(metrics.increment(first, -1), Err(Status::BadArgument));
    }

    #[test]
    fn numbers_say_the_kind_and_count_from_four() {
        let mut metrics = Metrics::default();
        let numbers = [0, 1, 2, 0].map(|kind| metrics.define(kind, &kind.to_string()).unwrap());
        assert_eq!(numbers, [4, 5, 6, 8]);
    }

    #[test]
    fn unknown_kinds_and_numbers_are_refused() {
        let mut metrics = Metrics::default();
        assert_eq!(metrics.define(3, "x"), Err(Status::BadArgument));
        assert_eq!(metrics.get(4), Err(Status::NotFound));
        let histogram = metrics.define(2, "seconds").unwrap();
        metrics.record(histogram, 7).unwrap();
        assert_eq!(metrics.get(histogram), Err(Status::BadArgument));
        assert_eq!(metrics.values().get("seconds"), Some(&Metric::Histogram(vec![7])));
    }
}
