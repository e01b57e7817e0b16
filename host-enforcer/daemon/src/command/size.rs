//! Sizes on the command line.

use std::str::FromStr;

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, unit) = match text.char_indices().next_back() {
            Some((end, 'k' | 'K')) => (text.get(..end), 1 << 10),
            Some((end, 'M')) => (text.get(..end), 1 << 20),
            Some((end, 'G')) => (text.get(..end), 1 << 30),
            _ => (Some(text), 1),
        };
        let number = number.and_then(|number| number.parse::<u64>().ok());
        let bytes = number.and_then(|number| number.checked_mul(unit)).filter(|bytes| *bytes > 0);
        bytes.map(Self).ok_or("write a number of bytes, or of k, M or G: `500k`, `100M`")
    }
}
