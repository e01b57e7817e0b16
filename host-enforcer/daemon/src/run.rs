//! Starting and ending: checks what is needed, takes over what is there, and lets the enforcer follow every change.

use crate::cni::Door;
use crate::command::{RunOptions, Size};
use crate::enforcement::{Enforcement, Settings};
use crate::enforcer::Enforcer;
use crate::failure::{Failure, cannot};
use crate::guard::{Guard, Upkeep};
use crate::haste::Haste;
use crate::health::Health;
use crate::here::Here;
use crate::input::{Input, Planning};
use crate::interfaces::Interfaces;
use crate::journal::Journal;
use crate::journal::file::{LineFile, Page};
use crate::kernel::{Kernel, PinWatch};
use crate::names::Names;
use crate::readiness::readiness;
use crate::report::Report;
use crate::requirement;
use crate::say::{complain, say};
use crate::service::Service;
use crate::source::{Any, ClusterOptions, Files, Kubernetes, Reading, Said, Source};
use bookend_cluster::Cluster;
use bookend_plan::Plan;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// Runs until a signal ends it. What is pinned stays in force afterwards.
///
/// # Errors
/// If the machine lacks something, or the files are invalid and nothing is enforced yet.
pub async fn run(options: RunOptions) -> Result<(), Failure> {
    let pins = options.pins.pin_dir.clone();
    requirement::check(&pins)?;
    let _lock = requirement::lock(&pins)?;
    requirement::allow_files();
    if let Some(path) = &options.ready_file {
        forget_ready(path)?;
    }
    let ended = enforce(options, &pins).await;
    if ended.is_err() {
        Kernel::remove_empty(&pins);
    }
    ended
}

