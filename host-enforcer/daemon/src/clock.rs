//! Times as people read them.

use rustix::time::{ClockId, clock_gettime};

/// Translates the monotonic clock, which the kernel's events carry, to the calendar.
pub struct Clock {
    /// Nanoseconds from the start of the monotonic clock to 1970, negated.
    offset: i128,
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    /// Compares the two clocks once.
    pub fn new() -> Self {
        Self { offset: nanoseconds(ClockId::Realtime) - kernel_time() }
    }

    /// `time`, in nanoseconds of the monotonic clock, as RFC 3339 in UTC with microseconds.
    pub fn text(&self, time: u64) -> String {
        rfc3339(i128::from(time) + self.offset)
    }

    /// The present.
    pub fn now(&self) -> String {
        rfc3339(nanoseconds(ClockId::Realtime))
    }
}

/// The present, in nanoseconds of the monotonic clock, as the kernel's programs see it: in no time namespace.
pub fn monotonic() -> u64 {
    u64::try_from(kernel_time()).unwrap_or_default()
}

fn kernel_time() -> i128 {
    static SHIFT: std::sync::OnceLock<i128> = std::sync::OnceLock::new();
    let shift = SHIFT.get_or_init(|| {
        std::fs::read_to_string("/proc/self/timens_offsets").map_or(0, |offsets| shift(&offsets))
    });
    nanoseconds(ClockId::Monotonic) - shift
}

/// By how much the monotonic clock of a time namespace is ahead, in nanoseconds, by its `timens_offsets` (time_namespaces(7)).
fn shift(offsets: &str) -> i128 {
    let line = offsets.lines().find_map(|line| line.strip_prefix("monotonic")).unwrap_or_default();
    let mut words = line.split_whitespace().map(|word| word.parse::<i128>().unwrap_or_default());
    let (seconds, nanoseconds) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    seconds * 1_000_000_000 + nanoseconds
}

fn nanoseconds(clock: ClockId) -> i128 {
    let time = clock_gettime(clock);
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

/// Nanoseconds since 1970 as RFC 3339. The calendar is Howard Hinnant's `civil_from_days`.
fn rfc3339(nanoseconds: i128) -> String {
    let seconds = nanoseconds.div_euclid(1_000_000_000);
    let micros = nanoseconds.rem_euclid(1_000_000_000) / 1_000;
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_namespace_is_seen_through() {
        assert_eq!(shift("monotonic           0         0\nboottime            0         0\n"), 0);
        assert_eq!(
            shift("monotonic       86400         5\nboottime            7         0\n"),
            86_400_000_000_005
        );
        assert_eq!(shift(""), 0);
    }

    #[test]
    fn dates_are_right_around_leap_days() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(rfc3339(seconds * 1_000_000_000), expected);
        }
    }
}
