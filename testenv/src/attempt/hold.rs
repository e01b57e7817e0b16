//! A TCP connection that stays open while the policy changes around it.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::{DIAL, dial, new_mark, own_address};
use crate::error::Result;
use crate::world::World;

/// How long words may take to be heard. Long enough for the sender's system to repeat what was lost.
const HEARD: Duration = Duration::from_millis(700);

/// An open connection to a server that writes down what it hears.
#[derive(Debug)]
pub struct Held {
    stream: TcpStream,
}

impl Held {
    /// Connects user `uid` of pod `from` to `to`.
    ///
    /// # Errors
    /// If the connection is not established.
    pub fn open(world: &World, from: &str, uid: u32, to: SocketAddr) -> Result<Self> {
        let (namespace, sources, _) = world.sender(from)?;
        let source = own_address(&sources, to.ip())?;
        let stream = namespace.run_as(uid, || dial::tcp(source, to, DIAL))??;
        Ok(Self { stream })
    }

    /// Says something new; true if the server heard it.
    pub fn is_heard(&mut self, world: &World) -> Result<bool> {
        let (mark, before) = (new_mark(), world.now()?);
        // A connection that was reset is not heard either; the server decides.
        let _ = self.stream.write_all(mark.as_bytes());
        let end = Instant::now() + HEARD;
        loop {
            if world.received_since(&before)?.iter().any(|record| record.bears(&mark)) {
                return Ok(true);
            }
            if Instant::now() >= end {
                return Ok(false);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}
