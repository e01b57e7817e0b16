//! The command line.

use crate::failure::Failure;
use crate::{detach, run, status, trial};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Enforces Bookend policies in this host's kernel, outside of the workloads.
#[derive(Debug, Parser)]
#[command(name = "bookend-enforcer", version, about)]
pub struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Enforce policies until a signal comes. What is enforced then stays so.
    Run(RunOptions),
    /// Show what is enforced, with or without a running enforcer.
    Status(StatusOptions),
    /// Let the programs judge packets that are never sent, on tables of their own. `bookend test` asks this.
    ///
    /// Reads one JSON document from standard input: a `configuration` as filters get it, and `packets`, each with the
    /// `interface` it is met at, the `direction` (`from-workload` or `to-workload`) and the `frame` in hexadecimal
    /// digits. Prints what becomes of each, in order. Every packet is the first of its connection, and nothing that is
    /// enforced on this host is touched.
    Trial(TrialOptions),
    /// Stop enforcing: remove programs and tables. Traffic is open afterwards.
    Detach(PinOptions),
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunOptions {
    /// A file with policies; may be given more than once. It is applied again whenever it changes.
    #[arg(long, required = true, value_name = "FILE")]
    pub policy: Vec<PathBuf>,
    /// A file that says which workloads exist; may be given more than once.
    #[arg(long, required = true, value_name = "FILE")]
    pub inventory: Vec<PathBuf>,
    /// The BPF object [default: bookend_ebpf.o beside this program, or in $BOOKEND_DIST].
    #[arg(long, value_name = "FILE")]
    pub object: Option<PathBuf>,
    /// Write events there as JSON lines; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Report allowed new connections as well as everything denied.
    #[arg(long)]
    pub allow_events: bool,
    /// Create this file once everything is enforced.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// Where the pins are.
    #[command(flatten)]
    pub pins: PinOptions,
}

/// Options of `status`.
#[derive(Debug, Args)]
pub struct StatusOptions {
    /// How to print.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// Where the pins are.
    #[command(flatten)]
    pub pins: PinOptions,
}

/// Options of `trial`.
#[derive(Debug, Args)]
pub struct TrialOptions {
    /// The BPF object [default: bookend_ebpf.o beside this program, or in $BOOKEND_DIST].
    #[arg(long, value_name = "FILE")]
    pub object: Option<PathBuf>,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Where the state of an enforcer is.
#[derive(Debug, Args)]
pub struct PinOptions {
    /// A directory on a BPF file system for programs and tables.
    #[arg(long, value_name = "DIR", default_value = "/sys/fs/bpf/bookend")]
    pub pin_dir: PathBuf,
    /// A directory for the names of rules and workloads.
    #[arg(long, value_name = "DIR", default_value = "/run/bookend-enforcer")]
    pub state_dir: PathBuf,
}

impl Command {
    /// Does what was asked.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn execute(self) -> Result<(), Failure> {
        match self.action {
            Action::Run(options) => run::run(options).await,
            Action::Status(options) => status::status(&options),
            Action::Trial(options) => trial::trial(&options),
            Action::Detach(pins) => detach::detach(&pins),
        }
    }
}
