//! The world: Bookinfo in real namespaces behind real Envoys.

pub mod network;
pub mod pod;
pub mod redirect;
pub mod topology;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::certificate::Authority;
use crate::envoy::{Envoy, Filter};
use crate::error::{Error, Result};
use crate::journal::{Reader, Record};
use crate::namespace::Namespace;
use crate::process::{Launch, Process};
use crate::requirement;
use crate::run::{self, Run};
use crate::witness::Witness;
use network::Network;
use pod::Pod;
use topology::{APP_UID, EXTERNALS, OUTSIDE_MAC, Proxy, WORKLOADS, Workload};

/// How long a service may take to listen.
const SERVICE_READY: Duration = Duration::from_secs(20);

/// What a world is to be made of.
#[derive(Debug)]
pub struct Builder {
    services: PathBuf,
    envoy: Option<PathBuf>,
    filter: Option<Filter>,
}

/// A running world. Dropping it ends every process and takes every namespace, file and pin away.
#[derive(Debug)]
pub struct World {
    // Fields are dropped in order: processes before the namespaces they live in.
    pods: Vec<Pod>,
    outside: Vec<Outside>,
    // In the order of `WORKLOADS`, then the one outside.
    witnesses: Vec<Witness>,
    network: Network,
    run: Run,
    timings: Vec<(&'static str, Duration)>,
}

/// A server outside.
#[derive(Debug)]
struct Outside {
    process: Process,
    journal: Reader,
}

/// Where every journal stood at some moment.
#[derive(Debug, Clone)]
pub struct Moment {
    positions: Vec<u64>,
}

impl Builder {
    /// Runs the Bookend filter in every Envoy.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Uses this Envoy instead of the one that is found.
    #[must_use]
    pub fn envoy(mut self, executable: PathBuf) -> Self {
        self.envoy = Some(executable);
        self
    }

    /// Builds the world; returns when everything is ready to serve.
    ///
    /// # Errors
    /// If the machine lacks something, or a part does not become ready in time. Nothing is left behind.
    pub fn build(self) -> Result<World> {
        requirement::root()?;
        let executable = self.envoy.map_or_else(requirement::envoy, Ok)?;
        run::remove_leftovers()?;
        let begin = Instant::now();
        let run = Run::start()?;
        // From here on a failure drops `parts`, and the guard takes away what was made so far.
        let guard = Guard(Some(run.clone()));
        let mut timings = Vec::new();
        let network = Network::build(&run)?;
        timings.push(("network", begin.elapsed()));
        let witnesses = post_witnesses(&network)?;
        let authority = Authority::new()?;
        let filter = self.filter.map(|filter| filter.staged(&run.directory())).transpose()?;
        let outside = start_outside(&run, &network, &self.services)?;
        let mut pods = Vec::new();
        for (workload, name) in WORKLOADS.iter().zip(network.pods.iter().map(Namespace::name)) {
            let mut pod = Pod::new(workload, Namespace::open(name)?);
            if workload.service.is_some() {
                let journal = Reader::create(journal_path(&run, workload.key), APP_UID)?;
                let process = start_service(&run, pod.namespace(), &self.services, workload.key)?;
                pod.set_service(process, journal);
            }
            if workload.proxy != Proxy::None {
                let directory = run.directory().join(workload.key);
                let filter = filter.as_ref();
                let envoy =
                    Envoy::start(&executable, pod.namespace(), workload, &authority, filter, &directory)?;
                pod.set_envoy(envoy);
            }
            pods.push(pod);
        }
        timings.push(("processes started", begin.elapsed()));
        let mut world = World { pods, outside, witnesses, network, run, timings };
        drop(guard.disarm());
        world.await_ready()?;
        world.timings.push(("ready", begin.elapsed()));
        Ok(world)
    }
}

impl World {
    /// Starts to describe a world. `services` is the executable of the demo, which is also that of the servers.
    pub fn builder(services: impl Into<PathBuf>) -> Builder {
        Builder { services: services.into(), envoy: None, filter: None }
    }

    /// The pod with this key (see [`topology::WORKLOADS`]).
    ///
    /// # Errors
    /// If there is none.
    pub fn pod(&self, key: &str) -> Result<&Pod> {
        self.pods.iter().find(|pod| pod.workload().key == key).ok_or_else(|| no_such_pod(key))
    }

    /// Every pod.
    pub fn pods(&self) -> &[Pod] {
        &self.pods
    }

    /// The host's namespace, which holds the host side of every pod's interface.
    pub fn node(&self) -> &Namespace {
        &self.network.node
    }

    /// The namespace of everything outside.
    pub fn outside(&self) -> &Namespace {
        &self.network.outside
    }

