//! Envoy's header maps: which headers there are once, and in which order all of them stand.

use crate::exchange::Header;

/// What a map is for. Headers that a proxy works with itself it keeps once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Response,
    Trailers,
}

/// Of requests, as Envoy 1.40 was seen to join them.
const OF_REQUESTS: &[&[u8]] = &[
    b":authority",
    b":method",
    b":path",
    b":scheme",
    b":protocol",
    b"accept",
    b"accept-encoding",
    b"access-control-request-headers",
    b"access-control-request-method",
    b"authorization",
    b"cache-control",
    b"cdn-loop",
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-type",
    b"expect",
    b"grpc-accept-encoding",
    b"grpc-timeout",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"keep-alive",
    b"origin",
    b"pragma",
    b"proxy-connection",
    b"referer",
    b"te",
    b"transfer-encoding",
    b"upgrade",
    b"user-agent",
    b"via",
    b"x-client-trace-id",
    b"x-envoy-attempt-count",
    b"x-envoy-decorator-operation",
    b"x-envoy-downstream-service-cluster",
    b"x-envoy-downstream-service-node",
    b"x-envoy-external-address",
    b"x-envoy-internal",
    b"x-envoy-is-timeout-retry",
    b"x-envoy-original-host",
    b"x-envoy-original-path",
    b"x-forwarded-client-cert",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-forwarded-proto",
    b"x-request-id",
];

/// Of responses: those that Envoy itself writes or reads in every one.
const OF_RESPONSES: &[&[u8]] = &[
    b":status",
    b"connection",
    b"content-length",
    b"content-type",
    b"date",
    b"grpc-message",
    b"grpc-status",
    b"keep-alive",
    b"location",
    b"proxy-connection",
    b"server",
    b"transfer-encoding",
    b"upgrade",
    b"via",
    b"x-envoy-attempt-count",
    b"x-envoy-upstream-service-time",
    b"x-request-id",
];

/// Of trailers.
const OF_TRAILERS: &[&[u8]] = &[b"grpc-message", b"grpc-status"];

/// Adds a header: names in lower case; pseudo-headers before all others; a header that is kept once is joined with the
/// one that is there.
pub(crate) fn add(kind: Kind, headers: &mut Vec<Header>, name: &[u8], value: &[u8]) {
    let name = name.to_ascii_lowercase();
    let single = match kind {
        Kind::Request => OF_REQUESTS,
        Kind::Response => OF_RESPONSES,
        Kind::Trailers => OF_TRAILERS,
    };
    let present = headers.iter_mut().find(|(other, _)| *other == name);
    if let Some((_, present)) = present.filter(|_| single.contains(&name.as_slice())) {
        if !present.is_empty() && !value.is_empty() {
            present.push(b',');
        }
        present.extend_from_slice(value);
        return;
    }
    let position = match name.starts_with(b":") {
        true => headers.iter().take_while(|(other, _)| other.starts_with(b":")).count(),
        false => headers.len(),
    };
    headers.insert(position, (name, value.to_vec()));
}

/// A map of these headers.
pub(crate) fn map(kind: Kind, headers: &[Header]) -> Vec<Header> {
    let mut map = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        add(kind, &mut map, name, value);
    }
    map
}

/// The first header of that name.
pub(crate) fn value<'h>(headers: &'h [Header], name: &[u8]) -> Option<&'h [u8]> {
    headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
}

/// The bytes of all names and values.
pub(crate) fn size(headers: &[Header]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_are_kept_once_are_joined() {
        let sent = [
            ("User-Agent", "a"),
            ("x", "1"),
            ("user-agent", "b"),
            ("cookie", "c"),
            ("x", "2"),
            ("cookie", "d"),
        ];
        let sent = sent.map(|(name, value)| (name.into(), value.into()));
        let kept: Vec<String> = map(Kind::Request, &sent)
            .iter()
            .map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()))
            .collect();
        assert_eq!(kept, ["user-agent=a,b", "x=1", "cookie=c", "x=2", "cookie=d"]);
        assert_eq!(map(Kind::Trailers, &sent).len(), 6);
    }
}
