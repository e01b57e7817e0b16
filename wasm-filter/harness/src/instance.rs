//! A started plugin: calling it, and doing afterwards what it asked for.

mod clock;
mod connection;
mod http;

use std::collections::BTreeMap;
use std::fmt;

use crate::context::{Action, Context};
use crate::host::{Host, LogLine, ROOT};
use crate::machine::{Fault, Machine};
use crate::{Answerer, Error, Metric};

pub use connection::Tcp;
pub use http::{Course, Http};

/// A started plugin, as one worker of a proxy has it.
///
/// Streams are opened on it and told what arrives; several may be open at once. Time passes where
/// [`Instance::advance`] says so. A module that crashes or exceeds its limits is not asked again: every method answers
/// [`Error::Failed`] from then on.
pub struct Instance {
    machine: Machine,
    failed: bool,
    next_context: u32,
    /// Whether the plugin was asked to end, and whether it has.
    ending: Ending,
    pub(crate) startup: Vec<LogLine>,
}

/// How far the plugin itself has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Running,
    /// It wants to finish something first, and says `proxy_done` then.
    Asked,
    Ended,
}

impl Instance {
    pub(crate) fn new(machine: Machine) -> Self {
        Self { machine, failed: false, next_context: ROOT + 1, ending: Ending::Running, startup: Vec::new() }
    }

    /// What the module logged while it started.
    pub fn startup_logs(&self) -> &[LogLine] {
        &self.startup
    }

    /// What the module logged since it started, or since the last time.
    pub fn take_logs(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.host_mut().logs)
    }

    /// The metrics that the module has defined, by name.
    pub fn metrics(&self) -> &BTreeMap<String, Metric> {
        self.machine.host().metrics.values()
    }

    /// Lets somebody answer the module's calls to other services. Without one there is no service: every call is
    /// refused as one to an unknown cluster is.
    pub fn set_answerer(&mut self, answerer: impl Answerer + 'static) {
        self.host_mut().calls.answerer = Some(Box::new(answerer));
    }

    /// Ends the plugin: `proxy_on_done`, then `proxy_on_delete`. True if it has ended; false if the module wants to
    /// finish something first, and it ends when it calls `proxy_done`.
    ///
    /// # Errors
    /// A module that crashes or exceeds its limits.
    pub fn shut_down(&mut self) -> Result<bool, Error> {
        if self.ending == Ending::Running {
            self.ending = Ending::Asked;
            self.host_mut().awaits_done = true;
            if self.call("proxy_on_done", &[ROOT])?.is_none_or(|answer| answer != 0) {
                self.end()?;
            }
        }
        Ok(self.ending == Ending::Ended)
    }

    fn end(&mut self) -> Result<(), Error> {
        if self.ending != Ending::Ended {
            self.ending = Ending::Ended;
            self.host_mut().awaits_done = false;
            self.host_mut().timer = None;
            self.call("proxy_on_delete", &[ROOT])?;
        }
        Ok(())
    }

    pub(crate) fn host(&self) -> &Host {
        self.machine.host()
    }

    pub(crate) fn host_mut(&mut self) -> &mut Host {
        self.machine.host_mut()
    }

    /// Makes room for a stream and answers its number.
    fn admit(&mut self, context: Context) -> Result<u32, Error> {
        if self.failed {
            return Err(Error::Failed);
        }
        let id = self.next_context;
        self.next_context = id.checked_add(1).ok_or(Error::Failed)?;
        self.host_mut().contexts.insert(id, context);
        Ok(id)
    }

    /// The context of an open stream.
    fn context(&mut self, id: u32) -> Result<&mut Context, Error> {
        self.host_mut().contexts.get_mut(&id).ok_or(Error::Closed)
    }

    /// Calls a callback on behalf of the context that is its first argument.
    pub(crate) fn call(&mut self, callback: &str, arguments: &[u32]) -> Result<Option<u32>, Error> {
        self.call_on(arguments.first().copied().unwrap_or(ROOT), callback, arguments)
    }

    /// Calls a callback, and does afterwards what the module asked for meanwhile.
    pub(crate) fn call_on(
        &mut self,
        context: u32,
        callback: &str,
        arguments: &[u32],
    ) -> Result<Option<u32>, Error> {
        let result = self.call_only(context, callback, arguments)?;
        self.perform()?;
        Ok(result)
    }

    /// Calls a callback. What the module asked for is left to [`Instance::perform`].
    fn call_only(&mut self, context: u32, callback: &str, arguments: &[u32]) -> Result<Option<u32>, Error> {
        if self.failed {
            return Err(Error::Failed);
        }
        let host = self.host_mut();
        (host.current, host.effective, host.stop) = (context, None, false);
        self.machine.call(callback, arguments).map_err(|fault| {
            self.failed = true;
            let logs = self.take_logs();
            translate(fault, callback, self.machine.host(), logs)
        })
    }

    /// Calls a callback of the plugin that answers yes or no; a module without it agrees.
    pub(crate) fn agrees(&mut self, callback: &str, size: usize) -> Result<bool, Error> {
        Ok(self.call(callback, &[ROOT, count(size)])?.is_none_or(|answer| answer != 0))
    }

    /// Does what the module asked for in the callback that has returned, in its order.
    fn perform(&mut self) -> Result<(), Error> {
        while let Some(action) = self.host_mut().actions.pop_front() {
            match action {
                Action::ResumeRequest(id) => self.resume_request(id)?,
                Action::ResumeResponse(id) => self.resume_response(id)?,
                Action::ResumeDownstream(id) => self.resume_downstream(id)?,
                Action::Reset(id) => self.reset(id)?,
                Action::Close(id) => self.close_locally(id)?,
                Action::Respond(id, response) => self.respond(id, *response)?,
                Action::Done => self.end()?,
            }
        }
        Ok(())
    }
}

/// A size as the ABI says it.
fn count(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("failed", &self.failed)
            .field("metrics", self.metrics())
            .finish_non_exhaustive()
    }
}

pub(crate) fn translate(fault: Fault, callback: &str, host: &Host, logs: Vec<LogLine>) -> Error {
    let callback = callback.to_owned();
    let limits = host.plugin.limits;
    match (fault, host.refused_memory) {
        (Fault::Fuel, _) => Error::OutOfFuel { callback, fuel: limits.fuel },
        (Fault::Trap(_), Some(wanted)) => Error::OutOfMemory { callback, wanted, limit: limits.memory },
        (Fault::Trap(message), None) => Error::Trap { callback, message, logs },
    }
}
