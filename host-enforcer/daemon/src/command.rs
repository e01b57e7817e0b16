//! The command line.

use crate::failure::Failure;
use crate::server::Listen;
use crate::{detach, run, status, trial};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;

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
    /// Answer there over HTTP: an IP address and a port, the path of a Unix socket, or `none`.
    ///
    /// /healthz, /readyz, /metrics, /status and /events. Nothing can be changed there, but whoever may ask learns who talks to
    /// whom: a Unix socket is for its owner and group only.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9466")]
    pub listen: Listen,
    /// Write events there as JSON lines; `-` is standard output.
    ///
    /// Denials (up to 100 a second of each kind), what audits disagree with, allowed new connections by --sample, the end of
    /// connections that were told of, edits and interfaces. SIGHUP opens the file again, for whoever renames it.
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Begin a new file of events before it would get larger; the old one becomes FILE.1. Bytes, or with k, M or G.
    #[arg(long, value_name = "SIZE", default_value = "100M")]
    pub events_max_size: Size,
    /// How many old files of events to keep.
    #[arg(long, value_name = "NUMBER", default_value_t = 4)]
    pub events_keep: u32,
    /// Report one in so many allowed new connections: 1 all, 0 none.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub sample: u32,
    /// Create this file once everything is enforced.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// Where the pins are.
    #[command(flatten)]
    pub pins: PinOptions,
}

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, unit) = match text.char_indices().next_back() {
            Some((end, 'k' | 'K')) => (text.get(..end), 1 << 10),
            Some((end, 'M')) => (text.get(..end), 1 << 20),
            Some((end, 'G')) => (text.get(..end), 1 << 30),
            _ => (Some(text), 1),
        };
        let number = number.and_then(|number| number.parse::<u64>().ok());
        let bytes = number.and_then(|number| number.checked_mul(unit)).filter(|bytes| *bytes > 0);
        bytes.map(Self).ok_or("write a number of bytes, or of k, M or G: `500k`, `100M`")
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Command::command().debug_assert();
    }

    #[test]
    fn a_size_has_a_unit_or_none() {
        for (text, bytes) in [("7", 7), ("500k", 500 << 10), ("100M", 100 << 20), ("2G", 2 << 30)] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "0", "M", "1T", "-1", "1.5M", "99999999999G"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
