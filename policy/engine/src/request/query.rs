//! Reading query parameters (S52).

use alloc::{borrow::Cow, vec::Vec};

use super::Reading;
use crate::text::is_plain;

/// How many parameters a query may have: PHP (`max_input_vars`) and Express (`parameterLimit`) take no notice of those behind.
const MAX_PARAMETERS: usize = 1000;

/// What values of one name are joined by: in ASP.NET, in Spring, and by scripts that make a text of an array.
const JOINTS: [&[u8]; 2] = [b",", b", "];

/// The parameters in the query of a request target: names and values, decoded.
#[derive(Clone, Debug)]
pub(super) struct Query(Vec<(Vec<u8>, Vec<u8>)>);

impl Query {
    /// Reads them; nothing where servers may read the whole query differently.
    pub(super) fn new(target: &[u8]) -> Option<Self> {
        let Some(start) = target.iter().position(|byte| *byte == b'?') else { return Some(Self(Vec::new())) };
        let query = target.get(start + 1..).unwrap_or_default();
        // A fragment, or the separator of HTML 4 (W3C HTML 4.01, B.2.2).
        if query.iter().any(|byte| matches!(byte, b'#' | b';')) {
            return None;
        }
        let mut parameters = Vec::new();
        for (position, piece) in query.split(|byte| *byte == b'&').enumerate() {
            if position == MAX_PARAMETERS {
                return None;
            }
            if piece.is_empty() {
                continue;
            }
            let equals = piece.iter().position(|byte| *byte == b'=').unwrap_or(piece.len());
            let key = decoded(piece.get(..equals)?)?;
            let value = decoded(piece.get(equals + 1..).unwrap_or_default())?;
            if !is_plain(&key) || encoded(&key) {
                return None;
            }
            parameters.push((key, value));
        }
        Some(Self(parameters))
    }

    /// What the parameter `name` says.
    pub(super) fn parameter(&self, name: &str) -> Reading<'_> {
        let mut values: Vec<&[u8]> = Vec::new();
        for (key, value) in &self.0 {
            if key == name.as_bytes() {
                if encoded(value) {
                    return Reading::Doubt;
                }
                values.push(value);
            } else if alike(key, name.as_bytes()) {
                return Reading::Doubt;
            }
        }
        match values.as_slice() {
            [] => Reading::Absent,
            [only] if !only.contains(&b',') => Reading::One(Cow::Borrowed(only)),
            // Spring takes one value for a list too, if a list is asked for.
            list => Reading::of_list(list, &JOINTS),
        }
    }
}

/// Decodes percent-encodings and `+` (WHATWG URL, application/x-www-form-urlencoded). Nothing where an encoding is broken or not UTF-8.
fn decoded(raw: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'%' => hex(*bytes.next()?)? << 4 | hex(*bytes.next()?)?,
            b'+' => b' ',
            other => *other,
        });
    }
    core::str::from_utf8(&text).is_ok().then_some(text)
}

