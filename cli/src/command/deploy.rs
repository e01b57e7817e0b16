//! `bookend deploy`

mod crossing;
pub(super) mod documents;
mod facts;
mod requirement;
mod stages;
pub(super) mod told;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use bookend_cluster::delivery::{Delivery, Failed, Key, Outcome, Stage};
use bookend_cluster::{Access, Applying, Cluster, Kind, kinds};
use bookend_lang::Source;
use bookend_objects::install::{INSTALL, Installation, Istio};

use self::documents::Policies;
use self::stages::{Only, stages};
use self::told::Told;
use crate::exit::{Exit, Stopped};
use crate::installation::{Options, definitions};
use crate::output::{self, Format, Stream};
use crate::sources::{Files, refused};

/// In whose name objects are applied.
pub(super) const MANAGER: &str = "bookend-deploy";

/// How often a cluster is asked while something is waited for.
pub(super) const PACE: Duration = Duration::from_secs(1);

/// Apply policies, and what enforces them, to a cluster
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Apply policies, and what enforces them, to a cluster.

First everything is checked: the policies as `check` does, what you may do, the cluster's version and its nodes' kernels, and by a trial run \
what the API server has against any object. Then definitions, access, programs and policies are applied in this order (server-side apply, \
field manager `bookend-deploy`), and after each it waits until they are what they should be. Where something fails, what was applied is set \
back; definitions and the namespace stay. Whatever interrupts it, running it again completes it.

What was applied is remembered in the ConfigMap `bookend-deploy`. Only what is in there, and bears the installation's label, is ever \
deleted, and only with `--prune`; definitions and the namespace never are: `bookend uninstall` does that.

With `--audit` no packet is dropped and no request refused for the sake of a policy: enforcers run with `--dry-run`, and every policy is \
applied with `mode: audit`.",
    after_long_help = "\
Examples:
  Install, in audit mode:
    bookend deploy --enforcer-image \"$enforcer\" --filter-image \"$filter\" -f policies --audit

  See what enforcing would change, then do it:
    bookend deploy --enforcer-image \"$enforcer\" --filter-image \"$filter\" -f policies --diff
    bookend deploy --enforcer-image \"$enforcer\" --filter-image \"$filter\" -f policies

  Only policies, and delete those that are in no file any more:
    bookend deploy --only policies -f policies --prune

Exit code: 0 if it is done; with `--diff` 3 if anything would change; 4 if the policies are refused."
)]
pub(crate) struct Deploy {
    /// Policies: files, directories, or `-` for standard input
    #[arg(short = 'f', long = "file", value_name = "FILE", num_args = 1..)]
    files: Vec<PathBuf>,

    /// Who there is, for checking the policies: manifests and `Inventory` documents; else what the cluster runs
    #[arg(short = 'i', long = "inventory", value_name = "FILE", num_args = 1..)]
    inventory: Vec<PathBuf>,

    /// Only this part; may be given more than once
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Only>,

    /// Let the server say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Show what would change, line by line, and change nothing
    #[arg(long, conflicts_with = "dry_run")]
    diff: bool,

    /// Delete what was deployed before and is no longer wanted
    #[arg(long)]
    prune: bool,

    /// Take over fields that somebody else manages
    #[arg(long)]
    force: bool,

    /// Apply an edit even if, while nodes take it over one after the other, something can pass that is denied before and after it
    #[arg(long)]
    accept_crossings: bool,

    /// How long everything may take: `90s`, `10m`
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    timeout: Duration,

    /// Do not wait until every node and proxy enforces the policies
    #[arg(long)]
    no_wait: bool,

    #[command(flatten)]
    reach: Reach,

    #[command(flatten)]
    options: Options,
}

/// Which cluster, and as whom.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct Reach {
    /// The kubeconfig, instead of KUBECONFIG, ~/.kube/config, or what a pod is given
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig, instead of its current one
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl Reach {
    /// Prepares to ask the cluster.
    ///
    /// # Errors
    /// When the kubeconfig makes no sense.
    pub(super) async fn connect(&self) -> anyhow::Result<Cluster> {
        let access = Access { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() };
        Ok(Cluster::connect(&access).await?)
    }
}

