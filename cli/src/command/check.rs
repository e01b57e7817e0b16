//! `bookend check`

use std::collections::BTreeSet;

use anyhow::anyhow;
use bookend_lang::{Code, Compiled, Diagnostic, Source, compile};
use serde::Serialize;

use crate::diagnostic::{self, Entry};
use crate::exit::Exit;
use crate::output::{self, Format, Stream, count};
use crate::sources::Files;

/// Read policies and inventory, and say everything that is wrong with them
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Read policies and inventory as one whole, and say everything that is wrong with them.

An error refuses all documents: nothing is ever skipped or guessed. A warning is about what is sound but probably not \
meant, such as a selector that selects no workload. Every diagnostic has a code, a place and a cure.",
    after_long_help = "\
Examples:
  Check Bookinfo's policy against its manifest and the addresses of its workloads:
    bookend check -f examples/bookinfo

  Check what a cluster runs:
    kubectl get deployments,services,namespaces -A -o yaml | bookend check -f policy.yaml -i -

  Learn more about a code:
    bookend check --explain B1105

Exit code: 0 if the documents are accepted, with or without warnings; 4 if they are refused."
)]
pub(crate) struct Check {
    #[command(flatten)]
    files: Option<Files>,

    /// Explain a diagnostic's code instead, such as `B1105`
    #[arg(long, value_name = "CODE", conflicts_with_all = ["files", "inventory"])]
    explain: Option<String>,

    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// The answer for programs.
#[derive(Serialize)]
struct Answer<'d> {
    accepted: bool,
    errors: usize,
    warnings: usize,
    policies: Option<BTreeSet<&'d str>>,
    rules: Option<usize>,
    workloads: Option<usize>,
    diagnostics: Vec<Entry<'d>>,
}

impl Check {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        match (&self.explain, &self.files) {
            (Some(code), _) => explain(code, self.output),
            (None, Some(files)) => check(&files.read()?, self.output),
            (None, None) => Ok(Exit::Usage),
        }
    }
}

fn check(sources: &[Source], format: Format) -> anyhow::Result<Exit> {
    let (compiled, diagnostics) = match compile(sources) {
        Ok(mut compiled) => {
            let warnings = std::mem::take(&mut compiled.warnings);
            (Some(compiled), warnings)
        }
        Err(refused) => (None, refused.diagnostics),
    };
    match format {
        Format::Json => output::print_json(&answer(compiled.as_ref(), &diagnostics, sources))?,
        Format::Text => {
            let mut text = diagnostic::render_all(&diagnostics, sources, Stream::Out.has_colours());
            text.push_str(&summary(compiled.as_ref(), &diagnostics));
            output::print(&text)?;
        }
    }
    Ok(if compiled.is_some() { Exit::Fine } else { Exit::Invalid })
}

fn answer<'d>(
    compiled: Option<&'d Compiled>,
    diagnostics: &'d [Diagnostic],
    sources: &'d [Source],
) -> Answer<'d> {
    let errors = diagnostics.iter().filter(|d| d.severity() == bookend_lang::Severity::Error).count();
    Answer {
        accepted: compiled.is_some(),
        errors,
        warnings: diagnostics.len() - errors,
        policies: compiled.map(policies),
        rules: compiled.map(|compiled| compiled.program.rules().len()),
        workloads: compiled.map(|compiled| compiled.inventory.workloads.len()),
        diagnostics: diagnostics.iter().map(|diagnostic| Entry::new(diagnostic, sources)).collect(),
    }
}

/// `namespace/policy`, from the ids of rules and isolations.
fn policies(compiled: &Compiled) -> BTreeSet<&str> {
    let program = &compiled.program;
    let rules = program.rules().iter().map(|rule| rule.id.as_str());
    let isolations = program.isolations().iter().map(|isolation| isolation.id.as_str());
    rules.chain(isolations).filter_map(|id| id.rsplit_once('/')).map(|(policy, _)| policy).collect()
}

fn summary(compiled: Option<&Compiled>, diagnostics: &[Diagnostic]) -> String {
    let found = diagnostic::summary(diagnostics);
    let Some(compiled) = compiled else { return format!("{found}\n") };
    let policies = policies(compiled);
    let listed = match policies.len() {
        1..=3 => format!(" ({})", policies.iter().copied().collect::<Vec<_>>().join(", ")),
        _ => String::new(),
    };
    let parts = [
        count(policies.len(), "policy", "policies") + &listed,
        count(compiled.program.rules().len(), "rule", "rules"),
        count(compiled.inventory.workloads.len(), "workload", "workloads"),
    ];
    let found = if found.is_empty() { found } else { format!("; {found}") };
    format!("ok: {}{found}\n", parts.join(", "))
}

/// The answer to `--explain` for programs.
#[derive(Serialize)]
struct Meaning {
    code: &'static str,
    severity: &'static str,
    title: &'static str,
    explanation: &'static str,
}

fn explain(code: &str, format: Format) -> anyhow::Result<Exit> {
    let known = code.parse::<Code>().map_err(|()| {
        let (first, last) = (Code::ALL.first(), Code::ALL.last());
        let range = first.zip(last).map_or(String::new(), |(a, b)| format!(", from `{a}` to `{b}`"));
        anyhow!("there is no code `{code}`; diagnostics print theirs in brackets{range}")
    })?;
    let meaning = Meaning {
        code: known.as_str(),
        severity: known.severity().name(),
        title: known.title(),
        explanation: known.explanation(),
    };
    match format {
        Format::Json => output::print_json(&meaning)?,
        Format::Text => {
            let Meaning { code, severity, title, explanation } = meaning;
            output::print(&format!("{severity}[{code}]: {title}\n\n{explanation}\n"))?;
        }
    }
    Ok(Exit::Fine)
}
