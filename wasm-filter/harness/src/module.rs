//! Loading a module, and starting it as a plugin.

use std::fmt;

use crate::host::{Host, Phase, ROOT};
use crate::instance::{Instance, translate};
use crate::machine::{Code, Machine};
use crate::{Error, Plugin};

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

    /// Starts the module with a configuration, as one worker of a proxy does.
    ///
    /// # Errors
    /// A module that refuses its configuration, crashes, or exceeds its limits.
    pub fn start(&self, plugin: &Plugin) -> Result<Instance, Error> {
        let machine = Machine::new(&self.code, Host::new(plugin))
            .map_err(|fault| translate(fault, "start function", &Host::new(plugin), Vec::new()))?;
        let mut instance = Instance::new(machine);

        // A reactor initializes itself and may have a `main`; a command has a `_start`.
        if instance.call_on(ROOT, "_initialize", &[])?.is_some() {
            instance.call_on(ROOT, "main", &[0, 0])?;
        } else {
            instance.call_on(ROOT, "_start", &[])?;
        }
        instance.host_mut().phase = Phase::Start;
        instance.call("proxy_on_context_create", &[ROOT, 0])?;
        if !instance.agrees("proxy_on_vm_start", plugin.vm_configuration.len())? {
            return Err(Error::StartRefused { logs: instance.take_logs() });
        }
        instance.host_mut().phase = Phase::Configure;
        if !instance.agrees("proxy_on_configure", plugin.configuration.len())? {
            return Err(Error::ConfigurationRefused { logs: instance.take_logs() });
        }
        instance.host_mut().phase = Phase::Run;
        instance.startup = instance.take_logs();
        Ok(instance)
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").finish_non_exhaustive()
    }
}
