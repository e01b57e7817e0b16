//! Headers and cookies, as servers read them.

use crate::bytes::{contains, cut, trimmed};
use crate::message::Message;

/// How a header is found, and what it says when it comes several times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Which of several lines count.
    lines: Lines,
    /// Names are compared as CGI writes them: everything but letters and digits is `_`. (RFC 3875, 4.1.18.)
    folded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// Go's Header.Get, Java's getHeader.
    First,
    /// Joined by commas: RFC 9110, 5.3; nginx, Node, ASP.NET, CGI.
    Joined,
    /// The first, the last, all joined, and each element of a list: somebody in a chain will.
    Any,
}

pub(super) const FIRST: Reading = Reading { lines: Lines::First, folded: false };
pub(super) const JOINED: Reading = Reading { lines: Lines::Joined, folded: false };
pub(super) const CGI: Reading = Reading { lines: Lines::Joined, folded: true };
pub(super) const CHAIN: Reading = Reading { lines: Lines::Any, folded: true };

/// What a header says; several where it is open.
pub(super) fn values(message: &Message, name: &[u8], reading: Reading) -> Vec<Vec<u8>> {
    let form = |name: &[u8]| -> Vec<u8> {
        let fold = |byte: &u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'_' };
        if reading.folded { trimmed(name).iter().map(fold).collect() } else { name.to_ascii_lowercase() }
    };
    let wanted = form(name);
    let lines: Vec<&[u8]> =
        message.fields.iter().filter(|(it, _)| form(it) == wanted).map(|(_, value)| trimmed(value)).collect();
    match reading.lines {
        Lines::First => lines.first().map(|line| line.to_vec()).into_iter().collect(),
        Lines::Joined if lines.is_empty() => Vec::new(),
        Lines::Joined => vec![lines.join(&b", "[..]), lines.join(&b","[..])],
        Lines::Any => {
            let elements = lines.iter().flat_map(|line| line.split(|byte| *byte == b',').map(trimmed));
            let whole = lines.iter().copied();
            let all = whole.chain(elements).map(<[u8]>::to_vec);
            let joined = (lines.len() > 1).then(|| lines.join(&b", "[..]));
            all.chain(joined).collect()
        }
    }
}

/// What a cookie says. RFC 6265, 5.4: pairs divided by `;`; of two the first counts (PHP, Go), or any. PHP decodes, and
/// folds `.` and space in names; some take a comma for a divider and quotes off (RFC 2109).
pub(super) fn cookies(message: &Message, name: &[u8], reading: Reading) -> Vec<Vec<u8>> {
    let old = reading.lines == Lines::Any;
    let lines: Vec<&[u8]> = message.values(b"cookie").collect();
    let text = lines.join(&b"; "[..]);
    let pairs = text.split(|byte| *byte == b';' || old && *byte == b',');
    let found = pairs.filter_map(|pair| {
        let (key, value) = cut(pair, b'=');
        let (mut key, mut value) = (trimmed(key).to_vec(), trimmed(value?).to_vec());
        if reading.folded {
            (key, value) = (super::path::lenient(&key), super::path::lenient(&value));
            for byte in &mut key {
                if matches!(byte, b'.' | b' ') {
                    *byte = b'_';
                }
            }
        }
        if contains(&value, b"\"") {
            value =
                value.strip_prefix(b"\"").and_then(|it| it.strip_suffix(b"\"")).unwrap_or(&value).to_vec();
        }
        (key == name).then_some(value)
    });
    if old { found.collect() } else { found.take(1).collect() }
}
