//! When an image says that it was made.

use jiff::Timestamp;

/// Seconds since 1970 that stand for "now" in everything that is made, so that the same files give the same bytes
/// (<https://reproducible-builds.org/specs/source-date-epoch/>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epoch(u64);

impl Epoch {
    /// The latest that a tar header of the kind written here can say: eleven octal digits.
    const LAST: u64 = 0o77_777_777_777;

    /// What the variable `SOURCE_DATE_EPOCH` says; 1970 if it is not set.
    ///
    /// # Errors
    /// With a sentence, if it says something else than a number of seconds.
    pub fn read(variable: Option<&str>) -> Result<Self, String> {
        let Some(text) = variable.filter(|text| !text.is_empty()) else { return Ok(Self::default()) };
        match text.parse() {
            Ok(seconds) if seconds <= Self::LAST => Ok(Self(seconds)),
            _ => Err(format!(
                "`SOURCE_DATE_EPOCH` is `{text}`, but must be seconds since 1970, as `git log -1 --format=%ct` prints them, or not be set"
            )),
        }
    }

    /// The seconds.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0
    }

    /// As RFC 3339 writes it, in UTC.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let seconds = i64::try_from(self.0).unwrap_or_default();
        Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_variable_it_is_1970() {
        assert_eq!(Epoch::read(None).map(Epoch::rfc3339), Ok("1970-01-01T00:00:00Z".to_owned()));
        assert_eq!(Epoch::read(Some("")), Ok(Epoch::default()));
    }

    #[test]
    fn the_variable_says_when() {
        assert_eq!(
            Epoch::read(Some("1750000000")).map(Epoch::rfc3339),
            Ok("2025-06-15T15:06:40Z".to_owned())
        );
    }

    #[test]
    fn what_is_no_number_of_seconds_is_refused() {
        for text in ["now", "-1", "1.5", "99999999999999999999", "8589934592"] {
            assert!(Epoch::read(Some(text)).is_err(), "{text}");
        }
    }
}