async fn enforce(options: RunOptions, pins: &Path) -> Result<(), Failure> {
    let input = Input { policy: options.policy, inventory: options.inventory };
    // Subscribed before the first look, so that nothing falls between.
    let interfaces = Interfaces::subscribe().map_err(|e| cannot("follow the network interfaces", &e))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| cannot("wait for signals", &e))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| cannot("wait for signals", &e))?;
    let hangup = signal(SignalKind::hangup()).map_err(|e| cannot("wait for signals", &e))?;
    let door = Door::default();
    // A source that knows pods reads them; the others know interfaces by name.
    let attachments = options.cni.begin(options.cluster.kubernetes, &options.pins.state_dir, &door)?;
    let health = Health::default();
    let mut reporter = None;
    let mut source = match attachments.filter(|_| options.cluster.kubernetes) {
        None => Any::Files(Box::new(Files::new(input).map_err(|e| cannot("watch the files", &e))?)),
        Some(attachments) => {
            let (cluster, node) = (connect(&options.cluster).await?, options.cluster.node()?);
            let outlook = options.cluster.outlook()?;
            let asked = options.report.ask_proxies.then(|| attachments.clone());
            let (sender, report) = Report::new(cluster.clone(), node.clone(), health.clone(), asked);
            reporter = Some(sender);
            tokio::spawn(report.run());
            let followed = Kubernetes::new(&cluster, &outlook, attachments, input, &options.pins.state_dir);
            Any::Kubernetes(Box::new(followed.map_err(|e| cannot("watch the files", &e))?))
        }
    };
    let journal =
        Journal::new(journal_target(&options.events, options.events_max_size, options.events_keep)?);

    let mut planning = Planning::default();
    let here = Here::new(options.host);
    let Reading { revision, said } = source.read();
    let (mut last, mut unknown) = (None, None);
    let first = match said {
        Said::Documents(compiled, warnings) => {
            last = Some(revision);
            Some(planning.plan(compiled, warnings, &Plan::default(), &here))
        }
        Said::Wrong(complaints) => Some(Err(complaints)),
        Said::Nothing(why) => {
            say(&format!("{why}; what is pinned stays in force until it is known"));
            unknown = Some(why);
            None
        }
    };
    if let (Some(Err(complaints)), Some(version)) = (&first, Kernel::other_versions(pins)?.last()) {
        complain(complaints);
        return Err(Failure::invalid(format!(
            "the policy or the inventory is invalid, so the tables of version {version} stay in force as they are; correct it \
             and start again, and this version takes over"
        )));
    }
    if let (Some(Err(complaints)), false) = (&first, Kernel::is_in_force(pins)?) {
        complain(complaints);
        return Err(Failure::invalid(
            "the policy or the inventory is invalid and nothing is enforced yet; correct it and start again",
        ));
    }

    let guard = Guard::new(pins);
    guard.check().map_err(|error| Failure::new(error.to_string()))?;
    let guard = Upkeep::new(guard).map_err(|e| cannot("follow nftables", &e))?;
    let object = options.object.map_or_else(default_object, Ok)?;
    let mut kernel = Kernel::load(&object, pins)?;
    let events = kernel.take_events()?;
    let pinned = PinWatch::new(pins).map_err(|e| cannot("watch the pins", &e))?;
    let dry = options.dry_run;
    let settings = Settings { sample: options.sample, dry, interfaces: options.interfaces };
    let enforcement = Enforcement::adopt(kernel, settings, &interfaces.links())?;
    let names_path = Names::path(&options.pins.state_dir, pins);
    let mut enforcer = Enforcer {
        enforcement,
        interfaces: readiness(interfaces, "follow the network interfaces")?,
        journal,
        names: Names::load(&names_path),
        names_path,
        planning,
        here,
        last,
        unknown,
        reporter,
        unread: false,
        failed: Vec::new(),
        ready_file: options.ready_file,
        guard: readiness(guard, "follow nftables")?,
        unguarded: None,
        waiting: BTreeSet::new(),
        held: BTreeSet::new(),
        unpinned: None,
        haste: Haste::new(&options.pins.state_dir, pins),
        ready: false,
        incomplete: false,
        health,
        service: Service::default(),
        door,
        hangup,
    };
    enforcer.answer(options.listen, pins)?;
    match first {
        Some(Ok(planned)) => enforcer.put_in_force(planned),
        Some(Err(complaints)) => enforcer.refuse(&complaints),
        None => {}
    }
    // Not before: what was in force until now would be enforced in the place of what the files say. Of what is not known yet, it
    // is not ended before it is.
    if dry || enforcer.unknown.is_none() {
        enforcer.observe(dry);
    }
    enforcer.tell_ready()?;
    enforcer.service.started();

    let stop = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let ended = enforcer.follow(&mut source, events, pinned, stop).await;
    enforcer.service.stopping();
    if let Some(path) = &enforcer.ready_file {
        // Gone already, if somebody cleaned up.
        let _ = std::fs::remove_file(path);
    }
    say("ending; what is pinned stays in force");
    ended
}

/// The cluster, ready to be asked.
async fn connect(options: &ClusterOptions) -> Result<Cluster, Failure> {
    Cluster::connect(&options.access()).await.map_err(|trouble| Failure::new(trouble.to_string()))
}

/// Removes the ready file of an enforcer that was killed: it says nothing of this one.
fn forget_ready(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(cannot(&format!("remove `{}`; name another with --ready-file", path.display()), &error))
        }
        _ => Ok(()),
    }
}

/// Where the journal goes: standard output, a file, or nowhere.
fn journal_target(target: &Option<PathBuf>, most: Size, keep: u32) -> Result<Option<Box<dyn Page>>, Failure> {
    let Some(path) = target else { return Ok(None) };
    if path == Path::new("-") {
        return Ok(Some(Box::new(std::io::stdout())));
    }
    let file = LineFile::open(path, most.0, keep);
    let file = file.map_err(|e| cannot(&format!("write events to `{}`", path.display()), &e))?;
    Ok(Some(Box::new(file)))
}

/// The object beside this program, or where `BOOKEND_DIST` says.
pub(crate) fn default_object() -> Result<PathBuf, Failure> {
    let directory = match std::env::var_os("BOOKEND_DIST") {
        Some(directory) => PathBuf::from(directory),
        None => {
            let program = std::env::current_exe()
                .map_err(|e| cannot("find the BPF object; name it with --object", &e))?;
            program.parent().map(Path::to_owned).unwrap_or_default()
        }
    };
    Ok(directory.join("bookend_ebpf.o"))
}
