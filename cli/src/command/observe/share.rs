//! How much of what is shown is one source's: nobody can drown the others, and nobody fills the memory.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use super::decision::Told;

/// What one source may tell in a second. An enforcer tells up to 100 denials of each kind, a filter as many as `Reporting` says.
const MOST: u64 = 1_000;
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// The way of one source to whoever shows what is told.
pub(super) struct Share {
    sender: Sender<Told>,
    /// Who it is, in words.
    who: String,
    begun: Instant,
    told: u64,
    lost: u64,
}

impl Share {
    pub(super) fn new(sender: Sender<Told>, who: String) -> Self {
        Self { sender, who, begun: Instant::now(), told: 0, lost: 0 }
    }

    /// Tells something at `now`, or counts that there was more than this source's share; whether anybody still wants to know.
    pub(super) async fn tell(&mut self, now: Instant, told: Told) -> bool {
        if !self.count(now).await {
            return false;
        }
        if self.told >= MOST {
            self.lost += 1;
            return true;
        }
        self.told += 1;
        self.sender.send(told).await.is_ok()
    }

    /// Begins a new second, if it is time, and tells what was lost in the one before; whether anybody still wants to know.
    pub(super) async fn count(&mut self, now: Instant) -> bool {
        if now.duration_since(self.begun) < SECOND {
            return !self.sender.is_closed();
        }
        (self.begun, self.told) = (now, 0);
        match std::mem::take(&mut self.lost) {
            0 => !self.sender.is_closed(),
            lost => self.sender.send(Told::Lost(lost, self.who.clone())).await.is_ok(),
        }
    }

    /// When nobody wants to know any more.
    pub(super) async fn closed(&self) {
        self.sender.closed().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_more_than_a_share_is_counted() {
        let (sender, mut told) = tokio::sync::mpsc::channel(4096);
        let mut share = Share::new(sender, "proxy a/b".to_owned());
        let now = Instant::now();
        for _ in 0..MOST + 7 {
            assert!(share.tell(now, Told::Trouble("x".to_owned())).await);
        }
        assert!(share.count(now + SECOND / 2).await && share.count(now + SECOND * 2).await);
        assert!(share.tell(now + SECOND * 2, Told::Trouble("y".to_owned())).await);
        drop(share);
        let mut all = Vec::new();
        while let Some(next) = told.recv().await {
            all.push(next);
        }
        assert_eq!(all.len() as u64, MOST + 2);
        assert_eq!(all.iter().rev().nth(1), Some(&Told::Lost(7, "proxy a/b".to_owned())));
    }
}
