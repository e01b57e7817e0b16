//! Reading a query parameter (S52).

use alloc::{borrow::Cow, vec::Vec};

use super::Reading;
use crate::text::is_plain;

/// What the parameter `name` says in the query of a request target.
pub(super) fn read<'a>(target: &'a [u8], name: &str) -> Reading<'a> {
    let Some(start) = target.iter().position(|byte| *byte == b'?') else { return Reading::Absent };
    let query = target.get(start + 1..).unwrap_or_default();
    find(query, name).unwrap_or(Reading::Doubt)
}

/// Nothing where servers may read the whole query differently, or another parameter as this one.
fn find<'a>(query: &'a [u8], name: &str) -> Option<Reading<'a>> {
    // A fragment, or the separator of HTML 4 (W3C HTML 4.01, B.2.2).
    if query.iter().any(|byte| matches!(byte, b'#' | b';')) {
        return None;
    }
    let mut values = Vec::new();
    for piece in query.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()) {
        let equals = piece.iter().position(|byte| *byte == b'=').unwrap_or(piece.len());
        let key = decoded(piece.get(..equals)?)?;
        let value = decoded(piece.get(equals + 1..).unwrap_or_default())?;
        if !is_plain(&key) {
            return None;
        }
        if *key == *name.as_bytes() {
            values.push(value);
        } else if alike(&key, name.as_bytes()) {
            return None;
        }
    }
    Some(Reading::of(values))
}

/// Decodes percent-encodings and `+` (WHATWG URL, application/x-www-form-urlencoded). Nothing where an encoding is broken or not UTF-8.
fn decoded(raw: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !raw.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return core::str::from_utf8(raw).is_ok().then_some(Cow::Borrowed(raw));
    }
    let mut text = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'%' => hex(*bytes.next()?)? << 4 | hex(*bytes.next()?)?,
            b'+' => b' ',
            other => *other,
        });
    }
    core::str::from_utf8(&text).is_ok().then_some(Cow::Owned(text))
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Whether some servers take the parameter `key` for `name`: they ignore case and white space, write `.` and others as
/// `_`, or take `name[]` and `name[x]` for entries of `name` (PHP, Rails, Express).
fn alike(key: &[u8], name: &[u8]) -> bool {
    let whole = key.split(|byte| *byte == b'[').next().unwrap_or_default();
    folded(key).eq(folded(name)) || folded(whole).eq(folded(name))
}

fn folded(name: &[u8]) -> impl Iterator<Item = u8> {
    let fold = |byte: &u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'_' };
    name.trim_ascii().iter().map(fold)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &str, expected: Reading<'_>) {
        assert_eq!(read(target.as_bytes(), "tenant"), expected, "{target}");
    }

    fn one(text: &str) -> Reading<'_> {
        Reading::One(Cow::Borrowed(text.as_bytes()))
    }

    #[test]
    fn names_and_values_are_decoded() {
        check("/a?tenant=x", one("x"));
        check("/a?b=1&tenant=x&c", one("x"));
        check("/a?%74enant=%78", one("x"));
        check("/a?tenant=x+y%2Bz", one("x y+z"));
        check("/a?tenant=a=b?c", one("a=b?c"));
        check("/a?tenant", one(""));
        check("/a?tenant=", one(""));
        check("/a?tenant=%C3%A9", one("é"));
    }

    #[test]
    fn a_parameter_that_is_not_there_is_absent() {
        for target in
            ["/a", "/a?", "/a?&", "/a?b=tenant", "/a?tenants=x", "/tenant=x", "/a?=tenant", "/a?x[tenant]=1"]
        {
            check(target, Reading::Absent);
        }
    }

    #[test]
    fn a_repeated_parameter_has_several_readings() {
        check("/a?tenant=x&tenant=x", one("x"));
        let texts = [Cow::Borrowed(&b"x"[..]), Cow::Borrowed(b"y")];
        check("/a?tenant=y&tenant=x", Reading::Several(texts.into()));
    }

    #[test]
    fn queries_that_servers_read_differently_are_in_doubt() {
        for target in [
            "/a?tenant=x;b=1",
            "/a?b=1;tenant=x",
            "/a?tenant=x#y",
            "/a?tenant=%",
            "/a?b=%4",
            "/a?b=%zz",
            "/a?b=%+1",
            "/a?b=%ff",
            "/a?b=%c0%ae",
            "/a?%00tenant=x",
            "/a?tenant%00=x",
            "/a?t%C3%A9nant=x",
        ] {
            check(target, Reading::Doubt);
        }
        assert_eq!(read(b"/a?b=\xff", "tenant"), Reading::Doubt);
    }

    #[test]
    fn a_name_that_some_servers_take_for_another_leaves_doubt() {
        for name in ["Tenant", "+tenant", "tenant%20", "tenant[]", "tenant[0]", "tenant%5bx", "TENANT[a][b]"]
        {
            check(&alloc::format!("/a?{name}=x"), Reading::Doubt);
            check(&alloc::format!("/a?tenant=y&{name}=x"), Reading::Doubt);
        }
        for name in ["a.b", "a+b", "a-b", "A_b", "a[b"] {
            let target = alloc::format!("/?{name}=x");
            assert_eq!(read(target.as_bytes(), "a_b"), Reading::Doubt, "{name}");
        }
    }
}
