//! What others may ask a running enforcer over HTTP: whether it lives, whether everything is enforced, numbers, events.
//! Nothing here changes anything.
//!
//! It runs in a thread of its own, so that it answers while the enforcer works, and can tell that the enforcer does not. Requests
//! are short or refused, connections are few, and whatever is read from the kernel is read once for all who ask within a
//! second.

mod answer;
mod listen;
mod stream;

pub use listen::{Listen, ListenError};

use crate::health::Health;
use crate::journal::Fates;
use crate::journal::audience::Audience;
use crate::say::say;
use answer::Answers;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use listen::Listener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

/// Connections at a time; further ones wait to be accepted.
const CONNECTIONS: usize = 64;
/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);
/// How long a connection may last, unless it listens to events.
const LIFE: Duration = Duration::from_secs(60);
/// Bytes of a request, and of an answer that wait to be sent.
const BUFFER: usize = 16 * 1024;
/// How long until listening is tried again where the address was taken.
const AGAIN: Duration = Duration::from_secs(5);

/// What can be asked about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The enforcer.
    pub health: Health,
    /// Events.
    pub audience: Audience,
    /// What became of them.
    pub fates: Arc<Fates>,
    /// Where the tables are pinned.
    pub pins: PathBuf,
    /// Where the names are kept.
    pub names: PathBuf,
}

/// Answers at `listen` for as long as the process lives. An address that is taken is complained about and tried again:
/// that somebody occupies a port must not keep a host from being policed.
///
/// # Errors
/// If there is no thread to be had.
pub fn start(listen: Listen, subject: Subject) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let serve = move || runtime.block_on(serve(listen, Arc::new(Answers::new(subject))));
    std::thread::Builder::new().name("bookend-http".to_owned()).spawn(serve)?;
    Ok(())
}

async fn serve(listen: Listen, answers: Arc<Answers>) {
    let mut complained = false;
    let listener = loop {
        match listen.bind() {
            Ok(listener) => break listener,
            Err(error) if !complained => {
                say(&format!(
                    "cannot answer at `{listen}`: {error}; policing goes on, and it is tried again every {} seconds. \
                     Choose another address with --listen, or `none`",
                    AGAIN.as_secs()
                ));
                complained = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    };
    if complained {
        say(&format!("answering at `{listen}`"));
    }
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Never closed, so it is always had at some time.
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let accepted = match &listener {
            Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| Either::Tcp(stream)),
            Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| Either::Unix(stream)),
        };
        let stream = match accepted {
            Ok(stream) => stream,
            Err(_) => {
                // The one that came is gone, or there are too many open files; neither gets better by hurry.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            match stream {
                Either::Tcp(stream) => attend(stream, answers).await,
                Either::Unix(stream) => attend(stream, answers).await,
            }
            drop(permit);
        });
    }
}

enum Either {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

/// Answers one request on one connection.
async fn attend(stream: impl AsyncRead + AsyncWrite + Unpin, answers: Arc<Answers>) {
    let listens = Arc::new(AtomicBool::new(false));
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let (answers, listens) = (Arc::clone(&answers), Arc::clone(&listens));
        async move {
            let answer = answers.answer(&request).await;
            listens.store(answer.body().is_endless(), Ordering::Relaxed);
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ARRIVAL)
        .keep_alive(false)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::time::timeout(LIFE, connection.as_mut()).await.is_ok();
    if !ended && listens.load(Ordering::Relaxed) {
        // Whoever listens and does not read is cut off elsewhere. Whatever else ends a connection is the other's affair.
        let _ = connection.await;
    }
}
