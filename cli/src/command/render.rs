//! `bookend render`

use std::fmt;

use anyhow::Context;
use bookend_engine::FilterEnd;
use bookend_plan::Plan;
use serde::Serialize;

use crate::exit::{Exit, Stopped};
use crate::output::{self, Format};
use crate::sources::Files;

/// Print what a layer is given: the filter's configuration, or the kernel's tables
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Print what a layer is given: the filter's configuration, or the kernel's tables.

The filter's configuration is the same for every proxy; it is what goes into the plugin's configuration in Envoy or \
in Istio's WasmPlugin. Filters of inbound traffic and of gateways enforce the destination's end, which is the default and \
judges for both; filters of outbound traffic get theirs by `--end source`. The kernel's tables are those of a host that has the interfaces which the inventory names; \
names stand where the tables have numbers.",
    after_long_help = "\
Examples:
  The configuration for Bookinfo's proxies:
    bookend render -f examples/bookinfo --target filter -o json

  The configuration for filters of outbound traffic:
    bookend render -f examples/bookinfo --target filter --end source -o json

  What the kernel would enforce on the host where Bookinfo runs:
    bookend render -f examples/bookinfo --target kernel"
)]
pub(crate) struct Render {
    #[command(flatten)]
    files: Files,

    /// The layer
    #[arg(long, value_enum)]
    target: Target,

    /// The end that the filter enforces: `destination` where it stands before its workload, or in a gateway; `source` where
    /// it judges what its workload sends
    #[arg(long, value_enum)]
    end: Option<End>,

    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Notation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    /// The Envoy filter: its configuration.
    Filter,
    /// The kernel: the plan of its tables.
    Kernel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum End {
    /// What comes in, for both ends: the default.
    Destination,
    /// What goes out, for the source only.
    Source,
}

impl From<End> for FilterEnd {
    fn from(end: End) -> Self {
        match end {
            End::Destination => Self::Destination,
            End::Source => Self::Source,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Notation {
    #[default]
    Yaml,
    Json,
}

impl Render {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        if self.end.is_some() && self.target != Target::Filter {
            return Err(Stopped::usage(
                "`--end` is about filters, and the kernel enforces both; leave it out",
            ));
        }
        let format = match self.output {
            Notation::Json => Format::Json,
            Notation::Yaml => Format::Text,
        };
        let compiled = self.files.compile(format)?.compiled;
        match self.target {
            Target::Filter => {
                let mut configuration = compiled.configuration();
                configuration.settings.end = self.end.map(FilterEnd::from).unwrap_or_default();
                self.print(&configuration)?;
            }
            Target::Kernel => self.print(&Plan::build(&compiled.program, &compiled.inventory, &[])?)?,
        }
        Ok(Exit::Fine)
    }

    fn print(&self, value: &(impl Serialize + fmt::Debug)) -> anyhow::Result<()> {
        match self.output {
            Notation::Json => output::print_json(value),
            Notation::Yaml => {
                let text = serde_saphyr::to_string(value).context("cannot write the answer as YAML")?;
                output::print(&text)
            }
        }
    }
}
