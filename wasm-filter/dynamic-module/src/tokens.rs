//! The tokens that the proxy verified.
//!
//! Envoy's interface hands out no metadata that has parts, and the payload of a token has. So a filter in front,
//! `set_filter_state` behind `jwt_authn`, writes all payloads down as JSON: `%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%`.
//! Whether it wrote all of them, and whether it was there at all, is told by how many there are.

use bookend_filter::Fault;
use serde_json::{Map, Number, Value};

/// The key of the filter state.
pub(crate) const KEY: &str = "bookend.tokens";

/// The least integer that a double may stand for by mistake.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads what `jwt_authn` wrote, in what the filter in front wrote down of it. `count` is how many payloads there are.
///
/// # Errors
/// Text that is missing, though there are payloads, or that is none of so many.
pub(crate) fn verified(text: Option<&[u8]>, count: usize) -> Result<Map<String, Value>, Fault> {
    let attribute = || ["filter_state.", KEY].concat();
    let Some(text) = text else {
        return if count == 0 { Ok(Map::new()) } else { Err(Fault::Absent { attribute: attribute() }) };
    };
    let expected = "the payloads of all tokens, as JSON";
    let malformed = || Fault::Malformed { attribute: attribute(), expected };
    let mut payloads: Map<String, Value> = serde_json::from_slice(text).map_err(|_| malformed())?;
    if payloads.len() != count {
        return Err(malformed());
    }
    payloads.values_mut().for_each(weigh);
    Ok(payloads)
}

/// Envoy keeps numbers as doubles: an integer that is too large for one is no longer what the issuer wrote.
fn weigh(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let double = number.as_f64().unwrap_or(f64::MAX);
            if double.abs() >= EXACT
                && let Some(inexact) = Number::from_f64(double)
            {
                *number = inexact;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(weigh),
        Value::Object(values) => values.values_mut().for_each(weigh),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