    /// The names this world uses on the machine.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// How long the parts took, each since the beginning.
    pub fn timings(&self) -> &[(&'static str, Duration)] {
        &self.timings
    }

    /// Gives every Envoy a new filter configuration; returns when all have accepted it.
    ///
    /// # Errors
    /// If one refuses; the ones before it have the new configuration then, the others the old.
    pub fn reconfigure(&self, filter: &Filter) -> Result<()> {
        let filter = filter.staged(&self.run.directory())?;
        self.pods.iter().try_for_each(|pod| pod.reconfigure(&filter))
    }

    /// Starts a process inside the host's namespace as root, for example the host enforcer. Its output goes to
    /// `<name>.log` in the run's directory. The caller keeps it; it must be dropped before the world.
    pub fn start_on_node(&self, name: &str, program: PathBuf, arguments: Vec<OsString>) -> Result<Process> {
        let log = self.run.directory().join(format!("{name}.log"));
        Process::start(self.node(), Launch { name: name.to_owned(), program, arguments, uid: 0, log })
    }

    /// Now, as a place in every journal.
    pub fn now(&self) -> Result<Moment> {
        let positions = self.journals().map(Reader::position).collect::<Result<_>>()?;
        Ok(Moment { positions })
    }

    /// Everything any server received since `moment`.
    pub fn received_since(&self, moment: &Moment) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for (journal, position) in self.journals().zip(&moment.positions) {
            records.extend(journal.since(*position)?);
        }
        Ok(records)
    }

    /// Who sees what arrives at `address`.
    ///
    /// # Errors
    /// If it belongs to nobody here.
    pub fn witness(&self, address: IpAddr) -> Result<&Witness> {
        let pod = WORKLOADS.iter().position(|workload| workload.addresses().contains(&address));
        let outside = || {
            let ours = EXTERNALS.iter().any(|external| external.addresses().contains(&address));
            ours.then_some(WORKLOADS.len())
        };
        let found = pod.or_else(outside).and_then(|place| self.witnesses.get(place));
        found.ok_or_else(|| Error::new(format!("nobody here has the address {address}")))
    }

    fn journals(&self) -> impl Iterator<Item = &Reader> {
        self.pods.iter().filter_map(Pod::journal).chain(self.outside.iter().map(|outside| &outside.journal))
    }

    fn await_ready(&mut self) -> Result<()> {
        for (outside, external) in self.outside.iter_mut().zip(EXTERNALS) {
            let (address, port) = (external.ipv4, external.ports.first().copied().unwrap_or_default());
            let namespace = &self.network.outside;
            outside.process.await_ready(SERVICE_READY, || pod::listens(namespace, address, port))?;
        }
        self.pods.iter_mut().try_for_each(Pod::await_ready)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.pods.clear();
        self.outside.clear();
        // All at once, or each would take its time.
        self.witnesses.iter().for_each(Witness::dismiss);
        self.witnesses.clear();
        if let Err(error) = self.run.remove() {
            eprintln!("bookend: something was left behind: {error}");
        }
    }
}

/// Takes a run's names away unless it is disarmed.
struct Guard(Option<Run>);

impl Guard {
    fn disarm(mut self) -> Option<Run> {
        self.0.take()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(run) = &self.0 {
            // The failure that brought us here is the one to be reported.
            let _ = run.remove();
        }
    }
}

fn post_witnesses(network: &Network) -> Result<Vec<Witness>> {
    let pods = network.pods.iter().zip(WORKLOADS.iter().map(Workload::mac));
    let all = pods.chain([(&network.outside, OUTSIDE_MAC)]);
    all.map(|(namespace, mac)| Witness::post(namespace, mac)).collect()
}

fn start_outside(run: &Run, network: &Network, services: &std::path::Path) -> Result<Vec<Outside>> {
    let namespace = &network.outside;
    EXTERNALS
        .iter()
        .map(|external| {
            let journal = Reader::create(journal_path(run, external.key), APP_UID)?;
            Ok(Outside { process: start_service(run, namespace, services, external.key)?, journal })
        })
        .collect()
}

fn start_service(run: &Run, namespace: &Namespace, program: &std::path::Path, key: &str) -> Result<Process> {
    let arguments = vec![
        OsString::from("service"),
        "--name".into(),
        key.into(),
        "--journal".into(),
        journal_path(run, key).into(),
    ];
    Process::start(
        namespace,
        Launch {
            name: format!("the service {key}"),
            program: program.to_owned(),
            arguments,
            uid: APP_UID,
            log: run.directory().join(format!("{key}.log")),
        },
    )
}

fn journal_path(run: &Run, key: &str) -> PathBuf {
    run.directory().join(format!("{key}.journal"))
}

fn no_such_pod(key: &str) -> Error {
    let keys: Vec<&str> = WORKLOADS.iter().map(|workload| workload.key).collect();
    Error::new(format!("no pod is called `{key}`")).cure(format!("use one of {}", keys.join(", ")))
}
