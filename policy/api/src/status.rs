//! What a cluster says about a document: whether it is understood, and who enforces it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of a document, written by the controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyStatus {
    /// The generation of the document that this is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The policy revision in which it first was in force as it is: 12 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub revision: Option<String>,
    /// Nodes that enforce it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Share>,
    /// Proxies that enforce it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxies: Option<Share>,
    /// `Accepted`: it is understood. `Enforced`: by everybody whom it concerns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// How many of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    /// Those that do.
    #[schemars(range(min = 0))]
    pub enforced: u32,
    /// All that should.
    #[schemars(range(min = 0))]
    pub total: u32,
}

/// Whether something is so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Truth {
    /// It is.
    True,
    /// It is not.
    False,
    /// Nobody can say.
    #[default]
    Unknown,
}

/// A condition, as Kubernetes has them (`metav1.Condition`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What it is about: `Accepted`, `Enforced`, `Ready`.
    #[schemars(length(max = 316))]
    pub r#type: String,
    /// Whether it is so.
    pub status: Truth,
    /// The generation of the document that this is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// Since when, in RFC 3339.
    #[schemars(length(max = 40))]
    pub last_transition_time: String,
    /// Why, in one word for programs.
    #[schemars(length(min = 1, max = 1024), regex(pattern = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))]
    pub reason: String,
    /// Why, for people.
    #[schemars(length(max = 32768))]
    pub message: String,
}
