//! `bookend uninstall`

use std::time::Duration;

use bookend_cluster::delivery::{Delivery, Key, Removal};
use bookend_cluster::view::Filtered;
use bookend_cluster::{Applying, kinds};
use bookend_objects::install::{CONTROLLER, Cni, ENFORCER, INSTALL, Installation, NAMESPACE, Part};
use serde_json::Value;

use super::deploy::told::Told;
use super::deploy::{MANAGER, PACE, Reach, duration, run};
use crate::exit::Exit;
use crate::output;

/// Take an installation away from a cluster and its nodes
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Take an installation away from a cluster, so that nothing of it is left on its nodes.

Policies go first, while everybody still enforces them, so that all ends open at the same time; then the controller and the filters. Then \
every node's enforcer is replaced by `bookend-enforcer leave`, which removes programs, tables, the guard and the CNI plugin, and says when \
that is done. Then everything that bears the installation's label is deleted, and the definitions with all objects of Bookend's kinds.

Other installations of the same cluster keep all that is theirs, and the definitions, which are everybody's.

A node that cannot be reached cannot be cleaned: it is named, and nothing that cleans nodes is deleted until it can be. Running the command \
again goes on where it ended.",
    after_long_help = "\
Examples:
  Take everything away:
    bookend uninstall

  Keep policies and their definitions:
    bookend uninstall --keep-crds"
)]
pub(crate) struct Uninstall {
    /// Keep the definitions, and all policies that `bookend deploy` did not apply
    #[arg(long)]
    keep_crds: bool,

    /// Let policies go with their definitions that `bookend deploy` did not apply
    #[arg(long, conflicts_with = "keep_crds")]
    all_policies: bool,

    /// Do not wait for nodes that cannot be reached: what is enforced there stays so until they are cleaned by hand
    #[arg(long)]
    forget_nodes: bool,

    /// How long everything may take: `90s`, `10m`
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    timeout: Duration,

    /// The namespace of the installation
    #[arg(long, value_name = "NAMESPACE", default_value = NAMESPACE)]
    namespace: String,

    /// The name of the installation
    #[arg(long, value_name = "NAME", default_value = "bookend")]
    name: String,

    #[command(flatten)]
    reach: Reach,
}

impl Uninstall {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let told = Told::new("uninstalling");
        run(&told, self.remove(&told))
    }

    async fn remove(&self, told: &Told) -> anyhow::Result<Exit> {
        let cluster = self.reach.connect().await?;
        let enforcers: Option<Value> =
            cluster.get(&kinds::DAEMON_SET, Some(&self.namespace), ENFORCER).await?;
        let leaving = installation(&self.name, &self.namespace, enforcers.as_ref()).leaving();
        let key = |kind: &bookend_cluster::Kind, name: &str| Key {
            kind: kind.clone(),
            namespace: Some(self.namespace.clone()),
            name: name.to_owned(),
        };
        let (label, value) = Filtered::LABEL;
        let removal = Removal {
            controller: key(&kinds::DEPLOYMENT, CONTROLLER),
            leaving,
            filters: component(Part::Filter),
            notices: format!("{label}={value}"),
            definitions: component(Part::Definition),
            keep_definitions: self.keep_crds,
            all_policies: self.all_policies,
            forget_nodes: self.forget_nodes,
        };
        let delivery = Delivery {
            cluster,
            install: self.name.clone(),
            label: INSTALL,
            namespace: self.namespace.clone(),
            applying: Applying::by(MANAGER).forced(true),
            holder: format!("uninstall ({})", std::process::id()),
            about: Vec::new(),
            prune: true,
            pace: PACE,
            timeout: self.timeout,
        };
        let remains = match delivery.remove(&removal, &mut |step| told.step(step)).await {
            Ok(remains) => remains,
            Err(trouble) => anyhow::bail!("{trouble}\n{}", told.so_far()),
        };
        if !remains.strangers.is_empty() {
            let names: Vec<_> = remains.strangers.iter().map(ToString::to_string).collect();
            told.say(&format!(
                "the namespace `{}` stays, because it is used: {}",
                self.namespace,
                names.join(", ")
            ));
        }
        if !remains.nodes.is_empty() {
            let nodes = remains.nodes.join(", ");
            told.say(&format!("not cleaned: {nodes}; run `bookend-enforcer leave` there, or reboot them"));
        }
        output::print(&format!("uninstalled: {} objects deleted\n", remains.deleted))?;
        Ok(Exit::Fine)
    }
}

/// The labels of a part of any installation.
fn component(part: Part) -> String {
    format!("app.kubernetes.io/name=bookend,app.kubernetes.io/component={}", part.name())
}

/// The installation as it is: the enforcers that are there say with which image, on which nodes, and where CNI plugins are.
fn installation(name: &str, namespace: &str, enforcers: Option<&Value>) -> Installation {
    let pod = enforcers.and_then(|object| object.pointer("/spec/template/spec"));
    let part = |path: &str| pod.and_then(|pod| pod.pointer(path));
    let image = part("/containers/0/image").and_then(Value::as_str).unwrap_or_default();
    let mut installation = Installation::new(Vec::new(), image, None);
    installation.name = name.to_owned();
    installation.namespace = namespace.to_owned();
    let secret = part("/imagePullSecrets/0/name").and_then(Value::as_str);
    installation.pull_secret = secret.map(str::to_owned);
    if let Some(Value::Object(labels)) = part("/nodeSelector") {
        installation.enforcer.node_selector = labels.clone();
    }
    if let Some(tolerations) = part("/tolerations") {
        installation.enforcer.tolerations = tolerations.clone();
    }
    let volumes = part("/volumes").and_then(Value::as_array);
    let path = |volume: &str| {
        let found = volumes?.iter().find(|each| each.get("name").is_some_and(|name| name == volume))?;
        found.pointer("/hostPath/path").and_then(Value::as_str).map(str::to_owned)
    };
    let directories = path("cni-programs").zip(path("cni-configurations"));
    if pod.is_some() {
        installation.enforcer.cni =
            directories.map(|(programs, configurations)| Cni { programs, configurations });
    }
    installation
}
