//! `bookend import`

use bookend_analysis::Difference;
use bookend_answers::count;
use bookend_answers::diff::Sides;
use bookend_answers::import::{Imported, Unwritten, import};
use bookend_lang::{Import as Written, Importing, Native, Severity};

use crate::command::diff;
use crate::diagnostic;
use crate::exit::{Exit, Stopped};
use crate::out::{Out, Page};
use crate::output::{self, Format, Stream};
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

impl Import {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        self.out.check(self.output)?;
        let sources = self.files.read()?;
        let importing = Importing { reading: self.files.options(), merge: !self.no_merge };
        let shown = |difference: &Difference<'_>, sides: Sides<'_>| {
            let colours = Stream::Error.has_colours();
            diff::text::render(difference, sides, diff::text::MAX_SHOWN, colours, "")
        };
        let imported = match import(&sources, importing, shown) {
            Ok(imported) => imported,
            Err(Unwritten::Refused(diagnostics)) => return Err(refused(&diagnostics, &sources, self.output)),
            Err(Unwritten::NoPolicy) => return Err(no_policy()),
            Err(Unwritten::OtherRules(diagnostics)) => {
                let colours = Stream::Error.has_colours();
                return Err(mistake(diagnostic::render_all(&diagnostics, &sources, colours)));
            }
            Err(Unwritten::Differs(shown)) => {
                return Err(mistake(format!(
                    "{shown}\nerror: what would be written does not mean the same, so nothing is written; this is a mistake of Bookend's and not \
                     of your documents, please tell its authors; `--no-merge` may help meanwhile\n"
                )));
            }
        };
        let Imported { import: written, proof, tolerated, others } = &imported;
        tell_warnings(*others);
        match self.output {
            Format::Json => output::print_json(&imported.answer(&sources))?,
            Format::Text => {
                let told = diagnostic::render_all(tolerated, &sources, Stream::Error.has_colours());
                debug_assert!(tolerated.iter().all(|warning| warning.severity() == Severity::Warning));
                output::print_error(&told);
                self.out.write(&written.documents.iter().map(page).collect::<Vec<_>>())?;
                output::print_error(&(read(written) + &proof.text()));
            }
        }
        Ok(Exit::Fine)
    }
}

/// The end of a command that would have done something wrong.
fn mistake(text: String) -> anyhow::Error {
    Stopped { exit: Exit::Failed, text, stream: Stream::Error }.into()
}

/// What was read, and what nothing was written for.
fn read(imported: &Written) -> String {
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
