//! The attributes that Envoy makes of what it holds itself: of the plugin, and of the headers of a request.

use std::collections::BTreeMap;

use crate::context::{Context, HttpState, Kind};
use crate::exchange::Header;
use crate::headers::{size, value};
use crate::response::grpc_of_http;
use crate::{Plugin, Value};

/// Attributes that look like maps, and cannot be read as a whole.
const VIEWS: [&str; 8] = [
    "request",
    "response",
    "connection",
    "upstream",
    "source",
    "destination",
    "filter_state",
    "upstream_filter_state",
];

/// The one of them that is there without a stream.
const XDS: &str = "xds";

/// The prefix under which Envoy keeps as filter state what a module writes.
const WRITTEN: &str = "wasm.";

/// Sets what is known without a stream.
pub(crate) fn of_plugin(plugin: &mut Plugin) {
    for (name, value) in [
        ("plugin_name", plugin.name.clone()),
        ("plugin_root_id", plugin.root_id.clone()),
        ("plugin_vm_id", plugin.vm_id.clone()),
    ] {
        plugin.properties.set([name], value);
    }
}

/// Whether a path names a view as a whole.
pub(crate) fn is_view(path: &[u8], of_stream: bool) -> bool {
    let named = |name: &str| name.as_bytes() == path;
    named(XDS) || (of_stream && VIEWS.into_iter().any(named))
}

/// What every stream has, if the caller does not say otherwise.
pub(crate) fn by_default(context: &Context, path: &[u8], plugin: &Plugin, id: u32) -> Option<Value> {
    let empty = || Value::Map(BTreeMap::new());
    Some(match path {
        // A connection for each stream.
        b"connection\0id" | b"connection_id" => Value::Int(i64::from(id)),
        b"connection\0mtls" => Value::Bool(false),
        b"connection\0requested_server_name" | b"xds\0filter_chain_name" => "".into(),
        // Requests get an upstream with their route, which nobody knows here.
        b"upstream\0transport_failure_reason" if matches!(context.kind, Kind::Tcp(_)) => "".into(),
        b"upstream\0request_attempt_count" => Value::Int(0),
        b"xds\0listener_direction" => Value::Int(plugin.direction as i64),
        // A message of which nothing is set.
        b"xds\0listener_metadata" => "".into(),
        b"metadata" => Value::Metadata(Box::new(empty())),
        b"metadata\0filter_metadata" => empty(),
        _ => return None,
    })
}

/// What Envoy has of a stream itself.
pub(crate) fn of_stream(context: &Context, path: &[u8], began: u64) -> Option<Value> {
    let mut segments = std::str::from_utf8(path).ok()?.split('\0');
    let (first, second, rest) = (segments.next()?, segments.next()?, segments.next());
    match (&context.kind, first, second) {
        (_, "filter_state", name) if rest.is_none() => {
            let written = context.written.get(name.strip_prefix(WRITTEN)?.as_bytes())?;
            Some(Value::Bytes(written.clone()))
        }
        (Kind::Http(http), "request", "headers") => header(http.request_headers(), rest),
        (Kind::Http(http), "response", "headers") => header(http.response_headers(), rest),
        (_, "request", "time") => Some(Value::Int(i64::try_from(began).unwrap_or(i64::MAX))),
        (Kind::Http(http), "request", name) if rest.is_none() => of_request(http, name),
        (Kind::Http(http), "response", name) if rest.is_none() => of_response(http, name),
        (Kind::Tcp(tcp), "request", "size" | "total_size") => Some(number(tcp.downstream.shown)),
        (Kind::Tcp(tcp), "response", "size" | "total_size") => Some(number(tcp.upstream.forwarded.len())),
        (Kind::Tcp(_), "request" | "response", "headers_bytes") => Some(Value::Int(0)),
        (Kind::Tcp(_), "response", "flags") => Some(Value::Int(0)),
        _ => None,
    }
}

/// What a module wrote, by its name as a whole.
pub(crate) fn written<'c>(context: &'c Context, path: &[u8]) -> Option<&'c Vec<u8>> {
    context.written.get(path).filter(|_| !path.contains(&0))
}

fn header(headers: Option<&[Header]>, name: Option<&str>) -> Option<Value> {
    let headers = headers.unwrap_or_default();
    let Some(name) = name else { return Some(Value::Map(BTreeMap::new())) };
    let mut values = headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()));
    let mut joined = values.next()?.1.clone();
    for (_, value) in values {
        joined.push(b',');
        joined.extend_from_slice(value);
    }
    Some(Value::Bytes(joined))
}

fn number(size: usize) -> Value {
    Value::Int(i64::try_from(size).unwrap_or(i64::MAX))
}

fn of_request(http: &HttpState, name: &str) -> Option<Value> {
    let headers = http.request_headers();
    let of = |name: &[u8]| Some(Value::Bytes(value(headers?, name)?.to_vec()));
    // Envoy takes an absent path for an empty one, here.
    let path = || Some(value(headers?, b":path").unwrap_or_default());
    match name {
        "path" => of(b":path"),
        "host" => of(b":authority"),
        "method" => of(b":method"),
        "scheme" => of(b":scheme"),
        "id" => of(b"x-request-id"),
        "referer" => of(b"referer"),
        "useragent" => of(b"user-agent"),
        "url_path" => path()?.split(|byte| *byte == b'?').next().map(Value::from),
        "query" => {
            let path = path()?;
            let query = path.iter().position(|byte| *byte == b'?').and_then(|at| path.get(at + 1..));
            query.unwrap_or_default().split(|byte| *byte == b'#').next().map(Value::from)
        }
        "size" => match headers.and_then(|headers| value(headers, b"content-length")) {
            Some(length) => std::str::from_utf8(length).ok()?.trim().parse().ok().map(Value::Int),
            None => Some(number(http.request.received)),
        },
        "total_size" => Some(number(http.request.received + size(headers.unwrap_or_default()))),
        "headers_bytes" => Some(number(size(headers.unwrap_or_default()))),
        _ => None,
    }
}

fn of_response(http: &HttpState, name: &str) -> Option<Value> {
    let headers = http.response_headers();
    let trailers = http.response.trailers.as_deref().filter(|_| http.response.trailers_open || http.logging);
    let (sent, of_headers) = (http.response.forwarded.body.len(), size(headers.unwrap_or_default()));
    match name {
        "code" => http.code().map(Value::Int),
        "code_details" => http.local.as_ref().map(|local| Value::Bytes(local.details.clone())),
        "size" => Some(number(sent)),
        "total_size" => Some(number(sent + of_headers + size(trailers.unwrap_or_default()))),
        "headers_bytes" => Some(number(of_headers)),
        "flags" => Some(Value::Int(0)),
        "grpc_status" => {
            let said = [trailers, headers].into_iter().flatten().find_map(|map| value(map, b"grpc-status"));
            let said = said.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
            said.or_else(|| Some(i64::from(grpc_of_http(u32::try_from(http.code()?).ok()?)))).map(Value::Int)
        }
        _ => None,
    }
}

impl HttpState {
    /// The status of the response. An answer in the place of the service has its own until it is under way.
    fn code(&self) -> Option<i64> {
        match &self.local {
            Some(local) if self.response.forwarded.headers.is_none() => Some(i64::from(local.status)),
            _ => std::str::from_utf8(value(self.sent_headers()?, b":status")?).ok()?.parse().ok(),
        }
    }
}
