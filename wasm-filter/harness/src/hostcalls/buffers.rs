//! Calls about buffers: configurations, bodies, bytes of connections, responses to calls.

use std::borrow::Cow;

use super::{Answer, Arguments, Status, Write};
use crate::host::{Host, Phase};

/// The buffers of the ABI, and the last number that names one.
const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const DOWNSTREAM_DATA: u32 = 2;
const UPSTREAM_DATA: u32 = 3;
const CALL_RESPONSE_BODY: u32 = 4;
const VM_CONFIGURATION: u32 = 6;
const PLUGIN_CONFIGURATION: u32 = 7;
const LAST: u32 = 8;

/// The buffer that the first parameter names, to be read.
fn readable<'h>(host: &'h mut Host, arguments: &Arguments<'_>) -> Result<Cow<'h, [u8]>, Status> {
    match arguments.word(0) {
        VM_CONFIGURATION => Ok(Cow::Borrowed(&host.plugin.vm_configuration)),
        PLUGIN_CONFIGURATION if host.phase == Phase::Configure => {
            Ok(Cow::Borrowed(&host.plugin.configuration))
        }
        CALL_RESPONSE_BODY => match &host.calls.current {
            Some(response) => Ok(Cow::Borrowed(&response.body)),
            None => Err(Status::NotFound),
        },
        _ => writable(host, arguments).map(|bytes| Cow::Borrowed(bytes.as_slice())),
    }
}

/// The buffer that the first parameter names, to be changed.
fn writable<'h>(host: &'h mut Host, arguments: &Arguments<'_>) -> Result<&'h mut Vec<u8>, Status> {
    let number = arguments.word(0);
    if number > LAST {
        return Err(Status::BadArgument);
    }
    let context = host.context().ok_or(Status::NotFound)?;
    let found = match number {
        REQUEST_BODY => context.http().and_then(|http| http.request.body()),
        RESPONSE_BODY => context.http().and_then(|http| http.response.body()),
        DOWNSTREAM_DATA => {
            context.tcp().filter(|tcp| tcp.downstream.open).map(|tcp| &mut tcp.downstream.pending)
        }
        UPSTREAM_DATA => context.tcp().filter(|tcp| tcp.upstream.open).map(|tcp| &mut tcp.upstream.pending),
        _ => None,
    };
    found.ok_or(Status::NotFound)
}

/// A length beyond the end means "up to the end". Where there are no bytes, nothing is written: not even that there
/// are none.
pub(super) fn get(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let buffer = readable(host, arguments)?;
    let start = arguments.word(1) as usize;
    let end = start.saturating_add(arguments.word(2) as usize).min(buffer.len());
    Ok(match buffer.get(start..end) {
        None | Some([]) => Vec::new(),
        Some(bytes) => vec![arguments.block(3, bytes.to_vec())],
    })
}

pub(super) fn status(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let length = u32::try_from(readable(host, arguments)?.len()).map_err(|_| Status::InternalFailure)?;
    Ok(vec![
        Write::Word { at: arguments.word(1), value: length },
        Write::Word { at: arguments.word(2), value: 0 },
    ])
}

/// Adds to the front, replaces everything, or adds to the end; nothing else. A configuration cannot be changed.
pub(super) fn set(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let (start, length) = (arguments.word(1) as usize, arguments.word(2) as usize);
    if matches!(arguments.word(0), CALL_RESPONSE_BODY | VM_CONFIGURATION | PLUGIN_CONFIGURATION) {
        readable(host, arguments)?;
        return Err(Status::BadArgument);
    }
    let buffer = writable(host, arguments)?;
    let bytes = arguments.bytes(3)?;
    match (start, length) {
        (0, 0) => drop(buffer.splice(0..0, bytes.iter().copied())),
        (0, length) if length >= buffer.len() => *buffer = bytes.to_vec(),
        (0, _) => return Err(Status::BadArgument),
        (start, _) if start >= buffer.len() => buffer.extend_from_slice(bytes),
        _ => return Err(Status::BadArgument),
    }
    Ok(Vec::new())
}
