//! What the command line says.

use bookend_testenv::envoy::plugin::Layer;
use clap::{Parser, ValueEnum};

/// What the filter costs in Envoy, beside Envoy's own RBAC filter and beside a filter that does nothing.
///
/// Every variant is an Envoy of its own, in one network namespace, behind mTLS connections that stay open. Costs are processor time
/// of Envoy's worker, by the kernel's books, in rounds in which all variants take turns. bench/README.md says how to read the table.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench-filter")]
pub struct Options {
    /// Fewer variants and rounds: an impression, in half a minute
    #[arg(long)]
    pub quick: bool,
    /// How many rounds
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Only variants whose name contains one of these, and those they are compared with
    #[arg(long, value_name = "TEXT")]
    pub only: Vec<String>,
    /// How many connections, each with one request on its way
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub connections: u16,
    /// Without TLS: no peer has a principal then
    #[arg(long)]
    pub plaintext: bool,
    /// Where the facts about the peer are recorded for Bookend
    #[arg(long, value_name = "WHEN", default_value = "connection")]
    facts: Facts,
    /// Leave out what takes longer: the time to take a configuration, and memory
    #[arg(long)]
    pub requests_only: bool,
    /// How the result is printed
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: Output,
}

/// When the facts about the peer are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Facts {
    /// Once for a connection
    Connection,
    /// At every request
    Request,
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
        self.rounds.unwrap_or(if self.quick { 9 } else { 31 }).max(1)
    }

    /// The chain that records facts.
    pub(super) fn facts(&self) -> Layer {
        match self.facts {
            Facts::Connection => Layer::Network,
            Facts::Request => Layer::Http,
        }
    }
}
