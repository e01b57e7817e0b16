//! Calls to other services.

use std::time::Duration;

use super::{Answer, Arguments, Status, Write};
use crate::Message;
use crate::call::{Call, Calls};
use crate::headers::{Kind, map, value};
use crate::host::Host;
use crate::pairs;

/// Where the token goes.
const TOKEN: usize = 9;

/// Sends a request. Envoy writes a token even where it refuses, 0 then.
pub(super) fn http_call(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let (cluster, headers) = (arguments.bytes(0)?, arguments.bytes(2)?);
    let (body, trailers) = (arguments.bytes(4)?, arguments.bytes(6)?);
    let timeout = arguments.word(8).cast_signed();
    let mut headers = map(Kind::Request, &pairs::decode(headers));
    let complete =
        [b":path".as_slice(), b":method", b":authority"].iter().all(|name| value(&headers, name).is_some());
    let cluster = String::from_utf8_lossy(cluster).into_owned();
    let known = host.calls.answerer.as_ref().is_some_and(|answerer| answerer.knows(&cluster));
    if timeout < 0 || !known || !complete {
        return Err(Status::BadArgument);
    }
    if !body.is_empty() {
        headers.retain(|(name, _)| name != b"content-length");
        headers.push((b"content-length".to_vec(), body.len().to_string().into_bytes()));
    }
    let timeout = u64::try_from(timeout).ok().filter(|millis| *millis > 0).map(Duration::from_millis);
    let call = Call { cluster, headers, body: body.to_vec(), trailers: pairs::decode(trailers), timeout };
    let token = host.calls.send(&call, host.now);
    Ok(vec![Write::Word { at: arguments.word(TOKEN), value: token }])
}

impl Calls {
    /// Has a call answered at its time, or given up.
    fn send(&mut self, call: &Call, now: u64) -> u32 {
        self.last_token = self.last_token.wrapping_add(1).max(1);
        let answer = self.answerer.as_mut().map(|answerer| answerer.answer(call)).unwrap_or_default();
        let (after, response) = match call.timeout {
            Some(timeout) if timeout <= answer.after => (timeout, Some(too_late())),
            _ => (answer.after, answer.response),
        };
        let due = now.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX));
        self.pending.insert(self.last_token, (due, response));
        self.last_token
    }
}

/// What Envoy says in the place of a service that takes too long.
fn too_late() -> Message {
    let header = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let body = b"upstream request timeout";
    Message {
        headers: Some(vec![
            header(":status", "504"),
            header("content-length", &body.len().to_string()),
            header("content-type", "text/plain"),
        ]),
        body: body.to_vec(),
        trailers: None,
        complete: true,
    }
}

pub(super) fn grpc_call(_host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    grpc_refused(arguments, 5)
}

pub(super) fn grpc_stream(_host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    grpc_refused(arguments, 4)
}

/// Envoy takes the name of an unknown cluster for a description of a service that it cannot read.
fn grpc_refused(arguments: &Arguments<'_>, blocks: usize) -> Answer {
    for block in 0..blocks {
        arguments.bytes(block * 2)?;
    }
    Err(Status::ParseFailure)
}

/// No token is one of gRPC.
pub(super) fn grpc_unknown(_host: &mut Host, _arguments: &Arguments<'_>) -> Answer {
    Err(Status::BadArgument)
}
