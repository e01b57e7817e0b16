//! `kind: Enforcer`: what a node says of itself.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::status::Condition;

/// Nothing: an Enforcer is written by its node, and says only how things are there.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bookend.dev",
    version = "v1alpha1",
    kind = "Enforcer",
    plural = "enforcers",
    no_spec,
    schema = "disabled",
    doc = "What the enforcer of the node of the same name says of itself. Nobody else writes it.",
    status = "EnforcerStatus",
    category = "bookend",
    derive = "Default",
    printcolumn(name = "Ready", type_ = "boolean", json_path = ".status.ready"),
    printcolumn(name = "Policies", type_ = "string", json_path = ".status.policies"),
    printcolumn(name = "Since", type_ = "date", json_path = ".status.since"),
    printcolumn(name = "Pods", type_ = "integer", json_path = ".status.pods"),
    printcolumn(name = "Unpoliced", type_ = "integer", json_path = ".status.unpoliced", priority = 1),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
pub struct EnforcerSpec {}

impl EnforcerStatus {
    /// The most entries that one of its lists may have; what is beyond is left out.
    pub const MOST: usize = 64;
    /// The most characters of an obstacle or of a message.
    pub const LONGEST: usize = 2_048;
}

/// What the enforcer of a node says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EnforcerStatus {
    /// The version of the program.
    #[schemars(length(max = 64))]
    pub version: String,
    /// The policy revision that it enforces: 12 hexadecimal digits, the same at every node and in every filter that has the same policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub policies: Option<String>,
    /// Since when, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub since: Option<String>,
    /// Whether everything that is planned is enforced.
    pub ready: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 2048)))]
    pub obstacles: Vec<String>,
    /// Interfaces that have the programs attached.
    #[schemars(range(min = 0))]
    pub interfaces: u32,
    /// Interfaces that are there and could not be policed.
    #[schemars(range(min = 0))]
    pub unpoliced: u32,
    /// Pods of this node at whose interfaces policy is enforced.
    #[schemars(range(min = 0))]
    pub pods: u32,
    /// Proxies of this node's pods by the policy revision that their filters have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["revision"]))]
    pub proxies: Vec<ProxyShare>,
    /// Proxies of this node's pods that did not say.
    #[schemars(range(min = 0))]
    pub unreadable_proxies: u32,
    /// Documents that this node could not take up, and in whose place something else is in force.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub refused: Vec<RefusedObject>,
    /// `Ready`: as `ready`, for `kubectl wait`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// How many proxies have a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProxyShare {
    /// The policy revision; empty where there is a filter that has none.
    #[schemars(length(max = 64))]
    pub revision: String,
    /// How many.
    #[schemars(range(min = 0))]
    pub count: u32,
}

/// A document that is not in force as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RefusedObject {
    /// Its kind.
    #[schemars(length(max = 63))]
    pub kind: String,
    /// Its namespace, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub namespace: Option<String>,
    /// Its name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Its uid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub uid: Option<String>,
    /// Its generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// What is wrong with it.
    #[schemars(length(max = 2048))]
    pub message: String,
}
