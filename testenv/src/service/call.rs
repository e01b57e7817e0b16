//! One service calling another: it dials the service's virtual address, its sidecar does the rest.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::http::request::Parts;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::BODY_LIMIT;
use crate::error::{Doing, Error, Result};
use crate::journal::ATTEMPT_HEADER;
use crate::world::topology::{APP_PORT, service};

const LIMIT: Duration = Duration::from_secs(3);
/// What Bookinfo passes on, and our mark.
const PASSED_ON: [&str; 3] = ["x-request-id", "end-user", ATTEMPT_HEADER];

/// Asks service `name` for `path`, passing on the tracing headers of `cause`.
pub(super) async fn get(name: &str, path: &str, cause: &Parts) -> Result<(StatusCode, Value)> {
    timeout(LIMIT, ask(name, path, cause)).await.doing(format!("hear from {name} in time"))?
}

async fn ask(name: &str, path: &str, cause: &Parts) -> Result<(StatusCode, Value)> {
    let service = service(name).ok_or_else(|| Error::new(format!("no service is called `{name}`")))?;
    let stream = TcpStream::connect(service.address()).await.doing(format!("connect to {name}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.doing("speak HTTP")?;
    tokio::spawn(connection);
    let mut request = Request::get(path).header("host", format!("{name}:{APP_PORT}"));
    for header in PASSED_ON {
        if let Some(value) = cause.headers.get(header) {
            request = request.header(header, value);
        }
    }
    let request = request.body(Empty::<Bytes>::new()).doing("make a request")?;
    let response = sender.send_request(request).await.doing(format!("ask {name}"))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), BODY_LIMIT).collect().await;
    let body =
        body.map_err(|error| Error::new(format!("cannot read the answer of {name}: {error}")))?.to_bytes();
    let value = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into());
    Ok((status, value))
}
