//! Time, and what happens when it passes: ticks, answers to calls, and queues that have something.

use std::time::Duration;

use super::{Ending, Instance, count};
use crate::Error;
use crate::host::ROOT;

/// What a moment brings.
enum Event {
    Tick,
    Answer(u32),
}

impl Instance {
    /// The time since the instance started.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.host().now)
    }

    /// Lets time pass. Whatever falls due meanwhile happens in its order: ticks of the module's timer, and answers
    /// to its calls. With no time at all, what is due now happens.
    ///
    /// # Errors
    /// A module that crashes or exceeds its limits.
    pub fn advance(&mut self, by: Duration) -> Result<(), Error> {
        let end = self.host().now.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX));
        loop {
            self.tell_of_queues()?;
            let Some((due, event)) = self.next_event().filter(|(due, _)| *due <= end) else { break };
            self.host_mut().now = self.host().now.max(due);
            match event {
                Event::Tick => self.tick()?,
                Event::Answer(token) => self.answer(token)?,
            }
        }
        self.host_mut().now = end;
        Ok(())
    }

    /// What comes next, answers before a tick at the same moment.
    fn next_event(&self) -> Option<(u64, Event)> {
        let host = self.host();
        let answer = host.calls.pending.iter().map(|(token, (due, _))| (*due, *token)).min();
        let tick = host.timer.filter(|_| self.ending != Ending::Ended).map(|timer| timer.due);
        match (answer, tick) {
            (Some((due, token)), tick) if tick.is_none_or(|tick| due <= tick) => {
                Some((due, Event::Answer(token)))
            }
            (_, Some(due)) => Some((due, Event::Tick)),
            _ => None,
        }
    }

    /// The module's timer rings, and is wound up again with the period that the module wants by then.
    fn tick(&mut self) -> Result<(), Error> {
        let host = self.host_mut();
        if let Some(timer) = &mut host.timer {
            timer.due = timer.due.saturating_add(timer.period);
        }
        self.call("proxy_on_tick", &[ROOT])?;
        Ok(())
    }

    fn answer(&mut self, token: u32) -> Result<(), Error> {
        let calls = &mut self.host_mut().calls;
        let Some((_, response)) = calls.pending.remove(&token) else { return Ok(()) };
        let sizes = match &response {
            Some(message) => [
                count(message.headers.as_ref().map_or(0, Vec::len)),
                count(message.body.len()),
                count(message.trailers.as_ref().map_or(0, Vec::len)),
            ],
            None => [0; 3],
        };
        if response.is_none() {
            // `WasmResult::BrokenConnection`, and Envoy's word for it.
            calls.status = (9, "reset");
        }
        calls.current = response;
        let [headers, body, trailers] = sizes;
        let called =
            self.call_only(ROOT, "proxy_on_http_call_response", &[ROOT, token, headers, body, trailers]);
        let calls = &mut self.host_mut().calls;
        calls.current = None;
        calls.status.1 = "";
        called?;
        self.perform()
    }

    /// Says for every entry of a queue that it is there.
    fn tell_of_queues(&mut self) -> Result<(), Error> {
        for token in self.host().queues.clone() {
            let entries = self.host().plugin.shared.lock().take_untold(token);
            for _ in 0..entries {
                self.call("proxy_on_queue_ready", &[ROOT, token])?;
            }
        }
        Ok(())
    }
}
