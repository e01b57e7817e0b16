//! The attributes that Envoy makes of what it holds itself: of the plugin, and of the headers of a request.

use std::collections::BTreeMap;

use crate::context::{Context, HttpState, Kind};
use crate::exchange::Header;
use crate::response::value;
use crate::{Plugin, Value};

/// Attributes that look like maps and list nothing when they are read as a whole.
const VIEWS: [&str; 9] = [
    "request",
    "response",
    "connection",
    "upstream",
    "source",
    "destination",
    "filter_state",
    "upstream_filter_state",
    "xds",
];

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
    plugin.properties.set(["listener_direction"], plugin.direction as i64);
}

/// What Envoy has of a stream itself.
pub(crate) fn of_stream(context: &Context, path: &[u8], began: u64) -> Option<Value> {
    let mut segments = std::str::from_utf8(path).ok()?.split('\0');
    let (first, second, rest) = (segments.next()?, segments.next(), segments.next());
    let Some(second) = second else {
        return VIEWS.contains(&first).then(|| Value::Map(BTreeMap::new()));
    };
    match (&context.kind, first) {
        (_, "filter_state") if rest.is_none() => {
            let written = context.written.get(second.strip_prefix(WRITTEN)?.as_bytes())?;
            Some(Value::Bytes(written.clone()))
        }
        (Kind::Http(http), "request") if second == "headers" => header(http.request_headers(), rest),
        (Kind::Http(http), "request") if rest.is_none() => of_request(http, second, began),
        (Kind::Http(http), "response") if second == "headers" => header(http.response_headers(), rest),
        (Kind::Http(http), "response") if rest.is_none() => of_response(http, second),
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

fn size(headers: Option<&[Header]>) -> usize {
    headers.unwrap_or_default().iter().map(|(name, value)| name.len() + value.len()).sum()
}

fn number(size: usize) -> Value {
    Value::Int(i64::try_from(size).unwrap_or(i64::MAX))
}

fn of_request(http: &HttpState, name: &str, began: u64) -> Option<Value> {
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
        "time" => Some(Value::Int(i64::try_from(began).unwrap_or(i64::MAX))),
        "size" => match headers.and_then(|headers| value(headers, b"content-length")) {
            Some(length) => std::str::from_utf8(length).ok()?.trim().parse().ok().map(Value::Int),
            None => Some(number(http.request.received)),
        },
        "total_size" => Some(number(http.request.received + size(headers))),
        "headers_bytes" => Some(number(size(headers))),
        _ => None,
    }
}

fn of_response(http: &HttpState, name: &str) -> Option<Value> {
    let headers = http.response_headers();
    match name {
        "code" => {
            let arrived = http.response.headers.as_deref()?;
            std::str::from_utf8(value(arrived, b":status")?).ok()?.parse().ok().map(Value::Int)
        }
        "code_details" => http.local.as_ref().map(|local| Value::Bytes(local.details.clone())),
        "size" => Some(number(http.response.forwarded.body.len())),
        "total_size" => Some(number(http.response.forwarded.body.len() + size(headers))),
        "headers_bytes" => Some(number(size(headers))),
        "flags" => Some(Value::Int(0)),
        "trailers" => Some(Value::Map(BTreeMap::new())),
        _ => None,
    }
}
