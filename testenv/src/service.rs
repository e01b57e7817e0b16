//! The servers of this world: Bookinfo's four, and those outside. Each runs as a process of its own.

mod bookinfo;
mod call;
mod stream;

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::error::{Doing, Error, Result};
use crate::journal::{Journal, Record};
use crate::world::topology::{APP_PORT, External, Workload, external, workload};

/// More than any request body in this world.
const BODY_LIMIT: usize = 1 << 16;

/// What to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// The key of a workload or of an outside host.
    pub key: String,
    /// The journal; it exists.
    pub journal: PathBuf,
}

/// An HTTP answer.
type Answer = Response<Full<Bytes>>;

/// What the handlers share.
struct Server {
    key: String,
    role: Role,
    journal: Journal,
    ratings: bookinfo::Ratings,
}

#[derive(Clone, Copy)]
enum Role {
    Bookinfo(&'static Workload),
    Outside,
}

/// Serves until killed.
///
/// # Errors
/// If the key is unknown or a port cannot be bound.
pub fn serve(options: Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().doing("start tokio")?;
    runtime.block_on(serve_all(options))
}

async fn serve_all(Options { key, journal }: Options) -> Result<()> {
    let (role, addresses) = if let Some(workload) = workload(&key) {
        (Role::Bookinfo(workload), vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, APP_PORT))])
    } else if let Some(external) = external(&key) {
        (Role::Outside, endpoints(external))
    } else {
        return Err(Error::new(format!("nobody here is called `{key}`")));
    };
    let journal = Journal::open(&journal)?;
    let server = Arc::new(Server { key, role, journal, ratings: bookinfo::Ratings::default() });
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.push(TcpListener::bind(address).await.doing(format!("listen on {address}"))?);
    }
    let tasks: Vec<_> =
        listeners.into_iter().map(|listener| tokio::spawn(accept(Arc::clone(&server), listener))).collect();
    for task in tasks {
        task.await.doing("serve")??;
    }
    Ok(())
}

fn endpoints(external: &External) -> Vec<SocketAddr> {
    let addresses = external.addresses();
    external.ports.iter().flat_map(|port| addresses.map(|address: IpAddr| (address, *port).into())).collect()
}

async fn accept(server: Arc<Server>, listener: TcpListener) -> Result<()> {
    let port = listener.local_addr().doing("read the listening address")?.port();
    loop {
        let (stream, peer) = listener.accept().await.doing("accept a connection")?;
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            // A client that goes away early is its own affair.
            let _ = match stream::banner(port) {
                Some(banner) => stream::echo(&server, stream, peer, banner).await,
                None => http(server, stream, peer).await,
            };
        });
    }
}

async fn http(server: Arc<Server>, stream: TcpStream, peer: SocketAddr) -> Result<()> {
    let handler = service_fn(move |request| answer(Arc::clone(&server), peer, request));
    http1::Builder::new().serve_connection(TokioIo::new(stream), handler).await.doing("serve HTTP")
}

async fn answer(
    server: Arc<Server>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> std::result::Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let headers = head.headers.iter();
    let record = Record::Request {
        service: server.key.clone(),
        peer: peer.to_string(),
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
    };
    if let Err(error) = server.journal.write(&record) {
        return Ok(text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()));
    }
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Ok(text(StatusCode::PAYLOAD_TOO_LARGE, "that is too long".to_owned()));
    };
    Ok(match server.role {
        Role::Bookinfo(workload) => bookinfo::answer(&server, workload, &head, &body.to_bytes()).await,
        Role::Outside => text(StatusCode::OK, format!("{} was here\n", server.key)),
    })
}

fn text(status: StatusCode, body: String) -> Answer {
    typed(status, "text/plain; charset=utf-8", body)
}

fn typed(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static(content_type));
    answer
}
