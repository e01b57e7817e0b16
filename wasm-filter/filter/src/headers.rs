//! The request, from one call for all of its headers.

use crate::Fault;

/// The parts of a request that are judged or reported, as the bytes that the proxy hands on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestHead<'a> {
    /// `:method`.
    pub method: Option<&'a [u8]>,
    /// `:authority`, which an HTTP/1 proxy makes of `Host` or of an absolute target. Two `Host` lines become one
    /// authority with a comma in Envoy.
    pub authority: Option<&'a [u8]>,
    /// `:path`; a CONNECT request has none.
    pub path: Option<&'a [u8]>,
    /// Every header that is no pseudo-header, in order; one that is repeated comes several times.
    pub headers: Vec<Pair<'a>>,
}

impl<'a> RequestHead<'a> {
    /// Finds the parts in serialized headers.
    ///
    /// # Errors
    /// Bytes that are no pairs, and a pseudo-header that comes twice: the filter and the service might each
    /// take another one.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut head = Self::default();
        // `:scheme` and `:protocol`; nothing about them is asked.
        let mut others: Vec<&[u8]> = Vec::new();
        for (name, value) in pairs(bytes).ok_or(Fault::HeadersMalformed)? {
            let repeated = match name {
                b":method" => head.method.replace(value).is_some(),
                b":authority" => head.authority.replace(value).is_some(),
                b":path" => head.path.replace(value).is_some(),
                [b':', ..] => {
                    let repeated = others.contains(&name);
                    others.push(name);
                    repeated
                }
                _ => {
                    head.headers.push((name, value));
                    false
                }
            };
            if repeated {
                return Err(Fault::HeadersMalformed);
            }
        }
        Ok(head)
    }
}

/// A name and a value.
pub type Pair<'a> = (&'a [u8], &'a [u8]);

/// Reads pairs: their number; for each the length of name and value; for each both strings, with a NUL behind
/// each. All numbers are little-endian `u32`. No bytes are no pairs. Anything else is nothing.
pub fn pairs(bytes: &[u8]) -> Option<Vec<Pair<'_>>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let (count, rest) = bytes.split_first_chunk::<4>()?;
    let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
    let (lengths, mut strings) = rest.split_at_checked(count.checked_mul(8)?)?;
    let mut pairs = Vec::with_capacity(count);
    let (lengths, _) = lengths.as_chunks::<8>();
    for [a, b, c, d, e, f, g, h] in lengths {
        let name = string(&mut strings, [*a, *b, *c, *d])?;
        let value = string(&mut strings, [*e, *f, *g, *h])?;
        pairs.push((name, value));
    }
    strings.is_empty().then_some(pairs)
}

fn string<'a>(rest: &mut &'a [u8], length: [u8; 4]) -> Option<&'a [u8]> {
    let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
    let (text, others) = rest.split_at_checked(length)?;
    let (nul, others) = others.split_first()?;
    *rest = others;
    (*nul == 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &[u8] = b"\x03\0\0\0\x07\0\0\0\x03\0\0\0\x05\0\0\0\x02\0\0\0\x01\0\0\0\x01\0\0\0\
        :method\0GET\0:path\0/a\0x\0\xff\0";

    #[test]
    fn pseudo_headers_are_told_from_all_others() {
        let head = RequestHead::read(EXAMPLE).unwrap();
        let headers = vec![(b"x".as_slice(), b"\xff".as_slice())];
        let expected = RequestHead { method: Some(b"GET"), authority: None, path: Some(b"/a"), headers };
        assert_eq!(head, expected);
        assert_eq!(RequestHead::read(b"").unwrap(), RequestHead::default());
    }

    #[test]
    fn no_byte_may_lack_or_be_left_over() {
        for end in 1..EXAMPLE.len() {
            assert_eq!(pairs(&EXAMPLE[..end]), None, "cut at {end}");
        }
        assert_eq!(pairs(&[EXAMPLE, b"x"].concat()), None);
        assert_eq!(pairs(b"\xff\xff\xff\xff"), None);
    }

    #[test]
    fn a_pseudo_header_that_comes_twice_makes_no_sense() {
        for name in [":method", ":authority", ":path", ":scheme", ":protocol"] {
            let length = u32::try_from(name.len()).unwrap().to_le_bytes();
            let lengths = [length, 1_u32.to_le_bytes()].concat();
            let strings = [name.as_bytes(), b"\0a\0"].concat();
            let bytes = |times: u8| {
                let count = u32::from(times).to_le_bytes();
                [count.to_vec(), lengths.repeat(times.into()), strings.repeat(times.into())].concat()
            };
            assert!(RequestHead::read(&bytes(1)).is_ok());
            assert_eq!(RequestHead::read(&bytes(2)), Err(Fault::HeadersMalformed), "{name}");
        }
    }
}