/// Whether something decoded is still encoded: some servers, and filters in front of them, decode twice.
fn encoded(text: &[u8]) -> bool {
    text.windows(3)
        .any(|part| matches!(part, [b'%', high, low] if hex(*high).is_some() && hex(*low).is_some()))
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Whether some servers take the parameter `key` for `name`, for something in it, or for something it is in: they ignore case and
/// white space, write `.` and others as `_` (PHP), find `name` in `[name]`, `name[]` and `name[x]` (PHP, Rails, Express), or take
/// `!name` where there is no `name` (Spring).
fn alike(key: &[u8], name: &[u8]) -> bool {
    if folded(key).eq(folded(name)) {
        return true;
    }
    let divided = |text: &[u8]| text.iter().any(|byte| matches!(byte, b'[' | b']' | b'.' | b'!'));
    if !divided(key) && !divided(name) {
        return false;
    }
    let key = key.strip_prefix(b"!").unwrap_or(key);
    let dotted = |text| flattened(text).collect::<Vec<u8>>();
    starts(key, name) || starts(name, key) || dotted(key) == dotted(name)
}

/// A name with a dot behind each part, whether it was in brackets or between dots.
fn flattened(name: &[u8]) -> impl Iterator<Item = u8> {
    parts(name, |byte| matches!(byte, b'[' | b']' | b'.')).flat_map(|part| folded(part).chain([b'.']))
}

/// Whether `whole`, which may have brackets, starts with the names in `start`, of which there is at least one.
fn starts(whole: &[u8], start: &[u8]) -> bool {
    let bracket = |byte: &u8| matches!(byte, b'[' | b']');
    let mut whole = parts(whole, bracket);
    let mut start = parts(start, bracket).peekable();
    start.peek().is_some()
        && start.all(|name| whole.next().is_some_and(|other| folded(name).eq(folded(other))))
}

/// What is not empty between the bytes that divide.
fn parts(name: &[u8], divides: impl Fn(&u8) -> bool) -> impl Iterator<Item = &[u8]> {
    name.split(divides).map(<[u8]>::trim_ascii).filter(|part| !part.is_empty())
}

fn folded(name: &[u8]) -> impl Iterator<Item = u8> {
    let fold = |byte: &u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'_' };
    name.trim_ascii().iter().map(fold)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &str, expected: Reading<'_>) {
        assert_eq!(read(target, "tenant"), expected, "{target}");
    }

    fn read(target: &str, name: &str) -> Reading<'static> {
        let Some(query) = Query::new(target.as_bytes()) else { return Reading::Doubt };
        let own = |text: &Cow<'_, [u8]>| Cow::Owned(text.to_vec());
        match query.parameter(name) {
            Reading::Doubt => Reading::Doubt,
            Reading::Absent => Reading::Absent,
            Reading::Unclear => Reading::Unclear,
            Reading::One(text) => Reading::One(own(&text)),
            Reading::Several(texts) => Reading::Several(texts.iter().map(own).collect()),
        }
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
        check("/a?tenant=100%25&b=%2561", one("100%"));
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
        let several = |texts: &[&'static str]| {
            Reading::Several(texts.iter().map(|text| Cow::Borrowed(text.as_bytes())).collect())
        };
        check("/a?tenant=x&tenant=x", several(&["x", "x, x", "x,x"]));
        check("/a?tenant=y&tenant=x", several(&["x", "y", "y, x", "y,x"]));
        check("/a?tenant=y,+x", several(&["x", "y", "y, x"]));
    }

    #[test]
    fn more_parameters_than_servers_read_are_in_doubt() {
        let query = |count| alloc::format!("/a?{}tenant=x", "&".repeat(count - 1));
        check(&query(MAX_PARAMETERS), one("x"));
        check(&query(MAX_PARAMETERS + 1), Reading::Doubt);
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
            "/a?tenant=%2578",
            "/a?%2574enant=x",
            "/a?%2562=x&tenant=x",
            "/a?tenant%00=x",
            "/a?t%C3%A9nant=x",
        ] {
            check(target, Reading::Doubt);
        }
        assert!(Query::new(b"/a?b=\xff").is_none());
    }

    #[test]
    fn a_name_that_some_servers_take_for_another_leaves_doubt() {
        for name in [
            "Tenant",
            "+tenant",
            "tenant%20",
            "tenant[]",
            "tenant[0]",
            "tenant%5bx",
            "TENANT[a][b]",
            "[tenant]",
            "%5BTenant%5D",
            "[tenant][0]",
            "!tenant",
        ] {
            check(&alloc::format!("/a?{name}=x"), Reading::Doubt);
            check(&alloc::format!("/a?tenant=y&{name}=x"), Reading::Doubt);
        }
        for name in ["a.b", "a+b", "a-b", "A_b", "a[b"] {
            let target = alloc::format!("/?{name}=x");
            assert_eq!(read(&target, "a_b"), Reading::Doubt, "{name}");
        }
        for name in ["a[b][]", "a[b][0]", "[a][b]", "a.b", "A[B]", "a", "a[[b]]", "!a[b]"] {
            let target = alloc::format!("/?{name}=x");
            assert_eq!(read(&target, "a[b]"), Reading::Doubt, "{name}");
        }
        for name in ["a[c]", "b", "b[a]", "a.c", "ab", "a_b"] {
            let target = alloc::format!("/?{name}=x");
            assert_eq!(read(&target, "a[b]"), Reading::Absent, "{name}");
        }
    }
}
