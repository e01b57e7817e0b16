//! Listening on loopback: with `answer` and `door`, what speaks `hyper`.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::answer::Desk;
use crate::door::Door;
use crate::files::{Files, Shelf};
use crate::page::Page;

/// Connections at a time; further ones wait to be accepted.
const CONNECTIONS: usize = 64;

/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// Room for a text in JSON, where a character may take six.
const ESCAPED: usize = 6;

/// Room for the rest of what is sent with a text.
const BESIDE: usize = 16 * 1024;

/// A server that listens, and does not answer yet.
pub struct Server {
    listener: TcpListener,
    desk: Arc<Desk>,
}

impl Server {
    /// Listens on loopback at a port, any that is free if it is 0, with the page and the files that were named, if any were.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn listen(port: u16, page: Page, shelf: Option<impl Shelf>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let listener = listener.await.with_context(|| {
            format!("cannot listen on 127.0.0.1:{port}; leave `--port` out, and a free one is taken")
        })?;
        let door = Door::new(listener.local_addr()?)?;
        let most =
            shelf.as_ref().map_or(0, |shelf| shelf.most().saturating_mul(ESCAPED)).saturating_add(BESIDE);
        let page = if shelf.is_some() { page.with_files() } else { page };
        let desk = Desk { door, page, files: shelf.map(Files::new), most };
        Ok(Self { listener, desk: Arc::new(desk) })
    }

    /// Where the page is. Whoever knows this may read and write the files.
    #[must_use]
    pub fn url(&self) -> String {
        self.desk.door.url()
    }

    /// Answers until the future is dropped.
    pub async fn serve(self) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        // Never closed, so a place is always had at some time.
        while let Ok(place) = Arc::clone(&room).acquire_owned().await {
            let Ok((stream, _)) = self.listener.accept().await else {
                // Who came is gone, or there are too many open files; neither gets better by hurry.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let desk = Arc::clone(&self.desk);
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let desk = Arc::clone(&desk);
                    async move { Ok::<_, Infallible>(desk.answer(request).await) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(ARRIVAL)
                    .serve_connection(TokioIo::new(stream), service);
                // What ends a connection is the browser's affair.
                let _ = connection.await;
                drop(place);
            });
        }
    }
}
