//! The command line.

mod size;

pub use size::Size;

use crate::cni::CniOptions;
use crate::failure::Failure;
use crate::interfaces::Pattern;
use crate::report::ReportOptions;
use crate::server::Listen;
use crate::source::ClusterOptions;
use crate::{detach, dump, leave, page, run, status, trace, trial};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Enforces Bookend policies in this host's kernel, outside of the workloads.
///
/// `run` attaches programs to the host side of each workload's interface and keeps them as the policies say. What is enforced
/// stays so when it ends, however it ends; only `detach` opens traffic. All other commands look at what is enforced and work
/// without `run`, too.
#[derive(Debug, Parser)]
#[command(
    name = "bookend-enforcer",
    version,
    about,
    after_help = "Exit codes: 0 done; 1 it could not be done; 2 the command line is wrong; 4 policy or inventory are invalid.\n\
                  Why a packet was dropped, and what to do: docs/operations.md."
)]
pub struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Enforce policies until a signal comes. What is enforced then stays so.
    #[command(after_long_help = "\
Examples:
  Enforce what two files say, and show what is denied:
    bookend-enforcer run --policy policy.yaml --inventory node.yaml --events -

  Write every connection to files of 50 MB, of which ten are kept:
    bookend-enforcer run --policy policy.yaml --inventory node.yaml \\
      --sample 1 --events /var/log/bookend.jsonl --events-max-size 50M --events-keep 10

SIGHUP reads the files again and opens the file of events again. SIGTERM ends; what is enforced stays.")]
    Run(Box<RunOptions>),
    /// Show what is enforced, with or without a running enforcer.
    Status(StatusOptions),
    /// Show what the tables in the kernel hold, in names and rules, row by row.
    #[command(after_long_help = "\
Examples:
  Which connections does a workload have, and which rule allowed each?
    bookend-enforcer dump --table flows --interface veth0

  Which verdicts are there for it?
    bookend-enforcer dump --table policies --table verdicts --interface veth0

  How many connections did each rule allow?
    bookend-enforcer dump --table flows -o json | jq -r .rule | sort | uniq -c")]
    Dump(DumpOptions),
    /// Show the packets of one flow as they come, each with its verdict, the reason and the rule.
    #[command(after_long_help = "\
Examples:
  Why does web not reach the database?
    bookend-enforcer trace --from default/web --to default/db --port 5432

  Everything at one interface, ten packets:
    bookend-enforcer trace --interface veth0 --count 10

One can trace at a time. The kernel stops looking ten seconds after this command is gone.")]
    Trace(TraceOptions),
    /// Let the programs judge packets that are never sent, on tables of their own. `bookend test` asks this.
    ///
    /// Reads one JSON document from standard input: a `configuration` as filters get it, and `packets`, each with the
    /// `interface` it is met at, the `direction` (`from-workload` or `to-workload`) and the `frame` in hexadecimal
    /// digits. Prints what becomes of each, in order. Every packet is the first of its connection, and nothing that is
    /// enforced on this host is touched.
    Trial(TrialOptions),
    /// Stop enforcing: remove programs and tables. Traffic is open afterwards.
    ///
    /// Refuses while an enforcer runs. Once it has returned, nothing is attached any more.
    Detach(PinOptions),
    /// Take everything of Bookend off this node: programs and tables, the CNI plugin, state. Traffic is open afterwards.
    #[command(after_long_help = "\
Example, as a DaemonSet runs it on every node before the rest is deleted:
    bookend-enforcer leave --stay")]
    Leave(leave::LeaveOptions),
    /// Keep the filters of a cluster's proxies and the status of its policies current, as one of several that elect who writes.
    Controller(Box<bookend_controller::ControllerOptions>),
    /// Print a script that completes this command in a shell.
    #[command(after_long_help = "\
Example:
    bookend-enforcer completions bash > ~/.local/share/bash-completion/completions/bookend-enforcer")]
    Completions(CompletionsOptions),
    /// Print the manual page, or write one for each command.
    #[command(after_long_help = "\
