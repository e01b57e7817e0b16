//! The labels by which one finds what belongs to an installation.

use serde_json::{Map, Value, json};

use super::Installation;

/// The label that says which installation an object belongs to.
pub const INSTALL: &str = "bookend.dev/install";

/// What an object is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The definitions of kinds.
    Definition,
    /// The programs of the nodes.
    Enforcer,
    /// The controller.
    Controller,
    /// The filters in Istio's proxies.
    Filter,
    /// Policies.
    Policy,
    /// What is shared by all, such as the namespace.
    Common,
}

impl Part {
    /// As the label says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Definition => "definition",
            Self::Enforcer => "enforcer",
            Self::Controller => "controller",
            Self::Filter => "filter",
            Self::Policy => "policy",
            Self::Common => "common",
        }
    }
}

/// The labels of an object of an installation of this name.
pub fn labels(install: &str, part: Part) -> Map<String, Value> {
    let mut labels = selector(part);
    labels.insert("app.kubernetes.io/managed-by".to_owned(), json!("bookend"));
    labels.insert(INSTALL.to_owned(), json!(install));
    labels
}

/// The labels that select the pods of a part. They can never change, so there is nothing in them that could.
pub fn selector(part: Part) -> Map<String, Value> {
    Map::from_iter([
        ("app.kubernetes.io/name".to_owned(), json!("bookend")),
        ("app.kubernetes.io/component".to_owned(), json!(part.name())),
    ])
}

/// The metadata of an object of an installation, in its namespace.
pub(super) fn within(installation: &Installation, name: &str, part: Part) -> Value {
    json!({
        "name": name,
        "namespace": installation.namespace,
        "labels": labels(&installation.name, part),
    })
}

/// The metadata of one that lies in no namespace.
pub(super) fn global(installation: &Installation, name: &str, part: Part) -> Value {
    json!({ "name": name, "labels": labels(&installation.name, part) })
}
