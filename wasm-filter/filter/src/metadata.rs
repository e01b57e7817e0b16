//! What the filters before this one found out about a request: Envoy's dynamic metadata.
//!
//! The property `metadata` is the message `envoy.config.core.v3.Metadata` in protobuf's binary form; a namespace in it is
//! a `google.protobuf.Struct`. Properties below it, such as `metadata.filter_metadata.<namespace>`, are of no use: they
//! come as pairs without types, where the number 2 and a text of eight bytes are the same, and a single null makes Envoy
//! refuse the whole read (measured with Envoy 1.40; `serializeValue` in `source/extensions/common/wasm/context.cc`).
//!
//! Reading is strict. Whatever a writer of protobuf would not write, or a reader might understand in two ways, is
//! [`Malformed`]: a field that comes twice, a key that comes twice, a value of no kind or of two.

mod wire;

use serde_json::{Map, Number, Value};

use wire::{Content, Field, Fields};

/// The most bytes of metadata that are read: several times what a token that fits into Envoy's 60 KiB of headers grows to.
const MOST_BYTES: usize = 512 << 10;

/// How deep lists and maps may nest. Envoy's own bound is 100; no token comes near either.
const MOST_LEVELS: usize = 32;

/// Integers of at least this size are not told apart by a double: 2 to the 53rd.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Bytes that are not the message they should be, or too many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// The entries of one namespace; none if no filter wrote there.
///
/// # Errors
/// Bytes that are no metadata.
pub fn namespace(bytes: &[u8], name: &str) -> Result<Map<String, Value>, Malformed> {
    if bytes.len() > MOST_BYTES {
        return Err(Malformed);
    }
    let mut found = None;
    for field in Fields::new(bytes) {
        let Field { number, content } = field?;
        // `filter_metadata`. Beside it there is `typed_filter_metadata`, and what later versions may add.
        if number == 1 {
            let entry = Entry::read(content)?;
            if entry.key == name && found.replace(entries(entry.value.unwrap_or_default(), 0)?).is_some() {
                return Err(Malformed);
            }
        }
    }
    Ok(found.unwrap_or_default())
}

/// An entry of a map: a key, and a message.
struct Entry<'a> {
    key: &'a str,
    value: Option<&'a [u8]>,
}

impl<'a> Entry<'a> {
    fn read(content: Content<'a>) -> Result<Self, Malformed> {
        let (mut key, mut value) = (None, None);
        for field in Fields::new(content.bytes()?) {
            let Field { number, content } = field?;
            let part = match number {
                1 => &mut key,
                2 => &mut value,
                _ => return Err(Malformed),
            };
            if part.replace(content.bytes()?).is_some() {
                return Err(Malformed);
            }
        }
        // A key that is empty need not be written.
        let key = str::from_utf8(key.unwrap_or_default()).map_err(|_| Malformed)?;
        Ok(Self { key, value })
    }
}

/// The message `google.protobuf.Struct`.
fn entries(bytes: &[u8], level: usize) -> Result<Map<String, Value>, Malformed> {
    let mut map = Map::new();
    for field in Fields::new(bytes) {
        let Field { number: 1, content } = field? else { return Err(Malformed) };
        let entry = Entry::read(content)?;
        let value = value(entry.value.ok_or(Malformed)?, level)?;
        if map.insert(entry.key.to_owned(), value).is_some() {
            return Err(Malformed);
        }
    }
    Ok(map)
}

/// The message `google.protobuf.ListValue`.
fn elements(bytes: &[u8], level: usize) -> Result<Vec<Value>, Malformed> {
    let element = |field| {
        let Field { number: 1, content } = field? else { return Err(Malformed) };
        value(content.bytes()?, level)
    };
    Fields::new(bytes).map(element).collect()
}

/// The message `google.protobuf.Value`: exactly one of its kinds.
fn value(bytes: &[u8], level: usize) -> Result<Value, Malformed> {
    let deeper = level + 1;
    if deeper > MOST_LEVELS {
        return Err(Malformed);
    }
    let mut fields = Fields::new(bytes);
    let Field { number, content } = fields.next().ok_or(Malformed)??;
    if fields.next().is_some() {
        return Err(Malformed);
    }
    Ok(match (number, content) {
        (1, Content::Varint(0)) => Value::Null,
        (2, Content::Fixed(bits)) => Value::Number(self::number(f64::from_bits(bits))?),
        (3, Content::Bytes(text)) => Value::String(str::from_utf8(text).map_err(|_| Malformed)?.to_owned()),
        (4, Content::Varint(truth @ (0 | 1))) => Value::Bool(truth == 1),
        (5, Content::Bytes(bytes)) => Value::Object(entries(bytes, deeper)?),
        (6, Content::Bytes(bytes)) => Value::Array(elements(bytes, deeper)?),
        _ => return Err(Malformed),
    })
}

/// A number as JSON. It was a double on its way, so only integers below 2 to the 53rd are still what was written;
/// others stay doubles, and no condition compares those (S54).
#[expect(clippy::cast_possible_truncation, reason = "an integer of less than 53 bits")]
fn number(double: f64) -> Result<Number, Malformed> {
    let negative_zero = double == 0.0 && double.is_sign_negative();
    if double.fract() == 0.0 && double.abs() < EXACT && !negative_zero {
        return Ok(Number::from(double as i64));
    }
    Number::from_f64(double).ok_or(Malformed)
}

#[cfg(test)]
mod tests;
