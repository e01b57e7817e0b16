//! Other installations of the same cluster: nothing of theirs is touched.
//!
//! An installation is known by its name, in the label of everything that is its own, and lies in one namespace. So no two may have
//! the same name, and no two the same namespace: then nobody could say whose something is.

use std::fmt;

use serde_json::Value;

use super::Delivery;
use crate::{Kind, Scope, Trouble, kinds};

/// Another installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its name.
    pub install: String,
    /// Its namespace.
    pub namespace: String,
    /// Whether it writes filters: its controller runs, and not with `--istio none`.
    pub filters: bool,
}

impl fmt::Display for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` in the namespace `{}`", self.install, self.namespace)
    }
}

/// The workloads that an installation consists of.
const WORKLOADS: [&Kind; 2] = [&kinds::DAEMON_SET, &kinds::DEPLOYMENT];
/// What they have in common, whoever installed them.
const LABEL: &str = "app.kubernetes.io/name=bookend";

impl Delivery {
    /// The installations of the cluster but this one.
    ///
    /// # Errors
    /// See [`Trouble`]. Whoever may not list workloads of all namespaces does not know.
    pub async fn neighbours(&self) -> Result<Vec<Neighbour>, Trouble> {
        let mut found: Vec<Neighbour> = Vec::new();
        for kind in WORKLOADS {
            let objects: Vec<Value> =
                self.cluster.list(kind, &Scope::all().with_labels(LABEL.to_owned())).await?;
            for object in &objects {
                let Some(neighbour) = self.read(object) else { continue };
                match found.iter_mut().find(|known| known.is(&neighbour)) {
                    Some(known) => known.filters |= neighbour.filters,
                    None => found.push(neighbour),
                }
            }
        }
        Ok(found)
    }

    /// Refuses where it could not be told apart from one of `neighbours`.
    ///
    /// # Errors
    /// Names the other one, and what to do.
    pub fn tell_apart(&self, neighbours: &[Neighbour]) -> Result<(), Trouble> {
        let unusable = |what: &Neighbour, reason: &str| {
            let what = format!("the installation `{}`: {what}", self.install);
            Err(Trouble::Unusable { what, reason: reason.to_owned() })
        };
        if let Some(same) = neighbours.iter().find(|other| other.install == self.install) {
            return unusable(
                same,
                "it has the same name, so that nobody could say what belongs to which; say its namespace with `--namespace`, or give this one \
                 another name with `--name`",
            );
        }
        match neighbours.iter().find(|other| other.namespace == self.namespace) {
            Some(same) => unusable(
                same,
                "it lies in the same namespace, where there can be only one; say its name with `--name`, or another namespace with \
                 `--namespace`",
            ),
            None => Ok(()),
        }
    }

    fn read(&self, object: &Value) -> Option<Neighbour> {
        let metadata = object.get("metadata")?;
        let namespace = metadata.get("namespace")?.as_str()?.to_owned();
        let install = metadata.get("labels")?.get(self.label)?.as_str()?.to_owned();
        let arguments = object.pointer("/spec/template/spec/containers/0/args").and_then(Value::as_array);
        let arguments: Vec<&str> = arguments.into_iter().flatten().filter_map(Value::as_str).collect();
        let filters = arguments.first() == Some(&"controller")
            && !arguments.windows(2).any(|pair| pair == ["--istio", "none"]);
        let own = install == self.install && namespace == self.namespace;
        (!own).then_some(Neighbour { install, namespace, filters })
    }
}

impl Neighbour {
    fn is(&self, other: &Self) -> bool {
        (&self.install, &self.namespace) == (&other.install, &other.namespace)
    }
}