/// `90s`, `10m`, `2h`, or seconds.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    let (number, unit) = match text.char_indices().next_back() {
        Some((end, 's')) => (text.get(..end), 1),
        Some((end, 'm')) => (text.get(..end), 60),
        Some((end, 'h')) => (text.get(..end), 3600),
        _ => (Some(text), 1),
    };
    let seconds =
        number.and_then(|number| number.parse::<u64>().ok()).and_then(|number| number.checked_mul(unit));
    seconds
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs)
        .ok_or("write a number of seconds, or of `s`, `m` or `h`: `90s`, `10m`")
}

/// Runs something that asks a cluster, until it is done or the user interrupts it.
///
/// # Errors
/// What it returns; and that it was interrupted, with what was done so far.
pub(super) fn run(told: &Told, work: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start asking the cluster")?;
    runtime.block_on(async {
        tokio::select! {
            done = work => done,
            _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted; {}; run it again to complete it", told.so_far())),
        }
    })
}

/// What is deployed.
struct Plan {
    installation: Option<Installation>,
    stages: Vec<Stage>,
    sources: Vec<Source>,
}

impl Deploy {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let plan = self.plan()?;
        let told = Told::new("checking");
        run(&told, self.deploy(plan, &told))
    }

    fn plan(&self) -> anyhow::Result<Plan> {
        let installation = self.options.installation()?;
        let needs = |part: Only| self.only.contains(&part) && installation.is_none();
        if needs(Only::Access) || needs(Only::Programs) {
            return Err(Stopped::usage("say what to install: `--enforcer-image`"));
        }
        if self.files.is_empty() && installation.is_none() && !self.only.contains(&Only::Crds) {
            return Err(Stopped::usage(
                "say what to deploy: policies with `-f`, or programs with `--enforcer-image`",
            ));
        }
        let sources = Files::new(self.files.clone(), Vec::new(), false).read()?;
        let policies = Policies::read(&sources, &self.options.name, self.options.audit)?;
        for note in &policies.notes {
            output::print_error(&format!("note: {note}\n"));
        }
        if !self.files.is_empty() && policies.objects.is_empty() {
            return Err(anyhow!(
                "there is no document of Bookend's in these files; `bookend import` translates others"
            ));
        }
        let mut stages = stages(installation.as_ref(), definitions()?, policies.objects, &self.only);
        if self.no_wait {
            stages.iter_mut().for_each(|stage| stage.goal = stages::unwaited(stage.goal));
        }
        Ok(Plan { installation, stages, sources })
    }

    async fn deploy(&self, mut plan: Plan, told: &Told) -> anyhow::Result<Exit> {
        let cluster = self.reach.connect().await?;
        requirement::leave_out_unserved(&cluster, &mut plan.stages, told).await?;
        requirement::check(&cluster, plan.installation.as_ref(), &plan.stages, self.prune, told).await?;
        let delivery = self.delivery(cluster, &plan);
        if let Some(installation) = &plan.installation {
            requirement::neighbours(&delivery, installation, told).await?;
        }
        self.check(&delivery, &plan, told).await?;
        told.now("asking the server what would change");
        let mut changes = delivery.preview(&plan.stages).await?;
        let wanted: Vec<Key> = changes.iter().map(|change| change.key.clone()).collect();
        if self.dry_run || self.diff {
            if self.prune {
                changes.extend(delivery.pruned(&wanted).await?);
            }
            let differs = changes.iter().any(|change| change.outcome != Outcome::Same);
            let text = if self.diff {
                told::difference(&changes, Stream::Out.has_colours())?
            } else {
                told::summary(&changes)
            };
            output::print(&text)?;
            return Ok(if self.diff && differs { Exit::Denied } else { Exit::Fine });
        }
        match delivery.deliver(&plan.stages, &mut |step| told.step(step)).await {
            Ok(done) => {
                let parts = [
                    (done.created, "created"),
                    (done.changed, "changed"),
                    (done.pruned, "deleted"),
                    (done.same, "unchanged"),
                ];
                let parts = parts.into_iter().filter(|(number, _)| *number > 0);
                let parts: Vec<_> = parts.map(|(number, what)| format!("{number} {what}")).collect();
                output::print(&format!("deployed: {}\n{}", parts.join(", "), self.enforced(&plan)))?;
                Ok(Exit::Fine)
            }
            Err(Failed { trouble, stage, restored }) => {
                let back = match restored {
                    true => "what this run had changed is set back, but for definitions and the namespace",
                    false => "not everything could be set back: see above",
                };
                Err(anyhow!("while deploying {stage}: {trouble}\n{back}"))
            }
        }
    }

    /// What is enforced now, in one sentence.
    fn enforced(&self, plan: &Plan) -> &'static str {
        match &plan.installation {
            _ if self.options.audit => {
                "nothing is enforced: enforcers and filters tell what they would drop and refuse\n"
            }
            Some(installation) if installation.istio != Istio::None && !installation.enforcer.ask_proxies => {
                "policies are enforced on every node that has an enforcer; what every proxy is to have is written, and no proxy is asked whether \
                 it has it (`--ask-proxies`)\n"
            }
            Some(_) => {
                "policies are enforced on every node that has an enforcer, and in every proxy that has a filter\n"
            }
            None => "",
        }
    }

    fn delivery(&self, cluster: Cluster, plan: &Plan) -> Delivery {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let user = std::env::var("USER").unwrap_or_else(|_| "somebody".to_owned());
        Delivery {
            cluster,
            install: self.options.name.clone(),
            label: INSTALL,
            namespace: self.options.namespace.clone(),
            applying: Applying::by(MANAGER).forced(self.force),
            holder: format!("{user}@{} ({})", host.trim(), std::process::id()),
            about: about(&plan.stages),
            prune: self.prune,
            pace: PACE,
            timeout: self.timeout,
        }
    }

    /// Checks the policies as one whole, with whoever there is.
    async fn check(&self, delivery: &Delivery, plan: &Plan, told: &Told) -> anyhow::Result<()> {
        let Some(stage) = plan.stages.iter().find(|stage| stage.title == "policies") else { return Ok(()) };
        told.now("checking the policies");
        let mut sources = plan.sources.clone();
        // A file that is given with both options is read once.
        let known = Files::new(Vec::new(), self.inventory.clone(), false).read()?;
        let given = !known.is_empty();
        sources.extend(known.into_iter().filter(|source| !plan.sources.contains(source)));
        if let Err(error) = bookend_lang::compile(&sources) {
            return Err(refused(&error.diagnostics, &sources, Format::Text));
        }
        let facts = match (given, facts::workloads(&delivery.cluster).await) {
            (false, Ok(facts)) => facts,
            (false, Err(trouble)) => {
                told.say(&format!("note: policies are checked without what the cluster runs: {trouble}"));
                Vec::new()
            }
            (true, _) => sources.get(plan.sources.len()..).unwrap_or_default().to_vec(),
        };
        crossing::refuse(delivery, &stage.objects, &facts, self.prune, self.accept_crossings, told).await
    }
}

/// The kinds that stages are about.
fn about(stages: &[Stage]) -> Vec<Kind> {
    let mut about: Vec<Kind> = Vec::new();
    for stage in stages {
        match stage.title {
            // Of a kind of which there is no policy any more, too.
            "policies" => about.extend(
                kinds::ALL.iter().filter(|kind| kind.group == kinds::GROUP).map(|kind| (*kind).clone()),
            ),
            _ => about.extend(stage.objects.iter().filter_map(Kind::of).cloned()),
        }
    }
    about
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("5"), Ok(Duration::from_secs(5)));
        assert!(["", "0s", "m", "1d", "-1"].into_iter().all(|text| duration(text).is_err()));
    }
}
