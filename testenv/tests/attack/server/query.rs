//! Parameters of a query, as servers read them.

use crate::bytes::cut;
use crate::message::Message;

/// How parameters are divided, named and chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Of several the first: Go's Query().Get, Java's getParameter, Werkzeug.
    First,
    /// PHP: of several the last; `.` and space in names become `_`, white space before them goes, `a[]` is `a`, and NUL
    /// ends a name.
    Php,
    /// ASP.NET: without regard to case, several joined by commas.
    Asp,
    /// Express with qs: several, and `a[]`, `a[b]`, are a list or an object; `[a]` is `a`.
    Express,
    /// `;` divides too (W3C's advice for HTML 4, old Rack and Perl), decoded twice, without regard to case, any of several.
    Chain,
}

pub(super) const FIRST: Reading = Reading::First;
pub(super) const PHP: Reading = Reading::Php;
pub(super) const ASP: Reading = Reading::Asp;
pub(super) const EXPRESS: Reading = Reading::Express;
pub(super) const CHAIN: Reading = Reading::Chain;

/// What a parameter says; several where it is open.
pub(super) fn values(message: &Message, name: &[u8], reading: Reading) -> Vec<Vec<u8>> {
    let Some(target) = &message.target else { return Vec::new() };
    let mut query = cut(target, b'?').1.unwrap_or_default();
    if reading == Reading::Chain && query.is_empty() {
        // An encoded question mark that somebody before decoded.
        let lower = target.to_ascii_lowercase();
        if let Some(at) = lower.windows(3).position(|window| window == b"%3f") {
            query = target.get(at + 3..).unwrap_or_default();
        }
    }
    if reading != Reading::Php {
        query = cut(query, b'#').0;
    }
    let divides = |byte: &u8| *byte == b'&' || *byte == b';' && reading == Reading::Chain;
    let mut found: Vec<Vec<u8>> = Vec::new();
    for pair in query.split(divides) {
        if reading == Reading::First && pair.contains(&b';') {
            // Go drops what has a semicolon.
            continue;
        }
        let (key, value) = cut(pair, b'=');
        let (key, value) = (plain(key), plain(value.unwrap_or_default()));
        let same = match reading {
            Reading::First => key == name,
            Reading::Php => php(&key) == name,
            Reading::Asp => key.eq_ignore_ascii_case(name),
            Reading::Express => bracketless(&key) == name,
            Reading::Chain => plain(&key).eq_ignore_ascii_case(name),
        };
        if same {
            found.push(if reading == Reading::Chain { plain(&value) } else { value });
        }
    }
    match reading {
        Reading::First => found.into_iter().take(1).collect(),
        Reading::Php => found.pop().into_iter().collect(),
        Reading::Asp if found.is_empty() => found,
        Reading::Asp => vec![found.join(&b","[..])],
        Reading::Express | Reading::Chain => {
            let elements: Vec<Vec<u8>> =
                found.iter().flat_map(|it| it.split(|byte| *byte == b',').map(<[u8]>::to_vec)).collect();
            if reading == Reading::Chain { found.into_iter().chain(elements).collect() } else { found }
        }
    }
}

/// `+` is a space, and `%xx` a byte.
fn plain(text: &[u8]) -> Vec<u8> {
    let text: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    super::path::lenient(&text)
}

fn php(key: &[u8]) -> Vec<u8> {
    let key = cut(key.trim_ascii_start(), 0).0;
    let name = cut(key, b'[').0;
    name.iter().map(|byte| if matches!(byte, b'.' | b' ') { b'_' } else { *byte }).collect()
}

fn bracketless(key: &[u8]) -> &[u8] {
    match key.strip_prefix(b"[") {
        Some(rest) => cut(rest, b']').0,
        None => cut(key, b'[').0,
    }
}
