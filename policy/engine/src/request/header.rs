//! Reading a header (S51).

use alloc::{borrow::Cow, vec::Vec};

use super::{HeaderLine, Reading, reading::trimmed};

/// What lines are joined by (RFC 9110, 5.3).
const JOINTS: [&[u8]; 2] = [b",", b", "];
/// What lines of cookies are joined by, by those who know them as well (RFC 9113, 8.2.3).
const COOKIE_JOINTS: [&[u8]; 3] = [b",", b", ", b"; "];

/// What the header `name`, which is in lower case, says among these lines.
///
/// A header may come in several lines, and RFC 9110, 5.3, lets anybody on the way join lines by commas. So one server
/// takes the first line, another the last, a third everything joined, a fourth an element of the list: all are readings.
pub(super) fn read<'a>(lines: &[HeaderLine<'a>], name: &str) -> Reading<'a> {
    let mut values: Vec<&'a [u8]> = Vec::new();
    for (actual, value) in lines {
        if actual.eq_ignore_ascii_case(name.as_bytes()) {
            values.push(value);
        } else if alike(actual, name.as_bytes()) {
            return Reading::Doubt;
        }
    }
    if let [only] = values.as_slice()
        && !only.contains(&b',')
        && trimmed(only) == *only
    {
        return Reading::One(Cow::Borrowed(only));
    }
    // White space around a value is not part of it (RFC 9110, 5.5), but not everybody removes it.
    Reading::of_list(&values, if name == "cookie" { &COOKIE_JOINTS } else { &JOINTS })
}

/// Whether some servers take a header of this name for one that says where a message ends, and others do not (S65).
pub(super) fn may_end_it(name: &[u8]) -> bool {
    let names: [&[u8]; 2] = [b"transfer-encoding", b"content-length"];
    names.iter().any(|exact| alike(name, exact) && !name.eq_ignore_ascii_case(exact))
}

/// Whether a server that puts headers into variables gives both names to one: CGI and WSGI write every other
/// character than a letter or digit as `_` (RFC 3875, 4.1.18).
fn alike(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| variable(*a) == variable(*b))
}

fn variable(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'_' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn check(lines: &[(&str, &str)], expected: &Reading<'_>) {
        let lines: Vec<_> = lines.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        assert_eq!(read(&lines, "x-role"), *expected, "{lines:?}");
    }

    fn several<'a>(texts: &[&'a str]) -> Reading<'a> {
        Reading::Several(texts.iter().map(|text| Cow::Borrowed(text.as_bytes())).collect())
    }

    #[test]
    fn a_single_line_is_read_alike_by_everybody() {
        check(&[], &Reading::Absent);
        check(&[("x-other", "a"), ("x-roles", "a")], &Reading::Absent);
        check(&[("x-role", "admin")], &Reading::One(Cow::Borrowed(b"admin")));
        check(&[("X-Role", "a b")], &Reading::One(Cow::Borrowed(b"a b")));
        check(&[("x-role", "")], &Reading::One(Cow::Borrowed(b"")));
    }

    #[test]
    fn repeated_lines_and_lists_have_several_readings() {
        check(&[("x-role", "a"), ("X-ROLE", "a")], &several(&["a", "a, a", "a,a"]));
        check(&[("x-role", "b"), ("x-role", "a")], &several(&["a", "b", "b, a", "b,a"]));
        check(&[("x-role", "b,a")], &several(&["a", "b", "b,a"]));
        check(&[("x-role", "a, ")], &several(&["", "a", "a,", "a, "]));
        check(&[("x-role", " a\t")], &several(&[" a\t", "a"]));
    }

    #[test]
    fn cookies_in_several_lines_are_one_list() {
        let lines: [HeaderLine<'_>; 2] = [(b"cookie", b"a=1"), (b"Cookie", b"b=2")];
        let expected = several(&["a=1", "a=1, b=2", "a=1,b=2", "a=1; b=2", "b=2"]);
        assert_eq!(read(&lines, "cookie"), expected);
    }

    #[test]
    fn more_readings_than_anybody_needs_are_not_told_apart() {
        check(&[("x-role", &"a,".repeat(40_000))], &Reading::Unclear);
        check(&[("x-role", "a"); 1000], &Reading::Unclear);
        assert_eq!(Reading::Unclear.present(), crate::Truth::Yes);
        assert_eq!(Reading::Unclear.holds(|_| crate::Truth::Yes), crate::Truth::Unknown);
    }

    #[test]
    fn a_header_that_becomes_the_same_variable_leaves_doubt() {
        for name in ["x_role", "X_Role", "x.role", "x~role"] {
            check(&[(name, "admin")], &Reading::Doubt);
            check(&[("x-role", "user"), (name, "admin")], &Reading::Doubt);
        }
        assert_eq!(vec![variable(b'A'), variable(b'-'), variable(0xff)], b"a__");
    }
}
