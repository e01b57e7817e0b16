//! How much of what a rule allows may pass in a time: the kernel's business, which no filter's configuration holds.

use core::{fmt, ops::RangeInclusive};
use serde::{Serialize, Serializer, ser::SerializeStruct};

/// What an allow rule lets pass in a time (S66): whatever is beyond it is dropped by the kernel. It changes no verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Connections that are opened, by all sources together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<Rate>,
    /// Connections that each source opens (S67).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_per_source: Option<Rate>,
    /// Packets of these connections, in both directions, by all sources together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets: Option<Rate>,
    /// Packets of the connections that each source opened (S67).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets_per_source: Option<Rate>,
}

impl Limits {
    /// Each kind of limit by its name in a document, and what it is here.
    pub fn named(&self) -> [(&'static str, Option<Rate>); 4] {
        [
            ("connections", self.connections),
            ("connectionsPerSource", self.connections_per_source),
            ("packets", self.packets),
            ("packetsPerSource", self.packets_per_source),
        ]
    }

    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        self.named().iter().all(|(_, rate)| rate.is_none())
    }
}

/// `connections: 100/s, burst 200; packets: 50000/s, burst 50000`.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (name, rate) in self.named() {
            if let Some(rate) = rate {
                write!(f, "{separator}{name}: {rate}")?;
                separator = "; ";
            }
        }
        Ok(())
    }
}

/// The time for which a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    /// `s`, `m` or `h`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "m",
            Self::Hour => "h",
        }
    }

    /// Its length in seconds.
    pub fn seconds(self) -> u32 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
        }
    }
}

/// So many in a time, and so many at once after a silence (S68).
///
/// Two rates are equal if they mean the same, however they are written: `60/m` is `1/s`.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    count: u32,
    per: Period,
    burst: u32,
}

impl Rate {
    /// How many may be written for a period: at most one each nanosecond.
    pub const COUNTS: RangeInclusive<u32> = 1..=1_000_000_000;

    /// How many may be let pass at once.
    pub const BURSTS: RangeInclusive<u32> = 1..=1_000_000;

    /// `count` in each `per`, and `burst` at once: without, as many as a second allows, at least one and at most
    /// the last of [`BURSTS`](Self::BURSTS). `None` where a number is none of [`COUNTS`](Self::COUNTS) or
    /// [`BURSTS`](Self::BURSTS).
    pub fn new(count: u32, per: Period, burst: Option<u32>) -> Option<Self> {
        let of_a_second = (count / per.seconds()).clamp(*Self::BURSTS.start(), *Self::BURSTS.end());
        let burst = burst.unwrap_or(of_a_second);
        let sound = Self::COUNTS.contains(&count) && Self::BURSTS.contains(&burst);
        sound.then_some(Self { count, per, burst })
    }

    /// How many, in which time.
    pub fn count(self) -> (u32, Period) {
        (self.count, self.per)
    }

    /// How many at once.
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// Nanoseconds between two at the steady rate, at least 1 and at most an hour; rounded up, so that never more passes
    /// than is written.
    pub fn interval(self) -> u64 {
        (u64::from(self.per.seconds()) * 1_000_000_000).div_ceil(u64::from(self.count))
    }

    /// Nanoseconds in which a whole burst is earned: less than 2⁶² of them.
    pub fn depth(self) -> u64 {
        // At most 3.6 × 10¹² × 10⁶.
        self.interval() * u64::from(self.burst)
    }

    /// Whether this never refuses what `other` lets pass, if both count the same things: it lets through as many at once, and
    /// as many in any time.
    pub fn allows_all_of(self, other: Self) -> bool {
        self.burst >= other.burst && self.interval() <= other.interval()
    }
}

impl PartialEq for Rate {
    fn eq(&self, other: &Self) -> bool {
        (self.interval(), self.burst) == (other.interval(), other.burst)
    }
}

impl Eq for Rate {}

impl Serialize for Rate {
    /// As it is written: `{"rate": "100/s", "burst": 200}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Rate", 2)?;
        fields.serialize_field("rate", &format_args!("{}/{}", self.count, self.per.name()))?;
        fields.serialize_field("burst", &self.burst)?;
        fields.end()
    }
}

/// `100/s, burst 200`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, burst {}", self.count, self.per.name(), self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn rate(count: u32, per: Period, burst: Option<u32>) -> Rate {
        Rate::new(count, per, burst).unwrap()
    }

    #[test]
    fn a_rate_means_an_interval_and_a_burst() {
        for (rate, interval, burst) in [
            (rate(100, Period::Second, None), 10_000_000, 100),
            (rate(100, Period::Second, Some(1)), 10_000_000, 1),
            (rate(3, Period::Second, None), 333_333_334, 3),
            (rate(90, Period::Minute, None), 666_666_667, 1),
            (rate(1, Period::Hour, None), 3_600_000_000_000, 1),
            (rate(1_000_000_000, Period::Second, None), 1, 1_000_000),
            (rate(1_000_000_000, Period::Hour, None), 3_600, 277_777),
        ] {
            assert_eq!((rate.interval(), rate.burst()), (interval, burst), "{rate}");
        }
        assert_eq!(rate(60, Period::Minute, None), rate(1, Period::Second, None));
        assert_ne!(rate(60, Period::Minute, Some(2)), rate(1, Period::Second, None));
    }

    #[test]
    fn nothing_in_range_overflows() {
        let widest = rate(1, Period::Hour, Some(1_000_000));
        assert!(widest.depth() < 1 << 62);
        for (count, burst) in [(0, None), (1_000_000_001, None), (1, Some(0)), (1, Some(1_000_001))] {
            assert!(Rate::new(count, Period::Second, burst).is_none(), "{count} {burst:?}");
        }
    }

    #[test]
    fn limits_are_shown_as_they_are_written() {
        let limits = Limits {
            connections: Some(rate(100, Period::Second, Some(200))),
            packets_per_source: Some(rate(7, Period::Minute, None)),
            ..Limits::default()
        };
        assert_eq!(limits.to_string(), "connections: 100/s, burst 200; packetsPerSource: 7/m, burst 1");
        assert_eq!(
            serde_json::to_string(&limits).unwrap(),
            r#"{"connections":{"rate":"100/s","burst":200},"packetsPerSource":{"rate":"7/m","burst":1}}"#
        );
    }
}
