//! `bookend-demo`: one policy, enforced at both ends, before your eyes.

use std::path::PathBuf;
use std::process::ExitCode;

use bookend_testenv::{Result, run, service};
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
    if arguments.clean {
        for id in run::remove_leftovers()? {
            println!("removed what run {id} left behind");
        }
    }
    Ok(ExitCode::SUCCESS)
}
