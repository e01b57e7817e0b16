//! How a module is started.

use std::time::SystemTime;

use crate::{Level, Properties, Shared};

/// What a proxy's configuration says about a plugin.
#[derive(Debug, Clone)]
pub struct Plugin {
    /// The plugin's name, readable as `plugin_name`.
    pub name: String,
    /// Which of the module's root contexts is meant, readable as `plugin_root_id`.
    pub root_id: String,
    /// The VM's name, readable as `plugin_vm_id`.
    pub vm_id: String,
    /// The VM's configuration, given to `proxy_on_vm_start`.
    pub vm_configuration: Vec<u8>,
    /// The plugin's configuration, given to `proxy_on_configure`.
    pub configuration: Vec<u8>,
    /// Attributes that are known without a request, such as `xds.node`.
    pub properties: Properties,
    /// Which way the listener's traffic goes, readable as `listener_direction`.
    pub direction: Direction,
    /// What `proxy_get_log_level` answers. Every line is recorded, whatever its level.
    pub log_level: Level,
    /// How much the module may use.
    pub limits: Limits,
    /// What instances share that are started with this plugin, or with a clone of it.
    pub shared: Shared,
    /// When the instance starts; now, without it. From there on time passes where the caller says so.
    pub clock: Option<SystemTime>,
    /// Whether a module that stops at the headers (action 1) is asked about the body; otherwise everything waits. The
    /// option of the same name in Envoy, which is off unless it is set.
    pub allow_on_headers_stop_iteration: bool,
}

impl Default for Plugin {
    fn default() -> Self {
        Self {
            name: String::new(),
            root_id: String::new(),
            vm_id: String::new(),
            vm_configuration: Vec::new(),
            configuration: Vec::new(),
            properties: Properties::new(),
            direction: Direction::Unspecified,
            log_level: Level::Trace,
            limits: Limits::default(),
            shared: Shared::default(),
            clock: None,
            allow_on_headers_stop_iteration: false,
        }
    }
}

/// Which way a listener's traffic goes, as the proxy's configuration says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    /// The configuration does not say. 0 in the ABI.
    #[default]
    Unspecified,
    /// To the workload. 1 in the ABI.
    Inbound,
    /// From the workload. 2 in the ABI.
    Outbound,
}

/// How much a module may use before it is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Work in one callback, in units of roughly one WebAssembly instruction.
    pub fuel: u64,
    /// Linear memory, in bytes. Asking for more fails as it does in a machine without memory left.
    pub memory: usize,
}

impl Default for Limits {
    /// Two thousand million instructions (about a second) and 256 MiB.
    fn default() -> Self {
        Self { fuel: 2_000_000_000, memory: 256 << 20 }
    }
}
