//! Comparisons of texts (S49).

use regex::bytes::RegexBuilder;
use serde_json::Value;

use super::document::list;
use super::truth::Truth::{self, Doubt, No};

/// Whether a text can be compared at all.
pub(super) fn plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

/// Whether a value is one of those that `exact`, `prefix`, `suffix` and `regex` name.
pub(super) fn compare(wanted: &Value, value: &[u8]) -> Truth {
    const LONGEST: usize = 8192;
    if !plain(value) || (value.len() > LONGEST && wanted.get("regex").is_some()) {
        return Doubt;
    }
    let any = |field, holds: &dyn Fn(&str) -> bool| {
        Truth::is(list(wanted, field).iter().any(|text| text.as_str().is_some_and(holds)))
    };
    Truth::any([
        any("exact", &|text| value == text.as_bytes()),
        any("prefix", &|text| value.starts_with(text.as_bytes())),
        any("suffix", &|text| value.ends_with(text.as_bytes())),
        any("regex", &|text| {
            let whole = RegexBuilder::new(&format!("^(?:{text})$")).unicode(false).build();
            whole.is_ok_and(|regex| regex.find(value).is_some_and(|found| found.len() == value.len()))
        }),
    ])
}

/// An entry about something named: its presence, or what all readings of its value say.
pub(super) fn entry(wanted: &Value, present: bool, readings: &[Vec<u8>]) -> Truth {
    match wanted.get("present").and_then(Value::as_bool) {
        Some(expected) => Truth::is(present == expected),
        None if !present => No,
        None => Truth::agreed(readings.iter().map(|value| compare(wanted, value))),
    }
}
