//! A real Envoy, configured as Istio configures its sidecars and its ingress gateway.
//!
//! Configuration arrives as xDS from files: clusters and listeners once, the Bookend filter through extension
//! discovery (as Istio delivers a `WasmPlugin`), so that a new filter configuration reaches requests on connections that are already open. Files
//! are replaced by rename, which is what Envoy watches for.

mod access;
mod admin;
mod bootstrap;
mod cluster;
mod filter;
mod listener;
pub mod plugin;
mod verifier;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use access::Access;
pub use filter::Filter;
pub use verifier::Verifier;

use crate::certificate::Authority;
use crate::error::{Doing, Error, Result};
use crate::namespace::Namespace;
use crate::process::{Launch, Process};
use crate::world::topology::{PROXY_UID, Workload};

/// How long an Envoy may take to be ready. It compiles the filter first, with others on few cores.
const READY: Duration = Duration::from_secs(60);
/// How long an Envoy may take to accept or refuse a new filter configuration.
const RELOAD: Duration = Duration::from_secs(30);

/// A running Envoy.
#[derive(Debug)]
pub struct Envoy {
    process: Mutex<Process>,
    directory: PathBuf,
    version: AtomicU64,
}

impl Envoy {
    /// Writes the configuration into `directory` and starts `executable` inside `namespace`. Returns before it
    /// is ready, so that many can start together.
    pub fn start(
        executable: &Path,
        namespace: &Namespace,
        workload: &Workload,
        authority: &Authority,
        filter: Option<&Filter>,
        directory: &Path,
    ) -> Result<Self> {
        fs::create_dir_all(directory).doing(format!("create `{}`", directory.display()))?;
        let identity = authority.issue(&workload.spiffe_id())?;
        replace(&directory.join("certificate.pem"), &identity.certificate)?;
        replace(&directory.join("authority.pem"), authority.certificate())?;
        let key = directory.join("key.pem");
        replace(&key, &identity.key)?;
        nix::unistd::chown(&key, Some(PROXY_UID.into()), None).doing("give the proxy its key")?;
        access::create(directory)?;
        let places = filter::Places::new(directory, filter);
        write_resources(directory, "cds", "1", &cluster::clusters(workload, places))?;
        write_resources(directory, "lds", "1", &listener::listeners(workload, places))?;
        if let Some(filter) = filter {
            filter.publish(directory, 1)?;
        }
        let bootstrap = bootstrap::bootstrap(workload, directory);
        replace(&directory.join("bootstrap.json"), &bootstrap.to_string())?;
        let process = Process::start(namespace, Self::launch(executable, workload, directory))?;
        Ok(Self { process: Mutex::new(process), directory: directory.to_owned(), version: AtomicU64::new(1) })
    }

    fn launch(executable: &Path, workload: &Workload, directory: &Path) -> Launch {
        let config = directory.join("bootstrap.json");
        let mut arguments: Vec<OsString> = vec!["--config-path".into(), config.into()];
        let flags = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
        arguments.extend(flags.map(OsString::from));
        arguments.extend(["--component-log-level", "wasm:info"].map(OsString::from));
        arguments.extend(["--file-flush-interval-msec", access::FLUSH].map(OsString::from));
        Launch {
            name: format!("the Envoy of {}", workload.key),
            program: executable.to_owned(),
            arguments,
            uid: PROXY_UID,
            log: directory.join("envoy.log"),
        }
    }

    /// Waits until Envoy serves: its first listeners, and with them the filter, are in force.
    pub fn await_ready(&self, namespace: &Namespace) -> Result<()> {
        self.process().await_ready(
            READY,
            || matches!(admin::get(namespace, "/ready"), Ok(answer) if answer.trim() == "LIVE"),
        )?;
        // Envoy is LIVE also when it refused its first listeners; then nothing listens.
        let refused = self.statistic(namespace, "listener_manager.lds.update_rejected")?
            + self.statistic(namespace, "cluster_manager.cds.update_rejected")?;
        if refused > 0 {
            return Err(self.failure("refused its configuration"));
        }
        Ok(())
    }

    /// Replaces the filter's configuration and waits for Envoy's answer. Requests that arrive afterwards meet
    /// the new one, on old connections too.
    ///
    /// # Errors
    /// If Envoy refuses it (the old one then stays in force), with Envoy's reason.
    pub fn reconfigure(&self, namespace: &Namespace, filter: &Filter) -> Result<()> {
        let before = admin::reloads(namespace)?;
        filter.publish(&self.directory, self.version.fetch_add(1, Ordering::Relaxed) + 1)?;
        let end = Instant::now() + RELOAD;
        while Instant::now() < end {
            self.process().alive()?;
            let now = admin::reloads(namespace)?;
            if now.refused > before.refused {
                return Err(self.failure("refused the filter"));
            }
            if now.all_accepted_since(&before) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(self.failure(&format!("did not answer to a new filter in {RELOAD:?}")))
    }

    /// What it logged of the request with this mark; waits for it, but not longer than `limit`.
    pub fn access(&self, mark: &str, limit: Duration) -> Result<Option<Access>> {
        access::find(&self.directory, mark, limit)
    }

    /// The value of a counter or gauge; 0 if Envoy does not have it.
    pub fn statistic(&self, namespace: &Namespace, name: &str) -> Result<u64> {
        admin::statistic(namespace, name)
    }

    /// What Envoy's administration interface answers to a GET.
    pub fn admin(&self, namespace: &Namespace, path: &str) -> Result<String> {
        admin::get(namespace, path)
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self, what: &str) -> Error {
        let process = self.process();
        Error::new(format!("{} {what}: {}", process.name(), process.last_words()))
    }
}

/// Replaces a file in one step: a reader sees the old or the new content.
fn replace(path: &Path, content: &str) -> Result<()> {
    let next = path.with_extension("next");
    fs::write(&next, content).doing(format!("write `{}`", next.display()))?;
    fs::rename(&next, path).doing(format!("replace `{}`", path.display()))
}

/// Each kind of resource has a directory of its own, which Envoy watches for renames.
fn write_resources(directory: &Path, kind: &str, version: &str, resources: &[Value]) -> Result<()> {
    let directory = directory.join(kind);
    fs::create_dir_all(&directory).doing(format!("create `{}`", directory.display()))?;
    let response = json!({ "version_info": version, "resources": resources });
    replace(&directory.join(format!("{kind}.json")), &response.to_string())
}

/// An xDS source that reads `kind` from files below `directory`.
fn source(directory: &Path, kind: &str) -> Value {
    let watched = directory.join(kind);
    json!({
        "resource_api_version": "V3",
        "initial_fetch_timeout": "0s",
        "path_config_source": {
            "path": watched.join(format!("{kind}.json")),
            "watched_directory": { "path": watched },
        },
    })
}

fn address(ip: impl ToString, port: u16) -> Value {
    json!({ "socket_address": { "address": ip.to_string(), "port_value": port } })
}
