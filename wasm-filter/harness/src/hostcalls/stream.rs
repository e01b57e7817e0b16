//! Calls that decide what becomes of a stream. They take effect when the callback has returned.

use super::{Answer, Arguments, Status};
use crate::context::{Action, Context, Kind};
use crate::host::Host;
use crate::pairs;
use crate::response::LocalResponse;

/// The kinds of stream in the ABI: HTTP request and response, TCP downstream and upstream.
const REQUEST: u32 = 0;
const RESPONSE: u32 = 1;
const DOWNSTREAM: u32 = 2;
const UPSTREAM: u32 = 3;

/// The first answer counts. Whatever becomes of it, Envoy says that all is well, and stops.
pub(super) fn send_local_response(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let (details, body, headers) = (arguments.bytes(1)?, arguments.bytes(3)?, arguments.bytes(5)?);
    let grpc_status = i32::try_from(arguments.word(7)).ok().filter(|status| *status <= LAST_GRPC_STATUS);
    let response = LocalResponse {
        status: arguments.word(0),
        headers: pairs::decode(headers),
        body: body.to_vec(),
        details: details.iter().map(|byte| if is_space(*byte) { b'_' } else { *byte }).collect(),
        grpc_status,
    };
    let id = host.context_id();
    if let Some(http) = host.context().and_then(Context::http) {
        match std::mem::replace(&mut http.held, true) {
            false => host.actions.push_back(Action::Respond(id, Box::new(response))),
            // Of a second answer in the same callback nothing is left but what access logs are told.
            true => host.actions.iter_mut().for_each(|action| match action {
                Action::Respond(other, first) if *other == id => first.details.clone_from(&response.details),
                _ => {}
            }),
        }
    }
    host.stop = true;
    Ok(Vec::new())
}

/// `UNAUTHENTICATED`; Envoy takes what is beyond it for no status at all.
const LAST_GRPC_STATUS: i32 = 16;

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Whatever of an HTTP stream goes on, the request is out of the module's reach then.
pub(super) fn resume(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let id = host.context_id();
    let kind = host.context().map(|context| &mut context.kind);
    let action = match (arguments.word(0), kind) {
        (kind @ (REQUEST | RESPONSE), Some(Kind::Http(http))) => {
            http.request.headers_open = false;
            http.request.chunk_open = false;
            Some(if kind == REQUEST { Action::ResumeRequest(id) } else { Action::ResumeResponse(id) })
        }
        (DOWNSTREAM, Some(Kind::Tcp(_))) => Some(Action::ResumeDownstream(id)),
        (REQUEST | RESPONSE | DOWNSTREAM, _) => None,
        (UPSTREAM, _) => return Err(Status::Unimplemented),
        _ => return Err(Status::BadArgument),
    };
    host.actions.extend(action);
    Ok(Vec::new())
}

pub(super) fn close(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let id = host.context_id();
    let action = match (arguments.word(0), host.context().map(|context| &context.kind)) {
        (REQUEST | RESPONSE, Some(Kind::Http(_))) => Some(Action::Reset(id)),
        (DOWNSTREAM | UPSTREAM, Some(Kind::Tcp(_))) => Some(Action::Close(id)),
        (REQUEST..=UPSTREAM, _) => None,
        _ => return Err(Status::BadArgument),
    };
    host.actions.extend(action);
    Ok(Vec::new())
}
