//! Calls about header maps.

use super::{Answer, Arguments, Status, Write};
use crate::context::Context;
use crate::exchange::Header;
use crate::headers::{self, Kind};
use crate::host::Host;
use crate::pairs;

/// The maps of the ABI, and the last number that names one. Those of gRPC calls (4 and 5) are never there.
const REQUEST_HEADERS: u32 = 0;
const REQUEST_TRAILERS: u32 = 1;
const RESPONSE_HEADERS: u32 = 2;
const RESPONSE_TRAILERS: u32 = 3;
const CALL_RESPONSE_HEADERS: u32 = 6;
const CALL_RESPONSE_TRAILERS: u32 = 7;
const LAST: u32 = 7;

/// The map that the first parameter names, to be read; none if it is not there at the moment.
fn readable<'h>(host: &'h Host, arguments: &Arguments<'_>) -> Result<Option<&'h [Header]>, Status> {
    let number = arguments.word(0);
    if number > LAST {
        return Err(Status::BadArgument);
    }
    let http = host.contexts.get(&host.context_id()).and_then(Context::as_http);
    let response = host.calls.current.as_ref();
    Ok(match number {
        CALL_RESPONSE_HEADERS => response.and_then(|response| response.headers.as_deref()),
        CALL_RESPONSE_TRAILERS => response.and_then(|response| response.trailers.as_deref()),
        number => http.and_then(|http| {
            let (request, response, logging) = (&http.request, &http.response, http.logging);
            match number {
                REQUEST_HEADERS if request.headers_open || logging => request.headers.as_deref(),
                RESPONSE_HEADERS if logging => http.sent_headers(),
                RESPONSE_HEADERS if response.headers_open => response.headers.as_deref(),
                REQUEST_TRAILERS if request.trailers_open && !logging => request.trailers.as_deref(),
                RESPONSE_TRAILERS if response.trailers_open || logging => response.trailers.as_deref(),
                _ => None,
            }
        }),
    })
}

/// The map that the first parameter names, to be changed. Trailers that did not come can be made at the last part of
/// a body.
fn writable<'h>(host: &'h mut Host, arguments: &Arguments<'_>) -> Result<&'h mut Vec<Header>, Status> {
    if arguments.word(0) > LAST {
        return Err(Status::BadArgument);
    }
    let http = host.context().and_then(Context::http).ok_or(Status::BadArgument)?;
    let found = match arguments.word(0) {
        REQUEST_HEADERS => http.request.headers.as_mut().filter(|_| http.request.headers_open),
        RESPONSE_HEADERS => http.response.headers.as_mut().filter(|_| http.response.headers_open),
        REQUEST_TRAILERS => http.request.trailers_to_change(),
        RESPONSE_TRAILERS => http.response.trailers_to_change(),
        _ => None,
    };
    found.ok_or(Status::BadArgument)
}

fn kind(arguments: &Arguments<'_>) -> Kind {
    match arguments.word(0) {
        REQUEST_HEADERS => Kind::Request,
        RESPONSE_HEADERS => Kind::Response,
        _ => Kind::Trailers,
    }
}

/// Envoy writes no bytes at all for a map that is absent or empty.
pub(super) fn get_pairs(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let bytes = match readable(host, arguments)? {
        None => Vec::new(),
        Some([]) => Vec::new(),
        Some(headers) => {
            pairs::encode(headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())))
        }
    };
    Ok(vec![arguments.block(1, bytes)])
}

pub(super) fn set_pairs(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let replacement = pairs::decode(arguments.bytes(1)?);
    *writable(host, arguments)? = headers::map(kind(arguments), &replacement);
    Ok(Vec::new())
}

pub(super) fn size(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let value =
        u32::try_from(headers::size(writable(host, arguments)?)).map_err(|_| Status::InternalFailure)?;
    Ok(vec![Write::Word { at: arguments.word(1), value }])
}

/// The first header of that name only: a module that must see all of them reads the pairs. A map that is not there is
/// a wrong argument, but while a stream is logged.
pub(super) fn get(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let name = arguments.bytes(1)?;
    let logging =
        host.contexts.get(&host.context_id()).and_then(Context::as_http).is_some_and(|http| http.logging);
    let absent = if logging { Status::NotFound } else { Status::BadArgument };
    let headers = readable(host, arguments)?.ok_or(absent)?;
    let (_, value) =
        headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).ok_or(Status::NotFound)?;
    Ok(vec![arguments.block(3, value.clone())])
}

pub(super) fn add(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let (name, value) = (arguments.bytes(1)?, arguments.bytes(3)?);
    headers::add(kind(arguments), writable(host, arguments)?, name, value);
    Ok(Vec::new())
}

/// Removes every header of that name and adds one.
pub(super) fn replace(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let (name, value) = (arguments.bytes(1)?, arguments.bytes(3)?);
    let headers = writable(host, arguments)?;
    headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    headers::add(kind(arguments), headers, name, value);
    Ok(Vec::new())
}

pub(super) fn remove(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let name = arguments.bytes(1)?;
    writable(host, arguments)?.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    Ok(Vec::new())
}
