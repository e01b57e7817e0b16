//! The listening ends: plain HTTP and HTTPS, on a thread of their own; and what it is like when they are gone.

use std::net::{SocketAddr, TcpListener as Bound};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use nix::sched::{CloneFlags, setns};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::respond::respond;
use super::rollout;
use super::shared::Shared;
use crate::certificate::Identity;
use crate::error::{Doing, Error, Result};

/// Starts serving on both sockets, which are in the network namespace `home` if it is not this program's; ends when the shared signal says so.
pub(crate) fn start(
    shared: &Arc<Shared>,
    http: Bound,
    https: Bound,
    identity: &Identity,
    home: Option<OwnedFd>,
) -> Result<JoinHandle<()>> {
    let acceptor = TlsAcceptor::from(Arc::new(tls(identity)?));
    for socket in [&http, &https] {
        socket.set_nonblocking(true).doing("prepare the API server's socket")?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .doing("start the API server's runtime")?;
    let shared = Arc::clone(shared);
    let serve = move || {
        runtime.block_on(async move {
            let plain = listen(Arc::clone(&shared), http, None, home.as_ref());
            let nodes = rollout::run(Arc::clone(&shared));
            let secure = listen(shared, https, Some(acceptor), home.as_ref());
            tokio::join!(plain, secure, nodes);
        });
    };
    std::thread::Builder::new()
        .name("apiserver".to_owned())
        .spawn(serve)
        .doing("start the API server's thread")
}

fn tls(identity: &Identity) -> Result<ServerConfig> {
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes())
        .doing("read the API server's certificate")?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).doing("read the API server's key")?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .doing("choose versions of TLS")?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .doing("use the API server's certificate")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Accepts until the server is over. While it is down nobody listens, so connections are refused by the kernel.
async fn listen(shared: Arc<Shared>, first: Bound, acceptor: Option<TlsAcceptor>, home: Option<&OwnedFd>) {
    let Ok(address) = first.local_addr() else { return };
    let mut waiting = Some(first);
    let mut signal = shared.signal();
    loop {
        let now = *signal.borrow_and_update();
        if now.over {
            return;
        }
        if now.down {
            waiting = None;
            if signal.changed().await.is_err() {
                return;
            }
            continue;
        }
        let listener = match waiting.take().map(TcpListener::from_std) {
            Some(Ok(listener)) => listener,
            _ => match bind(address, home).await {
                Ok(listener) => listener,
                Err(error) => {
                    eprintln!("the API server cannot listen at {address} again: {error}");
                    return;
                }
            },
        };
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        shared.count(|load| load.connections += 1);
                        tokio::spawn(connection(Arc::clone(&shared), stream, acceptor.clone()));
                    }
                }
                _ = signal.wait_for(|signal| signal.down || signal.over) => break,
            }
        }
    }
}

/// Listens where it did before; connections that are not quite over may stand in the way for a moment.
async fn bind(address: SocketAddr, home: Option<&OwnedFd>) -> Result<TcpListener> {
    for _ in 0..100 {
        if let Ok(listener) = bind_in(address, home).and_then(TcpListener::from_std) {
            return Ok(listener);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(Error::new("the address stays in use"))
}

/// Listens, by a thread of its own where that is elsewhere: no other thread ever leaves home.
fn bind_in(address: SocketAddr, home: Option<&OwnedFd>) -> std::io::Result<Bound> {
    let bind = || -> std::io::Result<Bound> {
        if let Some(home) = home {
            setns(home, CloneFlags::CLONE_NEWNET)?;
        }
        let bound = Bound::bind(address)?;
        bound.set_nonblocking(true)?;
        Ok(bound)
    };
    std::thread::scope(|scope| scope.spawn(bind).join())
        .unwrap_or_else(|_| Err(std::io::Error::other("the thread that listens did not finish")))
}

async fn connection(shared: Arc<Shared>, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => serve(shared, stream).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(shared, stream).await;
            }
        }
    }
}

async fn serve(shared: Arc<Shared>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let mut signal = shared.signal();
    let service = service_fn(move |request| respond(Arc::clone(&shared), request));
    let builder = Builder::new(TokioExecutor::new());
    let serving = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::select! {
        // Errors of a connection are the client's, or were asked for.
        _ = serving => {}
        _ = signal.wait_for(|signal| signal.down || signal.over) => {}
    }
}
