//! `bookend render`

use std::fmt;

use anyhow::Context;
use bookend_plan::Plan;
use serde::Serialize;

use crate::exit::Exit;
use crate::output::{self, Format};
use crate::sources::Files;

/// Print what a layer is given: the filter's configuration, or the kernel's tables
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Print what a layer is given: the filter's configuration, or the kernel's tables.

The filter's configuration is the same for every proxy; it is what goes into the plugin's configuration in Envoy or \
in Istio's WasmPlugin. The kernel's tables are those of a host that has the interfaces which the inventory names; \
names stand where the tables have numbers.",
    after_long_help = "\
Examples:
  The configuration for Bookinfo's proxies:
    bookend render -f examples/bookinfo --target filter -o json

  What the kernel would enforce on the host where Bookinfo runs:
    bookend render -f examples/bookinfo --target kernel"
)]
pub(crate) struct Render {
    #[command(flatten)]
    files: Files,

    /// The layer
    #[arg(long, value_enum)]
    target: Target,

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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Notation {
    #[default]
    Yaml,
    Json,
}

impl Render {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let format = match self.output {
            Notation::Json => Format::Json,
            Notation::Yaml => Format::Text,
        };
        let compiled = self.files.compile(format)?.compiled;
        match self.target {
            Target::Filter => self.print(&compiled.configuration())?,
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
