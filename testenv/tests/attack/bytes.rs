//! Bytes as they are written in the data: a text whose every character, up to U+00FF, is one byte.

use anyhow::{Context, Result};

/// The bytes that a text of the data means.
///
/// # Errors
/// When a character is beyond U+00FF.
pub(crate) fn meant(text: &str) -> Result<Vec<u8>> {
    text.chars()
        .map(|c| u8::try_from(c).ok().with_context(|| format!("`{c}` is no byte; write its bytes as \\x..")))
        .collect()
}

/// Bytes for a reader: printable ASCII as it is, everything else escaped.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            0x20..=0x7e => text.push(char::from(*byte)),
            other => text.push_str(&format!("\\x{other:02x}")),
        }
    }
    text
}

/// Without spaces and tabs around it.
pub(crate) fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// What stands before the first `at`, and what stands behind it.
pub(crate) fn cut(bytes: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match bytes.iter().position(|byte| *byte == at) {
        Some(place) => {
            let (before, rest) = bytes.split_at(place);
            (before, rest.get(1..))
        }
        None => (bytes, None),
    }
}

/// Whether `part` is somewhere in `bytes`.
pub(crate) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
}
