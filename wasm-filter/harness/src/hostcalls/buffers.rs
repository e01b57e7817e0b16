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

/// The buffer that the first parameter names, to be read. Those of streams, of gRPC and of calls are empty where they
/// are not there.
fn readable<'h>(host: &'h mut Host, arguments: &Arguments<'_>) -> Result<Cow<'h, [u8]>, Status> {
    match arguments.word(0) {
        VM_CONFIGURATION => Ok(Cow::Borrowed(&host.plugin.vm_configuration)),
        PLUGIN_CONFIGURATION if host.phase == Phase::Configure => {
            Ok(Cow::Borrowed(&host.plugin.configuration))
        }
        PLUGIN_CONFIGURATION => Err(Status::NotFound),
        CALL_RESPONSE_BODY => match &host.calls.current {
            Some(response) => Ok(Cow::Borrowed(&response.body)),
            None => Err(Status::NotFound),
        },
        number @ 0..=LAST => {
            let buffer = of_stream(host, number);
            Ok(buffer.map_or(Cow::Borrowed(&[]), |bytes| Cow::Borrowed(bytes.as_slice())))
        }
        _ => Err(Status::BadArgument),
    }
}

/// The buffer of that number, if the module's stream has it now.
fn of_stream(host: &mut Host, number: u32) -> Option<&mut Vec<u8>> {
    let context = host.context()?;
    match number {
        REQUEST_BODY => context.http()?.request.body(),
        RESPONSE_BODY => context.http()?.response.body(),
        DOWNSTREAM_DATA => {
            context.tcp().filter(|tcp| tcp.downstream.open).map(|tcp| &mut tcp.downstream.pending)
        }
        UPSTREAM_DATA => context.tcp().filter(|tcp| tcp.upstream.open).map(|tcp| &mut tcp.upstream.pending),
        _ => None,
    }
}

/// A length beyond the end means "up to the end".
pub(super) fn get(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let buffer = readable(host, arguments)?;
    let start = arguments.word(1) as usize;
    let end = start.saturating_add(arguments.word(2) as usize).min(buffer.len());
    let bytes = buffer.get(start..end).unwrap_or_default();
    Ok(vec![arguments.block(3, bytes.to_vec())])
}

pub(super) fn status(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let length = u32::try_from(readable(host, arguments)?.len()).map_err(|_| Status::InternalFailure)?;
    Ok(vec![
        Write::Word { at: arguments.word(1), value: length },
        Write::Word { at: arguments.word(2), value: 0 },
    ])
}

/// Replaces the beginning, or everything, or adds to the end; nothing else. A configuration cannot be changed.
pub(super) fn set(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let number = arguments.word(0);
    let (start, length) = (arguments.word(1) as usize, arguments.word(2) as usize);
    readable(host, arguments)?;
    let bytes = arguments.bytes(3)?;
    let buffer = of_stream(host, number).ok_or(Status::BadArgument)?;
    match start {
        0 => drop(buffer.splice(..length.min(buffer.len()), bytes.iter().copied())),
        start if start >= buffer.len() => buffer.extend_from_slice(bytes),
        _ => return Err(Status::BadArgument),
    }
    Ok(Vec::new())
}
