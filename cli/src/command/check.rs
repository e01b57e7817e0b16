//! `bookend check`

mod trail;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bookend_analysis::{Side, unused};
use bookend_answers::check::{Answer, Meaning, findings, in_order, meaning, policies, wider};
use bookend_answers::count;
use bookend_lang::{Compiled, Diagnostic, Options, Source, compile_with};

use self::trail::Trail;
use crate::diagnostic;
use crate::exit::Exit;
use crate::output::{self, Format, Stream};
use crate::sources::Files;

/// What decides where nothing else does.
const DEFAULT: &str = "default-allow";

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

  Which rules allow more than their traffic needs?
    bookend check -f policy.yaml -i inventory.yaml --audit-trail events.jsonl

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

    /// Warn of allow rules that are wider than this traffic: what `bookend-enforcer --sample 1` wrote, or Envoy's
    /// access log with the filter's rule
    #[arg(long, value_name = "FILE", conflicts_with = "explain")]
    audit_trail: Option<PathBuf>,

    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl Check {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        match (&self.explain, &self.files) {
            (Some(code), _) => explain(code, self.output),
            (None, Some(files)) => {
                check(&files.read()?, files.options(), self.audit_trail.as_deref(), self.output)
            }
            (None, None) => Ok(Exit::Usage),
        }
    }
}

fn check(
    sources: &[Source],
    options: Options,
    audit_trail: Option<&Path>,
    format: Format,
) -> anyhow::Result<Exit> {
    let (compiled, diagnostics) = match compile_with(sources, options) {
        Ok(compiled) => {
            let mut warnings = findings(&compiled);
            if let Some(path) = audit_trail {
                let side = Side { program: &compiled.program, inventory: &compiled.inventory };
                let trail = trail::read(path)?;
                tell(&trail, &compiled);
                let unused = unused(side, &trail.events);
                warnings.extend(unused.iter().filter_map(|unused| wider(unused, &compiled)));
            }
            in_order(&mut warnings);
            (Some(compiled), warnings)
        }
        Err(refused) => (None, refused.diagnostics),
    };
    match format {
        Format::Json => output::print_json(&Answer::new(compiled.as_ref(), &diagnostics, sources))?,
        Format::Text => {
            let mut text = diagnostic::render_all(&diagnostics, sources, Stream::Out.has_colours());
            text.push_str(&summary(compiled.as_ref(), &diagnostics));
            output::print(&text)?;
        }
    }
    Ok(if compiled.is_some() { Exit::Fine } else { Exit::Invalid })
}

/// Says what of a trail is left out of account.
fn tell(trail: &Trail, compiled: &Compiled) {
    let known: BTreeSet<&str> = compiled.places.keys().map(String::as_str).collect();
    let is_known = |id: &str| known.contains(id) || id == DEFAULT;
    if let Some((number, id)) = trail.strangers(is_known) {
        let what = count(number, "line", "lines");
        eprintln!(
            "note: {what} of the trail are about rules that these documents do not have, such as `{id}`"
        );
    }
    if trail.suppressed > 0 {
        let what = count(usize::try_from(trail.suppressed).unwrap_or(usize::MAX), "verdict", "verdicts");
        eprintln!("note: the journal left out {what}, so that rules may be used more than the trail shows");
    }
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
        count(compiled.inventory.workloads().len(), "workload", "workloads"),
    ];
    let found = if found.is_empty() { found } else { format!("; {found}") };
    format!("ok: {}{found}\n", parts.join(", "))
}

fn explain(code: &str, format: Format) -> anyhow::Result<Exit> {
    let meaning = meaning(code)?;
    match format {
        Format::Json => output::print_json(&meaning)?,
        Format::Text => {
            let Meaning { code, severity, title, explanation } = meaning;
            output::print(&format!("{severity}[{code}]: {title}\n\n{explanation}\n"))?;
        }
    }
    Ok(Exit::Fine)
}