Examples:
  Read it:
    bookend-enforcer man | man -l -

  Install all pages:
    bookend-enforcer man --out /usr/local/share/man/man1")]
    Man(ManOptions),
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunOptions {
    /// A file with policies; may be given more than once. It is applied again whenever it changes.
    #[arg(long, required_unless_present = "kubernetes", value_name = "FILE")]
    pub policy: Vec<PathBuf>,
    /// A file that says which workloads exist; may be given more than once.
    #[arg(long, required_unless_present = "kubernetes", value_name = "FILE")]
    pub inventory: Vec<PathBuf>,
    /// The cluster.
    #[command(flatten)]
    pub cluster: ClusterOptions,
    /// What the cluster is told.
    #[command(flatten)]
    pub report: ReportOptions,
    /// Which `Host` of the inventory this machine is, by `namespace/name` or `name` [default: the one of its host name].
    ///
    /// The interfaces of that host are policed here; all other hosts are only peers.
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// Tell what would be dropped, and drop nothing.
    ///
    /// Everything else is as ever: connections are remembered, packets and verdicts counted, events told (`"observed": true`).
    /// Started again without this, the enforcer enforces at once, and what is open is judged again.
    #[arg(long)]
    pub dry_run: bool,
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
    /// Police every interface whose name matches as soon as it appears, denying everything there until the inventory says who
    /// is behind it: `veth*`, for example. `*` stands for any characters and `?` for one; may be given more than once.
    #[arg(long, value_name = "PATTERN")]
    pub interfaces: Vec<Pattern>,
    /// Create this file once everything is enforced.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// The CNI plugin.
    #[command(flatten)]
    pub cni: CniOptions,
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

/// Options of `dump`.
#[derive(Debug, Args)]
pub struct DumpOptions {
    /// Only this table; may be given more than once [default: all but buckets and fragments].
    #[arg(long, value_enum, value_name = "TABLE")]
    pub table: Vec<DumpTable>,
    /// Only what concerns this interface (of `identities` all, for they concern everybody).
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,
    /// How to print; `json` is one object per row, on a line.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// Where the pins are.
    #[command(flatten)]
    pub pins: PinOptions,
}

/// A table that `dump` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DumpTable {
    /// What is policed, by which policies.
    Interfaces,
    /// Policies: where they are used, and what holds where nothing matches.
    Policies,
    /// Blocks of addresses that policies tell apart.
    Blocks,
    /// What policies say: per peer, protocol and range of ports.
    Verdicts,
    /// How much of what rules allow may come.
    Limits,
    /// Who has which address.
    Identities,
    /// Connections.
    Flows,
    /// What has come of what is limited.
    Buckets,
    /// Fragmented packets under way.
    Fragments,
}

impl DumpTable {
    /// What is shown if nothing else is asked for.
    pub const USUAL: [Self; 7] = [
        Self::Interfaces,
        Self::Policies,
        Self::Blocks,
        Self::Verdicts,
        Self::Limits,
        Self::Identities,
        Self::Flows,
    ];
}

/// Options of `trace`.
#[derive(Debug, Args)]
pub struct TraceOptions {
    /// Who opens the flow: an address, or `namespace/name` of a workload.
    #[arg(long, value_name = "END")]
    pub from: Option<FlowEnd>,
    /// Who is asked: an address, or `namespace/name` of a workload.
    #[arg(long, value_name = "END")]
    pub to: Option<FlowEnd>,
    /// The port that is asked.
    #[arg(long)]
    pub port: Option<u16>,
    /// The protocol.
    #[arg(long, value_enum)]
    pub protocol: Option<FlowProtocol>,
    /// Only packets at this interface.
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,
    /// End after so many packets.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// How to print; `json` is one object per packet, on a line.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// Where the pins are.
    #[command(flatten)]
    pub pins: PinOptions,
}

/// One end of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowEnd {
    /// By its address.
    Address(IpAddr),
    /// By `namespace/name`.
    Workload(String),
}

impl FromStr for FlowEnd {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let named = text.split_once('/').is_some_and(|(namespace, name)| {
            !namespace.is_empty() && !name.is_empty() && !name.contains('/')
        });
        if named { Ok(Self::Workload(text.to_owned())) } else { Err("write an address, or `namespace/name`") }
    }
}

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FlowProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// ICMP.
    Icmp,
    /// ICMPv6.
    Icmpv6,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsOptions {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Options of `man`.
#[derive(Debug, Args)]
pub struct ManOptions {
    /// Write `bookend-enforcer.1`, `bookend-enforcer-run.1` and so on into this directory.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
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
            Action::Run(options) => run::run(*options).await,
            Action::Status(options) => status::status(&options),
            Action::Dump(options) => dump::dump(&options),
            Action::Trace(options) => trace::trace(options).await,
            Action::Trial(options) => trial::trial(&options),
            Action::Detach(pins) => detach::detach(&pins),
            Action::Leave(options) => leave::leave(options).await,
            Action::Controller(options) => Ok(bookend_controller::run(*options).await?),
            Action::Completions(options) => {
                page::completions(&options);
                Ok(())
            }
            Action::Man(options) => page::man(&options),
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
