//! Envoys alone in a network namespace, with bootstraps that the test writes.
//!
//! Where [`World`](crate::World) builds a whole cluster, a stand holds still and lets the test ask its own question of
//! a proxy. The JSON for what the test needs is in [`envoy::plugin`](crate::envoy::plugin).

use std::ffi::OsString;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::certificate::Authority;
use crate::error::{Doing, Error, Result};
use crate::http::{self, Request, Response};
use crate::namespace::{self, Namespace};
use crate::process::{Launch, Process};
use crate::requirement;
use crate::run::Run;

/// How long an Envoy may take to be ready, or to do what it was told. It compiles modules first, with others on few cores.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long Envoy's administration interface may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// The address and port of an administration interface that stands nowhere else.
const ADMIN: &str = "/admin/address/socket_address";

/// A network namespace with a directory and an authority, for Envoys. Dropping it takes the namespace and the
/// directory away; the Envoys must be dropped before.
#[derive(Debug)]
pub struct Stand {
    executable: PathBuf,
    run: Run,
    namespace: Namespace,
    authority: Authority,
    count: AtomicU32,
    addresses: Mutex<Vec<IpAddr>>,
}

/// A running Envoy. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    process: Mutex<Process>,
    namespace: Namespace,
    admin: SocketAddr,
    directory: PathBuf,
}

impl Stand {
    /// A namespace called after `name` whose loopback interface is up. `name` is short, of letters and dashes.
    ///
    /// # Errors
    /// When this is not root, or Envoy is not there.
    pub fn new(name: &str) -> Result<Self> {
        requirement::root()?;
        let executable = requirement::envoy()?;
        let run = Run::start()?;
        let name = run.namespace(name);
        let made = namespace::add(std::slice::from_ref(&name))
            .and_then(|()| Namespace::open(&name))
            .and_then(|it| {
                it.ip("link set lo up\n")?;
                Ok((it, Authority::new()?))
            });
        match made {
            Ok((namespace, authority)) => Ok(Self {
                executable,
                run,
                namespace,
                authority,
                count: AtomicU32::new(0),
                addresses: Mutex::default(),
            }),
            Err(error) => {
                // The failure that brought us here is the one to be reported.
                let _ = run.remove();
                Err(error)
            }
        }
    }

    /// Where clients and servers of the test open their sockets: `stand.namespace().run(|| …)`.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Where the test may keep files. Gone with the stand.
    pub fn directory(&self) -> PathBuf {
        self.run.directory()
    }

    /// Issues certificates that all Envoys and clients here can be told to trust.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Gives the namespace an address, usable at once, for an Envoy to listen at or for a client to come from. All
    /// of 127.0.0.0/8 is there already.
    pub fn own(&self, address: IpAddr) -> Result<()> {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if !addresses.contains(&address) {
            let (length, flags) = if address.is_ipv4() { (32, "") } else { (128, " nodad") };
            self.namespace.ip(&format!("addr add {address}/{length} dev lo{flags}\n"))?;
            addresses.push(address);
        }
        Ok(())
    }

    /// A copy of what `scripts/build` made, that Envoy may read.
    ///
    /// # Errors
    /// If it was not built.
    pub fn module(&self, name: &str) -> Result<PathBuf> {
        let from = requirement::artifact(name)?;
        let to = self.directory().join(name);
        if !to.exists() {
            fs::copy(&from, &to).doing(format!("copy `{}`", from.display()))?;
        }
        Ok(to)
    }

