//! Which cluster, and as which of its nodes.

use crate::failure::Failure;
use bookend_cluster::Access;
use bookend_cluster::view::{Filters, Outlook};
use clap::Args;
use std::path::PathBuf;

/// Options about a cluster.
#[derive(Clone, Debug, Default, Args)]
pub struct ClusterOptions {
    /// Enforce the policies of a Kubernetes cluster, at the pods of this node.
    ///
    /// Files that are named as well are added to what the cluster says: an `Inventory` with the trust domain, for example.
    #[arg(long)]
    pub kubernetes: bool,
    /// Which of the cluster's nodes this is [default: $NODE_NAME, or the name of the machine].
    #[arg(long, value_name = "NAME", requires = "kubernetes")]
    pub node: Option<String>,
    /// The namespace in which the controller says which proxies have a filter. Without it none is taken to have one, and nothing is allowed
    /// here because of what a request says.
    #[arg(long, value_name = "NAMESPACE", requires = "kubernetes")]
    pub filters: Option<String>,
    /// The kubeconfig [default: $KUBECONFIG, what a pod is given, or ~/.kube/config].
    #[arg(long, value_name = "FILE", requires = "kubernetes")]
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context [default: its current one].
    #[arg(long, value_name = "NAME", requires = "kubernetes")]
    pub context: Option<String>,
}

impl ClusterOptions {
    /// The name of this node.
    ///
    /// # Errors
    /// If nobody says it.
    pub(crate) fn node(&self) -> Result<String, Failure> {
        let named = self.node.clone().or_else(|| std::env::var("NODE_NAME").ok());
        let machine = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let name = named.or_else(machine).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        name.ok_or_else(|| Failure::new("nobody says which node of the cluster this is; name it with --node"))
    }

    /// What is seen of the cluster.
    ///
    /// # Errors
    /// If nobody says which node this is.
    pub(crate) fn outlook(&self) -> Result<Outlook, Failure> {
        let filters = self.filters.clone().map_or(Filters::Nowhere, Filters::Published);
        Ok(Outlook { node: Some(self.node()?), filters })
    }

    /// How to reach the cluster.
    pub(crate) fn access(&self) -> Access {
        Access { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() }
    }
}
