//! `bookend import`

mod proof;

use std::collections::{BTreeMap, BTreeSet};

use bookend_lang::{Code, Diagnostic, Import as Imported, Importing, Native, Refused, Severity};
use serde::Serialize;

use self::proof::Proof;
use crate::diagnostic;
use crate::exit::{Exit, Stopped};
use crate::out::{Out, Page};
use crate::output::{self, Format, Stream, count};
use crate::sources::{Files, no_policy, refused, tell_warnings};

/// Write policies of other systems as Bookend's own, and prove that nothing changes
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Write policies of Kubernetes, Istio and Calico as Bookend's own, and prove that nothing changes.

What says the same together becomes one: the ingress rule of one policy and the egress rule of another that are both ends of one \
connection, isolations of the same workloads, and the policies of a namespace and a tier. A comment tells where each comes \
from. Each stays in its plane: the tiers `network` and `mesh` say so, and a connection passes if every plane lets it pass. Bookend's own documents are laid out as `bookend fmt` does. \
Manifests and inventories are not written: they stay where they are.

Nothing is written that is not proven: the documents are read again and compared with the policies they were made from, rule by rule, which holds for \
every inventory; and every connection between the workloads of this one, and others made up for every selector, is compared as `bookend diff` does.",
    after_long_help = "\
Examples:
  Write the NetworkPolicies of a directory as one policy of each namespace:
    bookend import -f policies/ -i manifests/ > policy.yaml

  Take over what a cluster has, one file for each document:
    kubectl get networkpolicies,authorizationpolicies -A -o yaml | bookend import -f - --out policies/

  Rule by rule, to compare with what it was made from:
    bookend import --no-merge -f netpol.yaml

Exit code: 0 if the documents were written; 1 if they do not say the same, which is a mistake of Bookend's and is shown; 4 if the policies are refused."
)]
pub(crate) struct Import {
    #[command(flatten)]
    files: Files,

    /// Write a policy for each policy and a rule for each rule
    #[arg(long)]
    no_merge: bool,

    #[command(flatten)]
    out: Out,

    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// The answer for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'i> {
    documents: Vec<Document<'i>>,
    /// What each rule and isolation stands for, by id.
    ids: &'i BTreeMap<String, BTreeSet<String>>,
    /// The policies of other systems that were read, by kind.
    policies: &'i BTreeMap<String, usize>,
    /// Those of them that neither allow nor deny anything.
    idle: &'i [String],
    proof: &'i Proof,
    /// What is left out, with `--best-effort`.
    warnings: Vec<diagnostic::Entry<'i>>,
}

#[derive(Serialize)]
struct Document<'i> {
    kind: &'i str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'i str>,
    name: &'i str,
    text: &'i str,
}

impl Import {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        self.out.check(self.output)?;
        let sources = self.files.read()?;
        let importing = Importing { reading: self.files.options(), merge: !self.no_merge };
        let imported = match bookend_lang::import(&sources, importing) {
            Ok(imported) => imported,
            Err(Refused { diagnostics }) if diagnostics.iter().any(|d| d.code == Code::ImportDiffers) => {
                return Err(Stopped {
                    exit: Exit::Failed,
                    text: diagnostic::render_all(&diagnostics, &sources, Stream::Error.has_colours()),
                    stream: Stream::Error,
                }
                .into());
            }
            Err(Refused { diagnostics }) => return Err(refused(&diagnostics, &sources, self.output)),
        };
        if imported.kinds.is_empty() && imported.idle.is_empty() && imported.native == 0 {
            return Err(no_policy());
        }
        let proof = proof::prove(&imported, &sources)?;
        let (tolerated, others): (Vec<&Diagnostic>, Vec<_>) =
            imported.before.warnings.iter().chain(&imported.lost).partition(|warning| warning.tolerated);
        let tolerated: Vec<Diagnostic> = tolerated.into_iter().cloned().collect();
        tell_warnings(others.len());
        match self.output {
            Format::Json => {
                let documents = imported.documents.iter().map(|document| Document {
                    kind: document.kind,
                    namespace: document.namespace.as_deref(),
                    name: &document.name,
                    text: &document.text,
                });
                output::print_json(&Answer {
                    documents: documents.collect(),
                    ids: &imported.ids,
                    policies: &imported.kinds,
                    idle: &imported.idle,
                    proof: &proof,
                    warnings: tolerated
                        .iter()
                        .map(|warning| diagnostic::Entry::new(warning, &sources))
                        .collect(),
                })?;
            }
            Format::Text => {
                let told = diagnostic::render_all(&tolerated, &sources, Stream::Error.has_colours());
                debug_assert!(tolerated.iter().all(|warning| warning.severity() == Severity::Warning));
                output::print_error(&told);
                self.out.write(&imported.documents.iter().map(page).collect::<Vec<_>>())?;
                output::print_error(&(read(&imported) + &proof.text()));
            }
        }
        Ok(Exit::Fine)
    }
}

/// What was read, and what nothing was written for.
fn read(imported: &Imported) -> String {
    let all: usize = imported.kinds.values().sum();
    let listed: Vec<String> =
        imported.kinds.iter().map(|(kind, number)| format!("{number} {kind}")).collect();
    let listed = if listed.is_empty() { String::new() } else { format!(" ({})", listed.join(", ")) };
    let mut text =
        format!("read: {}{listed}\n", count(all, "policy of another system", "policies of other systems"));
    for label in &imported.idle {
        text.push_str(&format!(
            "without effect: {label} allows and denies nothing by itself, so nothing is written for it\n"
        ));
    }
    text
}

fn page(document: &Native) -> Page {
    let parts = [Some(document.kind.to_owned()), document.namespace.clone(), Some(document.name.clone())];
    Page { title: parts.into_iter().flatten().collect(), text: document.text.clone() }
}
