//! The request's head, and pairs as proxies serialize them.

use bookend_engine::HeaderLine;

use crate::Fault;

/// The parts of a request that are judged or reported, as the bytes that the proxy hands on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestHead<'a> {
    /// `:method`.
    pub method: Option<&'a [u8]>,
    /// `:authority`, which an HTTP/1 proxy makes of `Host` or of an absolute target. Two `Host` lines become one
    /// authority with a comma in Envoy.
    pub authority: Option<&'a [u8]>,
    /// `:path`; a CONNECT request has none.
    pub path: Option<&'a [u8]>,
    /// Every header that is no pseudo-header, in order; one that is repeated comes several times.
    pub headers: &'a [HeaderLine<'a>],
}

impl<'a> RequestHead<'a> {
    /// Finds the parts in the lines of a request, pseudo-headers first.
    ///
    /// # Errors
    /// A pseudo-header that comes twice or behind a header (RFC 9113, 8.3): the filter and the service might each take another
    /// one.
    pub fn new(lines: &'a [HeaderLine<'a>]) -> Result<Self, Fault> {
        let is_pseudo = |(name, _): &HeaderLine<'_>| name.first() == Some(&b':');
        let first = lines.iter().position(|line| !is_pseudo(line)).unwrap_or(lines.len());
        let (pseudo, headers) = lines.split_at_checked(first).ok_or(Fault::HeadersMalformed)?;
        if headers.iter().any(is_pseudo) {
            return Err(Fault::HeadersMalformed);
        }
        let mut head = Self { headers, ..Self::default() };
        for (place, (name, value)) in pseudo.iter().enumerate() {
            if pseudo.iter().take(place).any(|(before, _)| before == name) {
                return Err(Fault::HeadersMalformed);
            }
            match *name {
                b":method" => head.method = Some(value),
                b":authority" => head.authority = Some(value),
                b":path" => head.path = Some(value),
                // `:scheme` and `:protocol`; nothing about them is asked.
                _ => {}
            }
        }
        Ok(head)
    }
}

/// Reads pairs: their number; for each the length of name and value; for each both strings, with a NUL behind
/// each. All numbers are little-endian `u32`. No bytes are no pairs. Anything else is nothing.
pub fn pairs(bytes: &[u8]) -> Option<Vec<HeaderLine<'_>>> {
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

/// Writes pairs in that form. Nothing if they are too many for its numbers.
pub fn serialized(pairs: &[(String, String)]) -> Option<Vec<u8>> {
    let number = |length: usize| u32::try_from(length).ok().map(u32::to_le_bytes);
    let mut bytes = number(pairs.len())?.to_vec();
    for (name, value) in pairs {
        bytes.extend(number(name.len())?);
        bytes.extend(number(value.len())?);
    }
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend(text.as_bytes());
        bytes.push(0);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &[u8] = b"\x03\0\0\0\x07\0\0\0\x03\0\0\0\x05\0\0\0\x02\0\0\0\x01\0\0\0\x01\0\0\0\
        :method\0GET\0:path\0/a\0x\0\xff\0";

    #[test]
    fn pseudo_headers_are_told_from_all_others() {
        let lines = pairs(EXAMPLE).unwrap();
        let head = RequestHead::new(&lines).unwrap();
        let headers = [(b"x".as_slice(), b"\xff".as_slice())];
        let expected =
            RequestHead { method: Some(b"GET"), authority: None, path: Some(b"/a"), headers: &headers };
        assert_eq!(head, expected);
        assert_eq!(pairs(b"").unwrap(), []);
        assert_eq!(RequestHead::new(&[]).unwrap(), RequestHead::default());
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for written in [vec![], vec![("a", "b")], vec![("a", ""), ("", "b"), ("a", "b")]] {
            let owned: Vec<_> = written.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            let bytes = serialized(&owned).unwrap();
            let read: Vec<_> = written.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
            assert_eq!(pairs(&bytes), Some(read));
        }
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
    fn a_pseudo_header_that_comes_twice_or_too_late_makes_no_sense() {
        for name in [":method", ":authority", ":path", ":scheme", ":protocol"] {
            let line = (name.as_bytes(), b"a".as_slice());
            let other = (b"x".as_slice(), b"a".as_slice());
            assert!(RequestHead::new(&[line, other]).is_ok());
            assert_eq!(RequestHead::new(&[line, line]), Err(Fault::HeadersMalformed), "{name}");
            assert_eq!(RequestHead::new(&[other, line]), Err(Fault::HeadersMalformed), "{name}");
        }
    }
}