    /// Writes a file into the directory, and says where it is.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.directory().join(name);
        fs::write(&path, content).doing(format!("write `{}`", path.display()))?;
        Ok(path)
    }

    /// Starts an Envoy with one worker and waits until it serves.
    ///
    /// # Errors
    /// If it refuses its bootstrap, with its reason.
    pub fn start(&self, bootstrap: &Value) -> Result<Running> {
        self.start_with(bootstrap, &["--concurrency", "1", "--log-level", "warning"])
    }

    /// Starts an Envoy with these options of the command line and waits until it serves.
    ///
    /// # Errors
    /// If it refuses its bootstrap, with its reason.
    pub fn start_with(&self, bootstrap: &Value, options: &[&str]) -> Result<Running> {
        let running = self.launch(bootstrap, options)?;
        running.await_ready()?;
        Ok(running)
    }

    /// Starts an Envoy and does not wait, so that many can start together.
    ///
    /// # Errors
    /// If the bootstrap names no port of 127.0.0.0/8 for the administration interface.
    pub fn launch(&self, bootstrap: &Value, options: &[&str]) -> Result<Running> {
        let admin = admin(bootstrap).ok_or_else(|| {
            Error::new("the bootstrap has no administration interface").cure("add `admin.address`")
        })?;
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let directory = self.directory().join(format!("envoy-{number}"));
        fs::create_dir_all(&directory).doing(format!("create `{}`", directory.display()))?;
        let config = directory.join("bootstrap.json");
        fs::write(&config, bootstrap.to_string()).doing(format!("write `{}`", config.display()))?;
        let mut arguments: Vec<OsString> = vec!["--config-path".into(), config.into()];
        arguments.push("--disable-hot-restart".into());
        arguments.extend(options.iter().map(OsString::from));
        let launch = Launch {
            name: format!("Envoy {number}"),
            program: self.executable.clone(),
            arguments,
            uid: 0,
            log: directory.join("envoy.log"),
        };
        let process = Process::start(&self.namespace, launch)?;
        let namespace = Namespace::open(self.namespace.name())?;
        Ok(Running { process: Mutex::new(process), namespace, admin, directory })
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Err(error) = self.run.remove() {
            eprintln!("bookend: something was left behind: {error}");
        }
    }
}

impl Running {
    /// Waits until it serves; fails if it refuses a listener or a cluster of its bootstrap.
    pub fn await_ready(&self) -> Result<()> {
        let live = || self.get("/ready").is_ok_and(|answer| answer.text().trim() == "LIVE");
        self.process().await_ready(PATIENCE, live)
    }

    /// The process, as `/proc` knows it.
    pub fn pid(&self) -> u32 {
        self.process().id()
    }

    /// Where its files are: `bootstrap.json` and `envoy.log`.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.directory.join("envoy.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Fails if it has ended, with its last words.
    pub fn alive(&self) -> Result<()> {
        self.process().alive()
    }

    /// Waits for its end, and says what it logged; for those that refuse their bootstrap.
    ///
    /// # Errors
    /// If it goes on.
    pub fn await_end(&self) -> Result<String> {
        self.process().await_end(PATIENCE)?;
        Ok(self.log())
    }

    /// What its administration interface answers to a GET.
    pub fn admin(&self, path: &str) -> Result<String> {
        Ok(self.get(path)?.text())
    }

    /// Tells its administration interface to do something, with a POST.
    pub fn order(&self, path: &str) -> Result<String> {
        let request = Request::new("POST", "admin", path);
        Ok(self.namespace.run(|| http::exchange(self.admin, &request, ANSWER))??.text())
    }

    /// Counters and gauges whose name contains `part`, with their values.
    pub fn statistics(&self, part: &str) -> Result<Vec<(String, u64)>> {
        let text = self.admin("/stats")?;
        let lines = text.lines().filter_map(|line| line.split_once(": "));
        let wanted = lines.filter(|(name, _)| name.contains(part));
        Ok(wanted.filter_map(|(name, value)| Some((name.to_owned(), value.trim().parse().ok()?))).collect())
    }

    /// The sum of counters and gauges whose name ends so.
    pub fn sum(&self, ending: &str) -> Result<u64> {
        let found = self.statistics(ending)?;
        Ok(found.iter().filter(|(name, _)| name.ends_with(ending)).map(|(_, value)| value).sum())
    }

    /// Waits until `holds` says so, watching that Envoy lives. `what` says what is waited for.
    pub fn await_that(&self, what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !holds()? {
            self.alive()?;
            if Instant::now() >= end {
                let words = self.process().last_words();
                return Err(Error::new(format!("{what} did not happen in {PATIENCE:?}: {words}")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn get(&self, path: &str) -> Result<Response> {
        let request = Request::get("admin", path);
        self.namespace.run(|| http::exchange(self.admin, &request, ANSWER))?
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn admin(bootstrap: &Value) -> Option<SocketAddr> {
    let address = bootstrap.pointer(ADMIN)?;
    let port = u16::try_from(address.get("port_value")?.as_u64()?).ok()?;
    Some(SocketAddr::new(address.get("address")?.as_str()?.parse().ok()?, port))
}
