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

use crate::options::Listen;
use crate::say::say;
use crate::state::State;

/// Connections at a time; further ones wait to be accepted.
const CONNECTIONS: usize = 32;
/// How long a connection may last, its request included.
const LIFE: Duration = Duration::from_secs(10);
/// How long until listening is tried again where the address was taken.
const AGAIN: Duration = Duration::from_secs(5);

/// What somebody who asks may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    /// Everything: whoever reaches loopback.
    Own,
    /// Whether it lives and is ready, and numbers without names: kubelet, and whoever else reaches the pod.
    Everybody,
}

impl Audience {
    fn answer(self, state: &State, path: &str) -> Answer {
        const TEXT: &str = "text/plain; charset=utf-8";
        match (self, path) {
            (Self::Own, _) | (Self::Everybody, "/metrics") => state.answer(path),
            (Self::Everybody, "/healthz" | "/readyz") => match state.answer(path).0 {
                200 => (200, TEXT, "ok\n".to_owned()),
                // The reason names objects and users.
                code => (code, TEXT, "not yet; /status says why\n".to_owned()),
            },
            (Self::Everybody, _) => (404, TEXT, "there are /healthz, /readyz and /metrics\n".to_owned()),
        }
    }
}

/// A status, a type and a text.
type Answer = (u16, &'static str, String);

/// Answers for as long as the process lives.
///
/// # Errors
/// If there is no thread to be had.
pub(crate) fn start(places: Listen, state: State) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let serve = move || {
        runtime.block_on(async {
            let own = serve(places.listen, state.clone(), Audience::Own);
            match places.probes {
                None => own.await,
                Some(probes) => {
                    tokio::join!(own, serve(probes, state, Audience::Everybody));
                }
            }
        });
    };
    std::thread::Builder::new().name("bookend-http".to_owned()).spawn(serve)?;
    Ok(())
}

async fn serve(listen: SocketAddr, state: State, audience: Audience) {
    let mut complained = false;
    let listener = loop {
        match TcpListener::bind(listen).await {
            Ok(listener) => break listener,
            Err(error) => {
                if !std::mem::replace(&mut complained, true) {
                    say(&format!(
                        "cannot answer at `{listen}`: {error}; choose another address with --listen or --probes"
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
            let _ = tokio::time::timeout(LIFE, attend(stream, state, audience)).await;
            drop(permit);
        });
    }
}

async fn attend(stream: TcpStream, state: State, audience: Audience) -> hyper::Result<()> {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = match *request.method() {
            Method::GET | Method::HEAD => audience.answer(&state, request.uri().path()),
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

fn response((status, kind, text): Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Namespace, Told};

    #[test]
    fn whoever_reaches_the_pod_learns_no_name() {
        let state = State::new();
        let trouble = Some("User `jane` cannot list pods".to_owned());
        let namespaces = [("shop".to_owned(), Namespace::default())].into();
        state.tell(Told { trouble, namespaces, leader: Some("node-7".to_owned()), ..Told::default() });
        let mut all = String::new();
        for path in ["/healthz", "/readyz", "/metrics", "/status", "/", "/events"] {
            let (code, _, text) = Audience::Everybody.answer(&state, path);
            assert_eq!(
                code,
                match path {
                    "/healthz" | "/metrics" => 200,
                    "/readyz" => 503,
                    _ => 404,
                }
            );
            all.push_str(&text);
        }
        for name in ["jane", "shop", "node-7"] {
            assert!(!all.contains(name), "{all}");
            assert!((Audience::Own.answer(&state, "/status").2).contains(name));
        }
        state.tell(Told { complete: true, ..Told::default() });
        assert_eq!(Audience::Everybody.answer(&state, "/readyz").0, 200);
    }

    #[tokio::test]
    async fn each_audience_is_answered_at_its_own_place() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (own, probes) = (listener(), listener());
        start(Listen { listen: own, probes: Some(probes) }, State::new()).unwrap();
        for (place, code) in [(own, "200"), (probes, "404")] {
            let mut stream = loop {
                if let Ok(stream) = TcpStream::connect(place).await {
                    break stream;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            stream.write_all(b"GET /status HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {code}")), "{answer}");
        }
    }
}
