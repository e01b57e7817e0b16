//! Telling systemd how the enforcer is (`sd_notify`). Without systemd nothing happens.

use crate::say::say;
use sd_notify::NotifyState;
use std::time::{Duration, Instant};

/// What systemd has been told.
#[derive(Debug)]
pub struct Service {
    /// How often the watchdog wants to hear, halved for safety.
    watchdog: Option<Duration>,
    fed: Instant,
    status: String,
    ready: bool,
}

impl Default for Service {
    fn default() -> Self {
        let mut microseconds = 0;
        // The variables stay: nothing that is started from here speaks this protocol.
        let watched = sd_notify::watchdog_enabled(false, &mut microseconds);
        let watchdog = watched.then(|| Duration::from_micros(microseconds) / 2);
        Self { watchdog, fed: Instant::now(), status: String::new(), ready: false }
    }
}

impl Service {
    /// The loop turned, and everything is as `status` says.
    pub fn turned(&mut self, status: &str) {
        let now = Instant::now();
        if self
            .watchdog
            .is_some_and(|interval| now.duration_since(self.fed) >= interval.min(Duration::from_secs(1)))
        {
            self.fed = now;
            tell(&[NotifyState::Watchdog]);
        }
        if self.status != status {
            status.clone_into(&mut self.status);
            tell(&[NotifyState::Status(status)]);
        }
    }

    /// Started: what was planned is in force as far as that goes.
    pub fn started(&mut self) {
        if !self.ready {
            self.ready = true;
            tell(&[NotifyState::Ready]);
        }
    }

    /// A reload was asked for.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(time) => tell(&[NotifyState::Reloading, time]),
            Err(error) => say(&format!("cannot tell systemd of the reload: {error}")),
        }
    }

    /// The reload is over.
    pub fn reloaded(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// The end has begun.
    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    // Without systemd there is nobody to tell. If systemd does not hear, its timeouts tell so.
    let _ = sd_notify::notify(false, states);
}
