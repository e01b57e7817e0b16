//! `bookend status`

mod drops;
mod fleet;
mod text;

use std::time::Duration;

use anyhow::{Context, anyhow};
use bookend_api::EnforcerStatus;
use bookend_cluster::{Cluster, Scope, kinds};
use bookend_objects::install::{CONTROLLER, ENFORCER, NAMESPACE};
use bookend_objects::mesh::POLICIES;
use serde_json::Value;

use self::drops::Drops;
pub(super) use self::drops::enforcers;
use self::fleet::{Fleet, Node, Policy};
use super::deploy::{Reach, duration};
use crate::exit::Exit;
use crate::output::{self, Format};

/// Show which node and which proxy enforces what, and what is not as it should be
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Show which node and which proxy enforces what, and what is not as it should be.

Every node's enforcer writes into its `Enforcer` object how it does and which policies its pods' proxies have; the controller writes into \
each policy whether it is understood, and by whom it is enforced. This command lists these objects and asks nobody else, however large the \
cluster is: one list of `Enforcer`s, one of each kind of policy, the DaemonSet and the controller's Lease.

With `--drops` it asks some nodes' enforcers, each through a port-forward of the API server, twice, `--window` apart, and tells which rules \
denied packets meanwhile. That costs two requests for each node, which its kubelet relays; it is for few nodes.",
    after_long_help = "\
Examples:
  Is everything enforced?
    bookend status

  For a script:
    bookend status -o json | jq '.problems'

  What is denied on two nodes right now?
    bookend status --drops node-1,node-2 --window 30s

Exit code: 0 if everything is as it should be, 3 if anything is not."
)]
pub(crate) struct Status {
    /// The namespace of the installation
    #[arg(long, value_name = "NAMESPACE", default_value = NAMESPACE)]
    namespace: String,

    /// Show every node, not only those that are not as they should be and some others
    #[arg(long)]
    all: bool,

    /// Tell what is denied on these nodes; without names, on ten
    #[arg(long, value_name = "NODE", num_args = 0.., value_delimiter = ',')]
    drops: Option<Vec<String>>,

    /// For how long denials are counted: `10s`, `2m`
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    window: Duration,

    /// How to print the answer
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,

    #[command(flatten)]
    reach: Reach,
}

impl Status {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (fleet, drops) = runtime.context("cannot start asking the cluster")?.block_on(self.ask())?;
        match self.output {
            Format::Json => output::print_json(&fleet::Answer::new(&fleet, drops.as_ref()))?,
            Format::Text => output::print(&text::text(&fleet, drops.as_ref(), self.all))?,
        }
        Ok(if fleet.problems().is_empty() { Exit::Fine } else { Exit::Denied })
    }

    async fn ask(&self) -> anyhow::Result<(Fleet, Option<Drops>)> {
        let cluster = self.reach.connect().await?;
        let fleet = self.fleet(&cluster).await?;
        let drops = match &self.drops {
            None => None,
            Some(named) => Some(drops::count(&cluster, &self.namespace, &fleet, named, self.window).await?),
        };
        Ok((fleet, drops))
    }

    async fn fleet(&self, cluster: &Cluster) -> anyhow::Result<Fleet> {
        let everywhere = Scope::all();
        let mut nodes = Vec::new();
        for object in cluster.list::<Value>(&kinds::ENFORCER, &everywhere).await? {
            let name =
                object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let status = object.get("status").cloned().unwrap_or_default();
            let status = match status {
                Value::Null => None,
                status => Some(serde_json::from_value::<EnforcerStatus>(status).map_err(|error| {
                    anyhow!(
                        "the Enforcer `{name}` makes no sense ({error}); is it written by another version?"
                    )
                })?),
            };
            nodes.push(Node { name, status });
        }
        let mut policies = Vec::new();
        for kind in kinds::DOCUMENTS {
            let listed = cluster.list::<Value>(kind, &everywhere).await?;
            for object in &listed {
                policies.push(Policy::read(&kind.kind, object)?);
            }
        }
        let set: Option<Value> = cluster.get(&kinds::DAEMON_SET, Some(&self.namespace), ENFORCER).await?;
        let set = set.with_context(|| {
            format!(
                "there is no DaemonSet `{ENFORCER}` in the namespace `{}`; name another one with --namespace, or install by \
                 `bookend deploy`",
                self.namespace
            )
        })?;
        let number = |field: &str| {
            set.pointer(&format!("/status/{field}")).and_then(Value::as_u64).unwrap_or_default()
        };
        // Whoever leads notes there which policies should be in force.
        let lease: Option<Value> = cluster.get(&kinds::LEASE, Some(&self.namespace), CONTROLLER).await?;
        let told =
            lease.as_ref().and_then(|lease| lease.pointer("/metadata/annotations")?.get(POLICIES)?.as_str());
        let count = fleet::Count { desired: number("desiredNumberScheduled"), ready: number("numberReady") };
        Ok(Fleet::new(nodes, policies, count, told.map(str::to_owned)))
    }
}
