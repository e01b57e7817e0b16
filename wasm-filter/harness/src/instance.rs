//! Loading a module, starting it as a plugin, and asking it about requests.

use std::collections::BTreeMap;
use std::fmt;

use crate::exchange::{Ending, Exchange, Outcome};
use crate::host::{Host, LogLine, Phase, ROOT, Stream};
use crate::machine::{Code, Fault, Machine};
use crate::{Error, Metric, Plugin};

/// A compiled module. Cloning is cheap, and threads may share it.
#[derive(Clone)]
pub struct Module {
    code: Code,
}

impl Module {
    /// Compiles a module, in binary form.
    ///
    /// # Errors
    /// Bytes that are no module, an unknown version of the ABI, and imports that a host does not have.
    pub fn load(bytes: &[u8]) -> Result<Self, Error> {
        let code = Code::compile(bytes)?;
        if !["proxy_abi_version_0_2_0", "proxy_abi_version_0_2_1"].iter().any(|name| code.exports(name)) {
            return Err(Error::UnknownAbi);
        }
        code.exports_memory()?;
        Ok(Self { code })
    }

    /// Starts the module with a configuration.
    ///
    /// # Errors
    /// A module that refuses its configuration, crashes, or exceeds its limits.
    pub fn start(&self, plugin: &Plugin) -> Result<Instance, Error> {
        let machine = Machine::new(&self.code, Host::new(plugin))
            .map_err(|fault| translate(fault, "start function", &Host::new(plugin), Vec::new()))?;
        let mut instance = Instance { machine, failed: false, next_context: ROOT + 1, startup: Vec::new() };

        // A reactor initializes itself and may have a `main`; a command has a `_start`.
        if instance.call("_initialize", &[])?.is_some() {
            instance.call("main", &[0, 0])?;
        } else {
            instance.call("_start", &[])?;
        }
        instance.machine.host_mut().phase = Phase::Start;
        instance.call("proxy_on_context_create", &[ROOT, 0])?;
        if !instance.agrees("proxy_on_vm_start", plugin.vm_configuration.len())? {
            return Err(Error::StartRefused { logs: instance.take_logs() });
        }
        instance.machine.host_mut().phase = Phase::Configure;
        if !instance.agrees("proxy_on_configure", plugin.configuration.len())? {
            return Err(Error::ConfigurationRefused { logs: instance.take_logs() });
        }
        instance.machine.host_mut().phase = Phase::Stream;
        instance.startup = instance.take_logs();
        Ok(instance)
    }
}

/// A started plugin.
pub struct Instance {
    machine: Machine,
    failed: bool,
    next_context: u32,
    startup: Vec<LogLine>,
}

impl Instance {
    /// What the module logged while it started.
    pub fn startup_logs(&self) -> &[LogLine] {
        &self.startup
    }

    /// The metrics that the module has defined, by name.
    pub fn metrics(&self) -> &BTreeMap<String, Metric> {
        self.machine.host().metrics.values()
    }

    /// Plays the headers of a request to the module, from the creation of its context to its deletion.
    ///
    /// # Errors
    /// A module that crashes or exceeds its limits; from then on always [`Error::Failed`].
    pub fn http_request(&mut self, exchange: &Exchange) -> Result<Outcome, Error> {
        if self.failed {
            return Err(Error::Failed);
        }
        let context = self.next_context;
        self.next_context = context.checked_add(1).ok_or(Error::Failed)?;
        let count = u32::try_from(exchange.headers.len()).unwrap_or(u32::MAX);

        self.machine.host_mut().stream = Some(Stream::new(context, exchange));
        self.call("proxy_on_context_create", &[context, ROOT])?;
        let action =
            self.call("proxy_on_request_headers", &[context, count, u32::from(exchange.end_of_stream)])?;
        for callback in ["proxy_on_done", "proxy_on_log", "proxy_on_delete"] {
            self.call(callback, &[context])?;
        }

        let logs = self.take_logs();
        let Some(stream) = self.machine.host_mut().stream.take() else { return Err(Error::Failed) };
        let ending = match stream.response {
            Some(response) => Ending::LocalResponse(response),
            None if stream.closed => Ending::Closed,
            None if action.unwrap_or_default() == 0 || stream.resumed => Ending::Continue(stream.headers),
            None => Ending::Paused,
        };
        Ok(Outcome { ending, logs, written: stream.written })
    }

    /// Calls a callback on behalf of the context that is its first argument.
    fn call(&mut self, callback: &str, arguments: &[u32]) -> Result<Option<u32>, Error> {
        self.machine.host_mut().context =
            arguments.first().copied().filter(|first| *first > 0).unwrap_or(ROOT);
        self.machine.call(callback, arguments).map_err(|fault| {
            self.failed = true;
            let logs = self.take_logs();
            translate(fault, callback, self.machine.host(), logs)
        })
    }

    /// Calls a callback of the plugin that answers yes or no; a module without it agrees.
    fn agrees(&mut self, callback: &str, size: usize) -> Result<bool, Error> {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        Ok(self.call(callback, &[ROOT, size])?.is_none_or(|answer| answer != 0))
    }

    fn take_logs(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.machine.host_mut().logs)
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").finish_non_exhaustive()
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("failed", &self.failed)
            .field("metrics", self.metrics())
            .finish_non_exhaustive()
    }
}

fn translate(fault: Fault, callback: &str, host: &Host, logs: Vec<LogLine>) -> Error {
    let callback = callback.to_owned();
    let limits = host.plugin.limits;
    match (fault, host.refused_memory) {
        (Fault::Fuel, _) => Error::OutOfFuel { callback, fuel: limits.fuel },
        (Fault::Trap(_), Some(wanted)) => Error::OutOfMemory { callback, wanted, limit: limits.memory },
        (Fault::Trap(message), None) => Error::Trap { callback, message, logs },
    }
}
