//! Which version of each policy is in force, where the newest may be invalid.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::article::{ObjectName, Text};

/// How an object stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which object.
    pub object: ObjectName,
    /// Its UID.
    pub uid: String,
    /// The generation that was read.
    pub generation: i64,
    /// What is in force of it.
    pub in_force: InForce,
    /// What is wrong with it, one line each: `policy shop/web:12:5: error[B1105]: …`.
    pub complaints: Vec<String>,
}

/// What is in force of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InForce {
    /// What it says.
    This,
    /// What it said at this generation, which was valid.
    Before(i64),
    /// No version of it was ever valid: everything in its namespace is isolated, and nothing is allowed by it.
    Isolated,
    /// It is left out. Only what is no policy can be.
    Nothing,
}

impl Standing {
    /// Whether what it says is in force.
    pub fn is_accepted(&self) -> bool {
        self.in_force == InForce::This
    }
}

/// The last good versions of policies, to be kept where they outlive whoever reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Good {
    /// By object; each as it was when it was last valid together with all others.
    pub(super) versions: Vec<GoodVersion>,
}

/// A version of a policy that was valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GoodVersion {
    pub(super) object: ObjectName,
    pub(super) uid: String,
    pub(super) generation: i64,
    #[serde(default)]
    pub(super) created: String,
    pub(super) text: String,
}

/// A policy, and what is in force of it.
#[derive(Debug)]
pub(super) struct Stand {
    pub(super) now: Text,
    pub(super) good: Option<(i64, String)>,
    pub(super) in_force: InForce,
    pub(super) complaints: Vec<String>,
}

impl Stand {
    pub(super) fn new(now: Text, good: Option<(i64, String)>) -> Self {
        Self { now, good, in_force: InForce::This, complaints: Vec::new() }
    }

    /// The text in force, if any.
    pub(super) fn text(&self, object: &ObjectName) -> Option<String> {
        match self.in_force {
            InForce::This => Some(self.now.text.clone()),
            InForce::Before(_) => self.good.as_ref().map(|(_, text)| text.clone()),
            InForce::Isolated => Some(isolation(object)),
            InForce::Nothing => None,
        }
    }

    /// Puts less in force than now; false if there is nothing that could be. A policy is never simply left out: that could
    /// open what it closes.
    pub(super) fn demote(&mut self, object: &ObjectName, is_policy: bool) -> bool {
        self.in_force = match (self.in_force, &self.good) {
            (InForce::This, Some((generation, text))) if *text != self.now.text => {
                InForce::Before(*generation)
            }
            (InForce::This | InForce::Before(_), _) if !is_policy => InForce::Nothing,
            (InForce::This | InForce::Before(_), _)
                if object.kind == "Policy" && object.namespace.is_some() =>
            {
                InForce::Isolated
            }
            _ => return false,
        };
        true
    }

    /// What is in force was found valid.
    pub(super) fn proved(&mut self) {
        if self.in_force == InForce::This && self.good.as_ref().is_none_or(|(_, text)| *text != self.now.text)
        {
            self.good = Some((self.now.generation, self.now.text.clone()));
        }
    }
}

/// A policy that closes the namespace of another one.
fn isolation(object: &ObjectName) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        "apiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata:\n  name: {}\n  namespace: {}\nspec:\n  isolate:\n    - workloads: {{}}\n",
        quoted(&object.name),
        quoted(object.namespace.as_deref().unwrap_or_default()),
    )
}

impl Good {
    /// By object.
    pub(super) fn by_object(self) -> BTreeMap<ObjectName, GoodVersion> {
        self.versions.into_iter().map(|version| (version.object.clone(), version)).collect()
    }
}
