//! `bookend-demo`: one policy, enforced at both ends, before your eyes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bookend_testenv::demo::documents::Documents;
use bookend_testenv::demo::report::Format;
use bookend_testenv::{Error, Result, World, demo, interrupt, run, service};
use clap::{Parser, Subcommand};

/// Builds Bookinfo in network namespaces behind real Envoys and shows what one policy file does to it.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Only take away what an earlier run left behind after a crash
    #[arg(long)]
    clean: bool,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    /// Leave the host enforcer out: only the filters are in force
    #[arg(long)]
    without_kernel: bool,
    /// Other policies than the example's: files or directories; Bookend's own, Kubernetes', Istio's or Calico's.
    ///
    /// What should become of each attempt is then told by them. Edits, which only the example's can take, are left out.
    #[arg(long, value_name = "PATH")]
    policy: Vec<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the world without any policy and keep it until ctrl-C, to look around in it
    World,
    /// Be one of the world's servers
    #[command(hide = true)]
    Service {
        /// The key of a workload or of an outside host
        #[arg(long)]
        name: String,
        /// Where to write down what was received
        #[arg(long)]
        journal: PathBuf,
    },
}

/// The exit code when something was not as the policy says.
const DIFFERS: u8 = 3;

fn main() -> ExitCode {
    match execute(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bookend-demo: {error}");
            ExitCode::from(1)
        }
    }
}

fn execute(arguments: Arguments) -> Result<ExitCode> {
    if let Some(Command::Service { name, journal }) = arguments.command {
        service::serve(service::Options { key: name, journal })?;
        return Ok(ExitCode::SUCCESS);
    }
    interrupt::put_away_on_signals()?;
    let leftovers = run::remove_leftovers()?;
    if arguments.clean {
        for id in leftovers {
            println!("removed what run {id} left behind");
        }
        return Ok(ExitCode::SUCCESS);
    }
    match arguments.command {
        Some(Command::World) => keep_world(),
        _ => {
            let ok = demo::run(options(&arguments)?)?;
            Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
        }
    }
}

fn options(arguments: &Arguments) -> Result<demo::Options> {
    let services = own_executable()?;
    let beside = services.parent().map(Path::to_owned).unwrap_or_default();
    let artifacts = std::env::var_os("BOOKEND_DIST").map_or(beside, PathBuf::from);
    let checkout = checkout(&services)?;
    let theirs = !arguments.policy.is_empty();
    let documents = match theirs {
        true => Documents::other(&checkout, &arguments.policy)?,
        false => Documents::bookinfo(&checkout),
    };
    let format = if arguments.json { Format::Json } else { Format::text() };
    let without_kernel = arguments.without_kernel;
    Ok(demo::Options { artifacts, services, documents, theirs, format, without_kernel })
}

/// The checkout that holds the executable or the current directory: where the example lies.
fn checkout(executable: &Path) -> Result<PathBuf> {
    let current = std::env::current_dir().unwrap_or_default();
    [executable, current.as_path()]
        .into_iter()
        .flat_map(Path::ancestors)
        .find(|directory| directory.join("examples/bookinfo/policy.yaml").is_file())
        .map(Path::to_owned)
        .ok_or_else(|| Error::new("the example is not here").cure("run this from the checkout"))
}

fn own_executable() -> Result<PathBuf> {
    std::env::current_exe().map_err(|error| Error::new(format!("cannot find the own executable: {error}")))
}

fn keep_world() -> Result<ExitCode> {
    let world = World::builder(own_executable()?).build()?;
    for pod in world.pods() {
        let (workload, namespace) = (pod.workload(), pod.namespace().name());
        println!(
            "{:<12} {:<12} {:<18} ip netns exec {namespace} ...",
            workload.key,
            workload.ipv4(),
            workload.ipv6()
        );
    }
    println!("files are in {}; press ctrl-C to take it all away", world.run().directory().display());
    loop {
        std::thread::park();
    }
}
