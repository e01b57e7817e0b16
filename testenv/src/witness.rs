//! Everything that arrives at one interface, seen below the protocol stack: whether a packet got through is judged
//! here, at its receiver, never by its sender.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::link::Link;
use crate::namespace::Namespace;
use crate::packet::{self, Arrival};

/// How many arrivals are remembered.
const MEMORY: usize = 1 << 16;
/// How soon the witness notices that it is dismissed.
const GLANCE: Duration = Duration::from_millis(50);

/// Sees every frame that arrives at `eth0` of one namespace, from its making to its end.
#[derive(Debug)]
pub struct Witness {
    seen: Arc<Seen>,
    dismissed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    memory: Mutex<Memory>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Memory {
    forgotten: u64,
    arrivals: VecDeque<Arrival>,
}

impl Witness {
    /// Begins to watch; `mac` is the interface's own hardware address, by which its own frames are told apart.
    pub fn post(namespace: &Namespace, mac: [u8; 6]) -> Result<Self> {
        let link = namespace.run(|| Link::open("eth0"))??;
        link.set_timeout(GLANCE)?;
        let (seen, dismissed) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
        let (memory, end) = (Arc::clone(&seen), Arc::clone(&dismissed));
        // The socket stays in the namespace it was opened in, wherever the thread is.
        let thread = thread::spawn(move || watch(&link, mac, &memory, &end));
        Ok(Self { seen, dismissed, thread: Some(thread) })
    }

    /// Tells the witness to stop; it does so soon. Dropping waits for it.
    pub fn dismiss(&self) {
        self.dismissed.store(true, Ordering::Relaxed);
    }

    /// How much it has seen so far.
    pub fn position(&self) -> u64 {
        let memory = self.seen.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.forgotten + memory.arrivals.len() as u64
    }

    /// What it saw since `position` that `matches`. Waits for the first one, but not longer than `limit`.
    ///
    /// # Errors
    /// If so much arrived that the beginning is forgotten.
    pub fn since(
        &self,
        position: u64,
        limit: Duration,
        matches: impl Fn(&Arrival) -> bool,
    ) -> Result<Vec<Arrival>> {
        let end = Instant::now() + limit;
        let mut memory = self.seen.memory.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let Some(skipped) = position.checked_sub(memory.forgotten) else {
                return Err(Error::new("too much arrived to remember it all"));
            };
            let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
            let found: Vec<_> =
                memory.arrivals.iter().skip(skipped).filter(|arrival| matches(arrival)).cloned().collect();
            let left = end.saturating_duration_since(Instant::now());
            if !found.is_empty() || left.is_zero() {
                return Ok(found);
            }
            memory = self.seen.more.wait_timeout(memory, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.dismiss();
        if let Some(thread) = self.thread.take() {
            // It cannot panic, and nobody could do anything about it here.
            let _ = thread.join();
        }
    }
}

fn watch(link: &Link, mac: [u8; 6], seen: &Seen, dismissed: &AtomicBool) {
    let mut buffer = vec![0; 1 << 16];
    while !dismissed.load(Ordering::Relaxed) {
        // The interface goes down when the namespace ends; that is the end of the watch as well.
        let Ok(count) = link.receive(&mut buffer) else { return };
        let Some(frame) = count.and_then(|count| buffer.get(..count)) else { continue };
        if frame.get(6..12) == Some(mac.as_slice()) {
            continue;
        }
        let Some(arrival) = packet::read(frame) else { continue };
        let mut memory = seen.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.arrivals.len() == MEMORY {
            memory.arrivals.pop_front();
            memory.forgotten += 1;
        }
        memory.arrivals.push_back(arrival);
        drop(memory);
        seen.more.notify_all();
    }
}
