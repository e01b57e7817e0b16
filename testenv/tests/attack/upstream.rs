//! What stands behind Envoy: it takes everything, writes down the bytes of each connection, and judges nothing.
//!
//! Envoy says before all else who the client is (the PROXY protocol, version 1), so that what arrived is told apart by
//! what the client cannot write.

mod plain;
mod streams;

use std::collections::HashMap;
use std::io::{BufReader, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bytes::shown;
use crate::frames::PREFACE;
use crate::message::{Framing, Message, messages};

/// How long it waits for more on a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// What arrived on one connection.
#[derive(Debug, Clone)]
pub(crate) enum Received {
    /// Bytes, whatever they are. After an upgrade to which this upstream agreed they are no HTTP and left out.
    Bytes(Vec<u8>),
    /// Messages over HTTP/2.
    Messages(Vec<Message>),
}

impl Received {
    /// What it is, for a reader.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Bytes(bytes) => shown(bytes),
            Self::Messages(messages) => messages.iter().map(Message::shown).collect::<Vec<_>>().join("; "),
        }
    }

    /// The messages, as a server with this way of dividing bytes reads them.
    pub(crate) fn messages(&self, framing: Framing) -> Vec<Message> {
        match self {
            Self::Bytes(bytes) => messages(bytes, framing),
            Self::Messages(messages) => messages.clone(),
        }
    }
}

type Clients = HashMap<SocketAddr, Vec<Received>>;

/// A listening upstream.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    clients: Arc<Mutex<Clients>>,
    open: Arc<AtomicUsize>,
}

impl Upstream {
    /// Listens at `address`. To be called inside the namespace.
    pub(crate) fn start(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).with_context(|| format!("cannot listen at {address}"))?;
        let (clients, open) = (Arc::<Mutex<Clients>>::default(), Arc::<AtomicUsize>::default());
        let (theirs, count) = (Arc::clone(&clients), Arc::clone(&open));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (clients, open) = (Arc::clone(&theirs), Arc::clone(&count));
                open.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    serve(stream, &clients);
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Ok(Self { address, clients, open })
    }

    /// Takes everything that arrived, by client, once all connections have ended.
    pub(crate) fn take(&self) -> Result<Clients> {
        let end = Instant::now() + 2 * PATIENCE;
        while self.open.load(Ordering::SeqCst) > 0 {
            ensure!(Instant::now() < end, "connections to the upstream do not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(std::mem::take(&mut *lock(&self.clients)))
    }
}

fn lock(clients: &Mutex<Clients>) -> MutexGuard<'_, Clients> {
    clients.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: TcpStream, clients: &Mutex<Clients>) {
    let limits = stream.set_read_timeout(Some(PATIENCE)).and(stream.set_write_timeout(Some(PATIENCE)));
    let Ok(answers) = stream.try_clone() else { return };
    let mut requests = BufReader::new(stream);
    if limits.is_err() {
        return;
    }
    // A connection that says nothing of its client was Envoy's own, opened and not used.
    let Some(client) = introduction(&mut requests) else { return };
    let mut head = Vec::new();
    let mut byte = [0];
    while PREFACE.starts_with(&head) && head.len() < PREFACE.len() {
        match requests.read(&mut byte) {
            Ok(1) => head.extend(byte),
            _ => break,
        }
    }
    let received = if head == PREFACE {
        Received::Messages(streams::serve(requests, answers))
    } else {
        Received::Bytes(plain::serve(head, requests, answers))
    };
    lock(clients).entry(client).or_default().push(received);
}

/// `PROXY TCP4 10.64.0.1 10.50.0.1 40000 8000`
fn introduction(requests: &mut impl Read) -> Option<SocketAddr> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < 108 && !line.ends_with(b"\r\n") {
        if requests.read(&mut byte).ok()? == 0 {
            return None;
        }
        line.extend(byte);
    }
    let line = String::from_utf8(line).ok()?;
    let mut words = line.trim_end().split(' ').skip(2);
    let address: IpAddr = words.next()?.parse().ok()?;
    let port = words.nth(1)?.parse().ok()?;
    Some(SocketAddr::new(address, port))
}
