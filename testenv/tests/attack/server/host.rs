//! Hosts, as servers read them.

use std::collections::BTreeSet;

use crate::bytes::contains;
use crate::message::Message;

/// Which of several hosts counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The authority of the target, else the first header. (RFC 9112, 3.2.2; RFC 9113, 8.3.1.)
    First,
    /// Any of them: whichever the next in a chain looks at.
    Any,
}

pub(super) const FIRST: Reading = Reading::First;
pub(super) const LAST: Reading = Reading::Any;

/// Authority and path of a target in absolute form.
pub(super) fn divided(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let scheme = target.windows(3).position(|window| window == b"://")?;
    if target.starts_with(b"/") || !target.get(..scheme)?.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let rest = target.get(scheme + 3..)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    Some(rest.split_at(end))
}

/// The hosts it may mean.
pub(super) fn hosts(message: &Message, reading: Reading) -> BTreeSet<Vec<u8>> {
    let target = message.target.as_deref().and_then(divided).map(|(authority, _)| authority.to_vec());
    let authority = message.authority.clone();
    let headers = message.values(b"host").map(<[u8]>::to_vec);
    let mut all = target.into_iter().chain(authority).chain(headers);
    match reading {
        Reading::First => all.next().map(|it| bare(&it)).into_iter().collect(),
        Reading::Any => {
            all.flat_map(|it| it.split(|byte| *byte == b',').map(bare).collect::<Vec<_>>()).collect()
        }
    }
}

/// In lower case, without user, port, dots at the end and white space. (nginx, ngx_http_validate_host; RFC 3986, 3.2.)
fn bare(authority: &[u8]) -> Vec<u8> {
    let authority = super::path::lenient(authority).trim_ascii().to_ascii_lowercase();
    let host = authority.rsplit(|byte| *byte == b'@').next().unwrap_or_default();
    let host =
        if contains(host, b"[") { host } else { host.split(|byte| *byte == b':').next().unwrap_or_default() };
    let mut host = host.to_vec();
    while host.ends_with(b".") {
        host.pop();
    }
    host
}
