//! `bookend render`

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use bookend_engine::FilterEnd;
use bookend_objects::install::{Page, base, chart, pages};
use bookend_plan::Plan;
use serde::Serialize;

use super::deploy::documents::Policies;
use crate::exit::{Exit, Stopped};
use crate::installation::Options;
use crate::output::{self, Format};
use crate::sources::Files;

/// Print what a layer is given: the filter's configuration, the kernel's tables, or a cluster's objects
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Print what a layer is given: the filter's configuration, the kernel's tables, or a cluster's objects.

The filter's configuration is the same for every proxy; it is what goes into the plugin's configuration in Envoy or \
in Istio's WasmPlugin. Filters of inbound traffic and of gateways enforce the destination's end, which is the default and \
judges for both; filters of outbound traffic get theirs by `--end source`. The kernel's tables are those of a host that has the interfaces which the inventory names; \
names stand where the tables have numbers. A cluster's objects are those that `bookend deploy` applies, as plain YAML, as a base for kustomize, \
or as a Helm chart.",
    after_long_help = "\
Examples:
  The configuration for Bookinfo's proxies:
    bookend render -f examples/bookinfo --target filter -o json

  The configuration for filters of outbound traffic:
    bookend render -f examples/bookinfo --target filter --end source -o json

  What the kernel would enforce on the host where Bookinfo runs:
    bookend render -f examples/bookinfo --target kernel

  What `bookend deploy` would apply to a cluster, as a Helm chart:
    bookend render --target kubernetes --as helm --enforcer-image \"$enforcer\" --filter-image \"$filter\" --out chart"
)]
pub(crate) struct Render {
    /// Policies: files, directories, or `-` for standard input
    #[arg(short = 'f', long = "file", value_name = "FILE", num_args = 1.., required_unless_present = "enforcer_image")]
    files: Vec<PathBuf>,

    /// Who is who: Kubernetes manifests and `Inventory` documents; files, directories, or `-`
    #[arg(short = 'i', long = "inventory", value_name = "FILE", num_args = 1..)]
    inventory: Vec<PathBuf>,

    /// Leave out what other systems' policies say and Bookend cannot express, and say so
    #[arg(long)]
    best_effort: bool,

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

    /// What a cluster's objects become
    #[arg(long = "as", value_enum, value_name = "FORM", default_value_t)]
    form: Form,

    /// Write a cluster's objects into this directory; kustomize and Helm need one
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    #[command(flatten)]
    options: Options,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Plain YAML.
    #[default]
    Yaml,
    /// A base for kustomize.
    Kustomize,
    /// A Helm chart.
    Helm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    /// The Envoy filter: its configuration.
    Filter,
    /// The kernel: the plan of its tables.
    Kernel,
    /// A cluster: what `bookend deploy` applies.
    Kubernetes,
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
        if self.target == Target::Kubernetes {
            return self.kubernetes();
        }
        let Some(files) = self.named() else {
            return Err(Stopped::usage("name the policies with `-f`"));
        };
        let format = match self.output {
            Notation::Json => Format::Json,
            Notation::Yaml => Format::Text,
        };
        let compiled = files.compile(format)?.compiled;
        match self.target {
            Target::Filter => {
                let mut configuration = compiled.configuration();
                configuration.settings.end = self.end.map(FilterEnd::from).unwrap_or_default();
                self.print(&configuration)?;
            }
            Target::Kubernetes => {}
            Target::Kernel => self.print(&Plan::build(&compiled.program, &compiled.inventory, &[])?)?,
        }
        Ok(Exit::Fine)
    }

    /// The files that are named, if any are.
    fn named(&self) -> Option<Files> {
        let files = || Files::new(self.files.clone(), self.inventory.clone(), self.best_effort);
        (!self.files.is_empty()).then(files)
    }

    fn kubernetes(&self) -> anyhow::Result<Exit> {
        let Some(installation) = self.options.installation()? else {
            return Err(Stopped::usage("say what to install: `--enforcer-image`"));
        };
        let policies = match self.named() {
            Some(files) => {
                files.compile(Format::Text)?;
                Policies::read(&files.read()?, &self.options.name, self.options.audit)?
            }
            None => Policies::default(),
        };
        for note in &policies.notes {
            output::print_error(&format!("note: {note}\n"));
        }
        let version = env!("CARGO_PKG_VERSION");
        let written = match self.form {
            Form::Yaml => pages(&installation, &policies.objects)?,
            Form::Kustomize => base(&installation, &policies.objects)?,
            Form::Helm if policies.objects.is_empty() => chart(&installation, version)?,
            Form::Helm => {
                return Err(Stopped::usage(
                    "a chart has no policies; leave `-f` out, and apply them with `--only policies`",
                ));
            }
        };
        match (&self.out, self.form) {
            (Some(directory), _) => write(directory, &written)?,
            (None, Form::Yaml) => {
                let texts: Vec<_> = written.iter().map(|page| page.text.as_str()).collect();
                output::print(&texts.join("---\n"))?;
            }
            (None, _) => {
                return Err(Stopped::usage("these are several files; name a directory with `--out`"));
            }
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

/// Writes files below a directory.
fn write(directory: &Path, written: &[Page]) -> anyhow::Result<()> {
    for page in written {
        let path = directory.join(&page.path);
        let parent = path.parent().unwrap_or(directory);
        std::fs::create_dir_all(parent)
            .with_context(|| format!("cannot make the directory `{}`", parent.display()))?;
        std::fs::write(&path, &page.text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}
