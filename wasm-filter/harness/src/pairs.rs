//! The one serialization of proxy-wasm: a list of pairs of byte strings.
//!
//! Number of pairs; for each pair the length of its name and of its value; then for each pair both strings,
//! each with a NUL behind it. All numbers are little-endian `u32`. (`PairsUtil` in `proxy-wasm-cpp-host`.)

use crate::exchange::Header;

/// The most pairs that are read, and the most bytes: the limits of `proxy-wasm-cpp-host`.
const MOST_PAIRS: u32 = 1024;
const MOST_BYTES: usize = 1 << 20;

/// Writes pairs as Envoy does.
pub(crate) fn encode<'a>(pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])> + Clone) -> Vec<u8> {
    let count = pairs.clone().into_iter().count();
    let mut bytes = length(count).to_vec();
    for (name, value) in pairs.clone() {
        bytes.extend_from_slice(&length(name.len()));
        bytes.extend_from_slice(&length(value.len()));
    }
    for (name, value) in pairs {
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(value);
        bytes.push(0);
    }
    bytes
}

/// Reads pairs as Envoy does: whatever is malformed, also in part, is read as no pairs at all.
pub(crate) fn decode(bytes: &[u8]) -> Vec<Header> {
    if bytes.len() > MOST_BYTES { Vec::new() } else { read(bytes).unwrap_or_default() }
}

fn read(bytes: &[u8]) -> Option<Vec<Header>> {
    let mut rest = bytes;
    let count = number(&mut rest)?;
    if count > MOST_PAIRS {
        return None;
    }
    let mut lengths = Vec::new();
    for _ in 0..count {
        lengths.push((number(&mut rest)?, number(&mut rest)?));
    }
    let mut pairs = Vec::new();
    for (name, value) in lengths {
        pairs.push((string(&mut rest, name)?, string(&mut rest, value)?));
    }
    rest.is_empty().then_some(pairs)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (first, others) = rest.split_first_chunk::<4>()?;
    *rest = others;
    Some(u32::from_le_bytes(*first))
}

fn string(rest: &mut &[u8], length: u32) -> Option<Vec<u8>> {
    let (text, others) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let (&nul, others) = others.split_first()?;
    *rest = others;
    (nul == 0).then(|| text.to_vec())
}

/// A length as it is written. Guest memory is addressed by 32 bits, so no longer string can reach a guest.
fn length(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Vec<Header> {
        vec![(b":path".to_vec(), b"/\xff".to_vec()), (b"x".to_vec(), Vec::new())]
    }

    fn encoded(pairs: &[Header]) -> Vec<u8> {
        encode(pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice())))
    }

    #[test]
    fn pairs_are_written_as_envoy_writes_them() {
        let expected = b"\x02\0\0\0\x05\0\0\0\x02\0\0\0\x01\0\0\0\0\0\0\0:path\0/\xff\0x\0\0";
        assert_eq!(encoded(&example()), expected);
    }

    #[test]
    fn pairs_survive_the_way_there_and_back() {
        assert_eq!(decode(&encoded(&example())), example());
    }

    #[test]
    fn malformed_pairs_are_no_pairs() {
        let good = encoded(&example());
        for end in 0..good.len() {
            assert_eq!(decode(&good[..end]), Vec::new(), "cut at {end}");
        }
        assert_eq!(decode(&[good, vec![0]].concat()), Vec::new(), "one byte too many");
    }
}
