//! Calls that decide what becomes of a request.

use super::{Answer, Arguments, Status};
use crate::exchange::LocalResponse;
use crate::host::Host;
use crate::pairs;

/// The kinds of stream in the ABI: HTTP request and response, TCP downstream and upstream.
const REQUEST: u32 = 0;
const LAST_STREAM: u32 = 3;

/// The first answer counts. Without a request there is nobody to answer, which Envoy passes over in silence.
pub(super) fn send_local_response(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let (details, body, headers) = (arguments.bytes(1)?, arguments.bytes(3)?, arguments.bytes(5)?);
    let grpc_status = arguments.word(7).cast_signed();
    let response = LocalResponse {
        status: arguments.word(0),
        headers: pairs::decode(headers),
        body: body.to_vec(),
        details: details.to_vec(),
        grpc_status: (grpc_status >= 0).then_some(grpc_status),
    };
    if let Some(stream) = host.stream() {
        stream.response.get_or_insert(response);
    }
    Ok(Vec::new())
}

pub(super) fn resume(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    match (arguments.word(0), host.stream()) {
        (REQUEST, Some(stream)) => stream.resumed = true,
        (0..=LAST_STREAM, _) => {}
        _ => return Err(Status::BadArgument),
    }
    Ok(Vec::new())
}

pub(super) fn close(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    match (arguments.word(0), host.stream()) {
        (REQUEST, Some(stream)) => stream.closed = true,
        (0..=LAST_STREAM, _) => {}
        _ => return Err(Status::BadArgument),
    }
    Ok(Vec::new())
}
