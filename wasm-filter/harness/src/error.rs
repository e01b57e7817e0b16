//! What can go wrong, told to the person who built or configured the module.

use crate::host::LogLine;

/// Why a module could not be loaded, started or asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are not a module that can be compiled.
    #[error("this is not a WebAssembly module: {reason}")]
    NotAModule {
        /// What the compiler found.
        reason: String,
    },
    /// No known `proxy_abi_version_*` export.
    #[error(
        "the module exports neither `proxy_abi_version_0_2_0` nor `proxy_abi_version_0_2_1`; build it with a \
         proxy-wasm SDK for one of these versions"
    )]
    UnknownAbi,
    /// The module needs something that the host does not offer.
    #[error("the module imports `{module}.{name}`, which this host does not offer{cure}")]
    MissingImport {
        /// The import's module name, for example `wasi_snapshot_preview1`.
        module: String,
        /// The imported name.
        name: String,
        /// What to do, starting with `; `, or nothing.
        cure: &'static str,
    },
    /// The module imports a known function with other parameters or results.
    #[error("the module imports `env.{name}` with a signature that is not the one of the proxy-wasm ABI")]
    WrongImport {
        /// The imported name.
        name: String,
    },
    /// An export that every plugin needs is absent.
    #[error("the module does not export {what}")]
    MissingExport {
        /// What is missing, with backticks where it is a name.
        what: &'static str,
    },
    /// `proxy_on_vm_start` returned false.
    #[error("the module refused to start{}", reasons(.logs))]
    StartRefused {
        /// What the module said until then.
        logs: Vec<LogLine>,
    },
    /// `proxy_on_configure` returned false. Envoy rejects such a configuration and keeps the one it had.
    #[error("the module refused its configuration{}", reasons(.logs))]
    ConfigurationRefused {
        /// What the module said until then.
        logs: Vec<LogLine>,
    },
    /// The module crashed.
    #[error("the module crashed in `{callback}`: {message}{}", reasons(.logs))]
    Trap {
        /// The exported function that was running.
        callback: String,
        /// Why it stopped.
        message: String,
        /// What the module said in this callback.
        logs: Vec<LogLine>,
    },
    /// The module ran for longer than [`Limits::fuel`](crate::Limits::fuel) allows.
    #[error("the module was stopped in `{callback}` after {fuel} instructions; it may loop for ever")]
    OutOfFuel {
        /// The exported function that was running.
        callback: String,
        /// The limit, in units of roughly one instruction.
        fuel: u64,
    },
    /// The module crashed after it was refused more memory.
    #[error(
        "the module crashed in `{callback}` after asking for {wanted} bytes of memory, more than {limit}"
    )]
    OutOfMemory {
        /// The exported function that was running.
        callback: String,
        /// The size asked for, in bytes.
        wanted: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The stream has ended: its peer, its service or the module closed it.
    #[error("the stream has ended")]
    Closed,
    /// The instance failed before. Envoy answers 503 from here on, with `FAIL_CLOSED`.
    #[error("the module failed on an earlier request and is not asked again; start a new instance")]
    Failed,
}

/// The log lines from warning upward, as a suffix for a message.
fn reasons(logs: &[LogLine]) -> String {
    let mut text = String::new();
    for line in logs.iter().filter(|line| line.level >= crate::Level::Warn) {
        text.push_str(if text.is_empty() { ": " } else { "; " });
        text.push_str(&line.message);
    }
    text
}
