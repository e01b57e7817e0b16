//! Calls about header maps. Only the request's headers exist here.

use super::{Answer, Arguments, Status, Write};
use crate::exchange::Header;
use crate::host::Host;
use crate::pairs;

const REQUEST_HEADERS: u32 = 0;
const LAST_MAP: u32 = 7;

/// The map that the first parameter names; none if it is not there at the moment.
fn map<'a>(host: &'a mut Host, arguments: &Arguments<'_>) -> Result<Option<&'a mut Vec<Header>>, Status> {
    match arguments.word(0) {
        REQUEST_HEADERS => Ok(host.stream().map(|stream| &mut stream.headers)),
        1..=LAST_MAP => Ok(None),
        _ => Err(Status::BadArgument),
    }
}

/// The map, where its absence is an error.
fn present<'a>(host: &'a mut Host, arguments: &Arguments<'_>) -> Result<&'a mut Vec<Header>, Status> {
    map(host, arguments)?.ok_or(Status::BadArgument)
}

/// Envoy writes no bytes at all for a map that is absent or empty.
pub(super) fn get_pairs(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let headers = map(host, arguments)?.map(std::mem::take).unwrap_or_default();
    let bytes = match headers.is_empty() {
        true => Vec::new(),
        false => pairs::encode(headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))),
    };
    if let Some(map) = map(host, arguments)? {
        *map = headers;
    }
    Ok(vec![arguments.block(1, bytes)])
}

pub(super) fn set_pairs(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let replacement = pairs::decode(arguments.bytes(1)?);
    let headers = present(host, arguments)?;
    headers.clear();
    for (name, value) in replacement {
        append(headers, &name, &value);
    }
    Ok(Vec::new())
}

pub(super) fn size(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let bytes: usize = present(host, arguments)?.iter().map(|(name, value)| name.len() + value.len()).sum();
    let value = u32::try_from(bytes).map_err(|_| Status::InternalFailure)?;
    Ok(vec![Write::Word { at: arguments.word(1), value }])
}

/// The first header of that name only: a module that must see all of them reads the pairs.
pub(super) fn get(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let name = arguments.bytes(1)?;
    let headers = present(host, arguments)?;
    let (_, value) =
        headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).ok_or(Status::NotFound)?;
    Ok(vec![arguments.block(3, value.clone())])
}

pub(super) fn add(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    append(present(host, arguments)?, arguments.bytes(1)?, arguments.bytes(3)?);
    Ok(Vec::new())
}

/// Removes every header of that name and adds one.
pub(super) fn replace(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let (name, value) = (arguments.bytes(1)?, arguments.bytes(3)?);
    let headers = present(host, arguments)?;
    headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    append(headers, name, value);
    Ok(Vec::new())
}

pub(super) fn remove(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let name = arguments.bytes(1)?;
    present(host, arguments)?.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    Ok(Vec::new())
}

/// Adds a header at the end, a pseudo-header behind the last one of its kind; names become lower case.
fn append(headers: &mut Vec<Header>, name: &[u8], value: &[u8]) {
    let position = if name.starts_with(b":") {
        headers.iter().take_while(|(other, _)| other.starts_with(b":")).count()
    } else {
        headers.len()
    };
    headers.insert(position, (name.to_ascii_lowercase(), value.to_vec()));
}
