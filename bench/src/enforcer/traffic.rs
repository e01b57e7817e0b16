//! Traffic: both ends on one thread, so that what is measured is work and not waiting.
//!
//! A segment on a veth pair is delivered before the call that sent it returns, on the same processor. So one thread that plays
//! both ends never waits for another, and everything the policy costs is in its time.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bookend_testenv::namespace::Namespace;
use rustix::time::{ClockId, clock_gettime};

/// How long one slice is.
const SLICE: Duration = Duration::from_millis(20);
/// How long a connection that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a request and an answer are long, in bytes.
const REQUEST: usize = 100;
const ANSWER: usize = 1_000;
/// What is written to a stream at a time, in bytes.
const CHUNK: usize = 256 * 1024;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// Connect, a request, an answer, close; again and again.
    Connections,
    /// A request and an answer on an open connection, again and again.
    Exchanges,
    /// As many bytes as go through one connection.
    Stream,
}

impl Load {
    pub(super) const ALL: [Self; 3] = [Self::Connections, Self::Exchanges, Self::Stream];

    /// How tables call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Exchanges => "exchanges",
            Self::Stream => "stream",
        }
    }

    /// What its rate is counted in.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Connections | Self::Exchanges => "1/s",
            Self::Stream => "GB/s",
        }
    }
}

/// What one slice did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slice {
    /// Connections or exchanges a second, or billions of bytes.
    pub(super) rate: f64,
    /// Nanoseconds of processor time for each, or for each byte.
    pub(super) work: f64,
}

/// Does it for a while, from `far` to `to`, where `listener` listens.
///
/// # Errors
/// If a connection is not made, or breaks.
pub(super) fn slice(
    load: Load,
    far: &Namespace,
    listener: &TcpListener,
    to: SocketAddr,
) -> anyhow::Result<Slice> {
    far.run(|| match load {
        Load::Connections => connections(listener, to),
        Load::Exchanges => exchanges(listener, to),
        Load::Stream => stream(listener, to),
    })?
    .with_context(|| format!("{} to {to}", load.name()))
}

fn open(listener: &TcpListener, to: SocketAddr) -> anyhow::Result<(TcpStream, TcpStream)> {
    let near = TcpStream::connect_timeout(&to, PATIENCE)?;
    let (far, _) = listener.accept()?;
    Ok((near, far))
}

fn exchange(near: &mut TcpStream, far: &mut TcpStream, buffer: &mut [u8]) -> std::io::Result<()> {
    near.write_all(&[1; REQUEST])?;
    far.read_exact(buffer.get_mut(..REQUEST).unwrap_or_default())?;
    far.write_all(&[2; ANSWER])?;
    near.read_exact(buffer.get_mut(..ANSWER).unwrap_or_default())
}

fn connections(listener: &TcpListener, to: SocketAddr) -> anyhow::Result<Slice> {
    let mut buffer = [0; ANSWER];
    timed(|| {
        let (mut near, mut far) = open(listener, to)?;
        exchange(&mut near, &mut far, &mut buffer)?;
        drop(near);
        ensure!(far.read(&mut buffer)? == 0, "somebody else spoke");
        Ok(1)
    })
}

fn exchanges(listener: &TcpListener, to: SocketAddr) -> anyhow::Result<Slice> {
    let (mut near, mut far) = open(listener, to)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let mut buffer = [0; ANSWER];
    timed(|| {
        exchange(&mut near, &mut far, &mut buffer)?;
        Ok(1)
    })
}

fn stream(listener: &TcpListener, to: SocketAddr) -> anyhow::Result<Slice> {
    let (mut near, mut far) = open(listener, to)?;
    near.set_nonblocking(true)?;
    far.set_nonblocking(true)?;
    let (sent, mut received) = (vec![3; CHUNK], vec![0; CHUNK]);
    let mut pass = || {
        while would_block(near.write(&sent))?.is_some() {}
        let mut bytes = 0;
        while let Some(some) = would_block(far.read(&mut received))? {
            ensure!(some > 0, "the stream ended");
            bytes += some;
        }
        Ok(bytes)
    };
    // Until the window is open.
    for _ in 0..64 {
        pass()?;
    }
    let slice = timed(pass)?;
    Ok(Slice { rate: slice.rate / 1e9, work: slice.work })
}

/// `None` if there is nothing to be done at the moment.
fn would_block(result: std::io::Result<usize>) -> std::io::Result<Option<usize>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        other => other.map(Some),
    }
}

/// Repeats `once`, which says how much it did.
#[expect(clippy::cast_precision_loss, reason = "counts of a few milliseconds")]
fn timed(mut once: impl FnMut() -> anyhow::Result<usize>) -> anyhow::Result<Slice> {
    let (begin, begin_work) = (Instant::now(), worked());
    let mut count = 0;
    while begin.elapsed() < SLICE {
        count += once()?;
    }
    ensure!(count > 0, "nothing got through");
    let (time, work) = (begin.elapsed().as_secs_f64(), worked() - begin_work);
    Ok(Slice { rate: count as f64 / time, work: work / count as f64 })
}

/// Nanoseconds that this thread has run, with what the kernel did on its behalf: what it sent is delivered in its time, unless
/// the kernel is built to keep separate books of interrupts.
#[expect(clippy::cast_precision_loss, reason = "differences of a few milliseconds are taken of it")]
fn worked() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
