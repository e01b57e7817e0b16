//! What Envoy's admin interface answers.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Where a sidecar's Envoy tells about itself (Istio's `proxyAdminPort`), inside of its pod.
pub(super) const ADMIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 15_000);

/// What the filter counts its revision as (docs/operations.md).
const STAT: &str = "bookend.policy.revision";

/// How long an answer may take, and how long it may be: one line is asked for.
const PATIENCE: Duration = Duration::from_secs(1);
const MOST: u64 = 64 * 1024;

/// The policy revision of the filter behind the admin interface at `place`, empty if it has no filter that has one.
///
/// # Errors
/// If nobody answers, or not as Envoy does.
pub(super) fn revision(place: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&place, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET /stats?filter={STAT} HTTP/1.1\r\nhost: {place}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer)?;
    body(&answer)
        .map(|body| in_stats(&body))
        .ok_or_else(|| std::io::Error::other("the answer makes no sense"))
}

/// The body of an answer that says that all is well.
fn body(answer: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?;
    if status != "200" {
        return None;
    }
    let chunked = lines.any(|line| {
        line.split_once(':').is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("transfer-encoding") && value.trim().eq_ignore_ascii_case("chunked")
        })
    });
    if chunked { dechunked(body) } else { Some(body.to_owned()) }
}

/// A body of chunks (RFC 9112, 7.1), as one.
fn dechunked(mut rest: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.push_str(after.get(..size)?);
        rest = after.get(size..)?.strip_prefix("\r\n")?;
    }
}

/// The revision in lines such as `wasmcustom.bookend.policy.revision: 189`. Every worker says the same.
fn in_stats(stats: &str) -> String {
    let values = stats.lines().filter_map(|line| {
        let (name, value) = line.rsplit_once(": ")?;
        name.ends_with(STAT).then(|| value.trim().parse::<u64>().ok())?
    });
    // A filter that was told nothing yet has no revision.
    values.max().filter(|number| *number > 0).map(|number| format!("{number:012x}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_read_from_the_stats_of_envoy() {
        let plain = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nwasmcustom.bookend.policy.revision: 11259375\n";
        assert_eq!(in_stats(&body(plain.as_bytes()).unwrap()), "000000abcdef");
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                       1a\r\nwasmcustom.bookend.policy.\r\n13\r\nrevision: 11259375\n\r\n0\r\n\r\n";
        assert_eq!(in_stats(&body(chunked.as_bytes()).unwrap()), "000000abcdef");
        assert_eq!(in_stats(""), "");
        assert_eq!(in_stats("bookend.policy.revision: 0\n"), "");
        assert_eq!(in_stats("bookend.policy.revision_of_others: 7\n"), "");
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_none() {
        for answer in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 503 no\r\n\r\nbookend.policy.revision: 7\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nshort\r\n",
        ] {
            assert_eq!(body(answer.as_bytes()), None, "{answer:?}");
        }
    }
}
