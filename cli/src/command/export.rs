//! `bookend export`

mod answer;

use anyhow::Context;
use bookend_answers::{Documents, count};
use bookend_engine::Plane;
use bookend_lang::export::{self, Effect, Export, Target, Wish};
use serde_json::Value;

use self::answer::Answer;
use crate::exit::{Exit, Stopped};
use crate::out::{Out, Page};
use crate::output::{self, Format};
use crate::sources::{Files, no_policy};

/// Write policies as documents of Kubernetes, Istio or Calico, and tell what these cannot say
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Write policies as documents of Kubernetes, Istio or Calico, and tell what these cannot say.

What is written is what a cluster without Bookend can enforce of the policies: as YAML on standard output, ready for \
`kubectl apply -f -`. On standard error stands, rule by rule, what the target cannot say, and what it does instead:

  open      it lets pass what the policy denies; the command ends with 3
  looser    it lets more pass than the rule does, in a way that it cannot tell apart
  stricter  it lets less pass
  same      nothing that passes is concerned

What cannot be said exactly is left out where it would allow more. Labels stay labels; what only the inventory tells (who runs \
under an account, which namespaces there are) is written as it is today, so export again when that changes.

Policies of the target's own kind are written again as they mean; Bookend's own policies are written for any target. \
Several systems that decide about the same connection cannot be written as one: choose one by `--plane`.",
    after_long_help = "\
Examples:
  NetworkPolicies for Bookinfo, and what they cannot say:
    bookend export --to kubernetes -f examples/bookinfo

  For a cluster that does not know ClusterNetworkPolicies:
    bookend export --to kubernetes --without-cluster-policies -f examples/bookinfo

  One file for each document:
    bookend export --to kubernetes -f examples/bookinfo --out policies/

Exit codes: 0 nothing that the policies deny is let pass by what is written; 3 something is."
)]
pub(crate) struct ExportCommand {
    #[command(flatten)]
    files: Files,

    /// The system that shall enforce the policies
    #[arg(long, value_enum)]
    to: System,

    /// Write the policies of this plane: Bookend's own, or those of the target's kind. Policies of other planes are left out, and
    /// told as `same`. May be left out where there are only policies of one of these two
    #[arg(long, value_enum)]
    plane: Option<PlaneName>,

    /// Write no ClusterNetworkPolicies, which not every cluster reads; what only they can say is listed
    #[arg(long)]
    without_cluster_policies: bool,

    #[command(flatten)]
    out: Out,

    /// How the answer is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum System {
    /// NetworkPolicy and ClusterNetworkPolicy.
    Kubernetes,
    /// AuthorizationPolicy.
    Istio,
    /// Calico's NetworkPolicy and GlobalNetworkPolicy.
    Calico,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum PlaneName {
    /// Bookend's own.
    Bookend,
    /// Those of a network plugin.
    Network,
    /// Those of a mesh.
    Mesh,
}

impl From<System> for Target {
    fn from(system: System) -> Self {
        match system {
            System::Kubernetes => Self::Kubernetes,
            System::Istio => Self::Istio,
            System::Calico => Self::Calico,
        }
    }
}

impl From<PlaneName> for Plane {
    fn from(name: PlaneName) -> Self {
        match name {
            PlaneName::Bookend => Self::Bookend,
            PlaneName::Network => Self::Network,
            PlaneName::Mesh => Self::Mesh,
        }
    }
}

impl ExportCommand {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        self.out.check(self.output)?;
        let documents = self.files.compile(self.output)?;
        let target = Target::from(self.to);
        let plane = self.plane(&documents, target)?;
        let wish = Wish { target, plane, cluster_policies: !self.without_cluster_policies };
        let export = export::export(&documents.compiled, wish);
        if export.documents.is_empty() && export::planes(&documents.compiled).is_empty() {
            return Err(no_policy());
        }
        let answer = Answer::new(&export, &documents);
        match self.output {
            Format::Json => output::print_json(&answer)?,
            Format::Text => {
                self.out.write(&pages(&export)?)?;
                output::print_error(&answer.text());
            }
        }
        let open = export.gaps.iter().any(|gap| gap.effect == Effect::Open);
        Ok(if open { Exit::Denied } else { Exit::Fine })
    }

    /// The plane that is written.
    fn plane(&self, documents: &Documents, target: Target) -> anyhow::Result<Plane> {
        let fits = |plane: &Plane| [Plane::Bookend, target.plane()].contains(plane);
        let refused = |plane: Plane| {
            let (plane, own) = (plane.name(), target.plane().name());
            let message = format!(
                "the policies of the plane `{plane}` cannot be written for this target, which has those of `{own}`; choose another one by `--to`"
            );
            Stopped::usage(message)
        };
        if let Some(name) = self.plane {
            let plane = Plane::from(name);
            return if fits(&plane) { Ok(plane) } else { Err(refused(plane)) };
        }
        let planes = export::planes(&documents.compiled);
        let fitting: Vec<Plane> = planes.iter().copied().filter(fits).collect();
        match (fitting.as_slice(), planes.first()) {
            ([only], _) => Ok(*only),
            ([], None) => Ok(target.plane()),
            ([], Some(other)) => Err(refused(*other)),
            ([first, second, ..], _) => {
                let (first, second) = (first.name(), second.name());
                Err(Stopped::usage(format!(
                    "the planes `{first}` and `{second}` decide each for itself, and in the target they would be one; choose one by `--plane`"
                )))
            }
        }
    }
}

/// Each document as YAML.
fn pages(export: &Export) -> anyhow::Result<Vec<Page>> {
    let page = |document: &Value| {
        let parts = ["/kind", "/metadata/namespace", "/metadata/name"];
        let parts = parts.iter().filter_map(|part| document.pointer(part)?.as_str());
        let title = parts.map(str::to_owned).collect();
        let text = serde_saphyr::to_string(document).context("cannot write a document as YAML")?;
        Ok(Page { title, text })
    };
    export.documents.iter().map(page).collect()
}

impl Answer {
    /// What the target cannot say, for people.
    fn text(&self) -> String {
        let mut text = String::new();
        for gap in &self.gaps {
            let place = gap.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
            text.push_str(&format!("{}: {}{place}: {}; {}\n", gap.effect, gap.rule, gap.reason, gap.instead));
        }
        let documents = count(self.documents.len(), "document", "documents");
        let gaps = match self.gaps.len() {
            0 => "nothing is said differently".to_owned(),
            gaps => format!("{} told above", count(gaps, "difference", "differences")),
        };
        text.push_str(&format!("{documents}, {gaps}\n"));
        text
    }
}
