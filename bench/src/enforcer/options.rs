//! What the command line says.

use clap::{Parser, ValueEnum};

/// What the enforcer costs: a packet, a connection, a byte, an edit and a start, beside no policy, nftables and iptables.
///
/// Everything happens in network namespaces and on tables of its own; nothing that is enforced on this machine is touched.
/// bench/README.md says how it measures, and how to read the tables.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench-enforcer")]
pub struct Options {
    /// Fewer variants and rounds: an impression, in some two minutes
    #[arg(long)]
    pub quick: bool,
    /// How many rounds
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Only these tables; may be repeated
    #[arg(long, value_name = "TABLE")]
    only: Vec<Part>,
    /// How the result is printed
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: Output,
}

/// A part of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// What a packet costs in the kernel
    Packets,
    /// Connections and streams through veth pairs
    Network,
    /// Edits, starts and memory of the enforcer
    Control,
    /// The same edits by nft and iptables
    Updates,
}

/// How the result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

impl Options {
    /// How many rounds.
    pub(super) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 7 } else { 25 }).max(1)
    }

    /// Whether a part is asked for.
    pub(super) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}
