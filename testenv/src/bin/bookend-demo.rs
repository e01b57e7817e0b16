//! `bookend-demo`: one policy, enforced at both ends, before your eyes.

use std::path::PathBuf;
use std::process::ExitCode;

use bookend_testenv::{Error, Result, World, interrupt, run, service};
use clap::{Parser, Subcommand};

/// Builds Bookinfo in network namespaces behind real Envoys and shows what one policy file does to it.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Only take away what an earlier run left behind after a crash
    #[arg(long)]
    clean: bool,
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
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn keep_world() -> Result<ExitCode> {
    let executable = std::env::current_exe()
        .map_err(|error| Error::new(format!("cannot find the own executable: {error}")))?;
    let world = World::builder(executable).build()?;
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
