//! What becomes of JSON that goes through a `google.protobuf.Struct`.

use std::fmt;

use serde_json::{Map, Number, Value};

/// The largest whole number below which every whole number is a double.
const EXACT: u64 = 1 << 53;

/// A number that a `Struct` would make another of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrepresentable {
    /// Where it stands, as a JSON pointer.
    pub place: String,
    /// The number.
    pub number: String,
}

impl fmt::Display for Unrepresentable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at `{}` is a number that Istio would round; write a smaller one",
            self.number, self.place
        )
    }
}

/// The same value as a `Struct` holds it and Istio writes it again: keys in order, numbers as doubles.
///
/// # Errors
/// When a number would become another one.
pub fn structured(value: &Value) -> Result<Value, Unrepresentable> {
    walk(value, &mut String::new())
}

fn walk(value: &Value, place: &mut String) -> Result<Value, Unrepresentable> {
    Ok(match value {
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
        Value::Number(number) => Value::Number(
            double(number)
                .ok_or_else(|| Unrepresentable { place: place.clone(), number: number.to_string() })?,
        ),
        Value::Array(list) => {
            let each = list.iter().enumerate();
            let list: Result<Vec<Value>, _> =
                each.map(|(number, value)| within(place, &number.to_string(), value)).collect();
            Value::Array(list?)
        }
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| *key);
            let mut written = Map::new();
            for (key, value) in sorted {
                written.insert(key.clone(), within(place, key, value)?);
            }
            Value::Object(written)
        }
    })
}

fn within(place: &mut String, step: &str, value: &Value) -> Result<Value, Unrepresentable> {
    let length = place.len();
    place.push('/');
    place.push_str(step);
    let written = walk(value, place);
    place.truncate(length);
    written
}

/// A whole number stays one: Go writes doubles below 10^21 without an exponent, and whole ones without a point.
fn double(number: &Number) -> Option<Number> {
    let whole = number.as_u64().is_some_and(|n| n <= EXACT)
        || number.as_i64().is_some_and(|n| n.unsigned_abs() <= EXACT);
    whole.then(|| number.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_struct_holds_stays_what_it_is() {
        let value =
            json!({ "b": [1, -5, null, true, 4_294_967_295_u32], "a": { "text": "é\u{1}", "none": {} } });
        assert_eq!(structured(&value).unwrap(), value);
    }

    #[test]
    fn a_number_that_would_be_rounded_is_refused_by_its_place() {
        let value = json!({ "a": [0, { "b": 9_007_199_254_740_993_u64 }] });
        let refused = structured(&value).unwrap_err();
        assert_eq!(refused.place, "/a/1/b");
        assert!(structured(&json!(0.5)).is_err(), "no configuration has fractions");
    }
}
