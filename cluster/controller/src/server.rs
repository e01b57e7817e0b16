//! What others may ask over HTTP. Nothing here changes anything.
//!
//! It runs in a thread of its own, so that it answers while the controller works, and can tell that it does not.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::say::say;
use crate::state::State;

/// Connections at a time; further ones wait to be accepted.
const CONNECTIONS: usize = 32;
/// How long a connection may last, its request included.
const LIFE: Duration = Duration::from_secs(10);
/// How long until listening is tried again where the address was taken.
const AGAIN: Duration = Duration::from_secs(5);

/// Answers at `listen` for as long as the process lives.
///
/// # Errors
/// If there is no thread to be had.
pub(crate) fn start(listen: SocketAddr, state: State) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let serve = move || runtime.block_on(serve(listen, state));
    std::thread::Builder::new().name("bookend-http".to_owned()).spawn(serve)?;
    Ok(())
}

async fn serve(listen: SocketAddr, state: State) {
    let mut complained = false;
    let listener = loop {
        match TcpListener::bind(listen).await {
            Ok(listener) => break listener,
            Err(error) => {
                if !std::mem::replace(&mut complained, true) {
                    say(&format!(
                        "cannot answer at `{listen}`: {error}; choose another address with --listen"
                    ));
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    };
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Never closed, so it is always had at some time.
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // The one that came is gone, or there are too many open files; neither gets better by hurry.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let state = state.clone();
        tokio::spawn(async move {
            // Whatever ends it is the other's affair.
            let _ = tokio::time::timeout(LIFE, attend(stream, state)).await;
            drop(permit);
        });
    }
}

async fn attend(stream: TcpStream, state: State) -> hyper::Result<()> {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = match *request.method() {
            Method::GET | Method::HEAD => state.answer(request.uri().path()),
            _ => (405, "text/plain; charset=utf-8", "nothing can be changed here\n".to_owned()),
        };
        async move { Ok::<_, Infallible>(response(answer)) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LIFE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn response((status, kind, text): (u16, &'static str, String)) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    response
}
