//! `kind: Tier`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::status::PolicyStatus;

/// Which of the systems that decide alone, and that must all allow (S83).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Plane {
    /// Bookend's own.
    Bookend,
    /// Of the network.
    Network,
    /// Of the mesh.
    Mesh,
}

/// What a Tier says.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bookend.dev",
    version = "v1alpha1",
    kind = "Tier",
    plural = "tiers",
    schema = "disabled",
    doc = "A step in the order in which policies are asked (S2).",
    status = "PolicyStatus",
    shortname = "btier",
    category = "bookend",
    printcolumn(name = "Plane", type_ = "string", json_path = ".spec.plane"),
    printcolumn(name = "Order", type_ = "integer", json_path = ".spec.order"),
    printcolumn(name = "Namespaced", type_ = "boolean", json_path = ".spec.namespaced"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Accepted")].status"#
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct TierSpec {
    /// Tiers are gone through from the lowest; each order once in a plane.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub order: u32,
    /// Which of the systems that decide alone it is part of, and that must all allow (S83); `bookend` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plane: Option<Plane>,
    /// Whether policies of namespaces may be in it; false when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaced: Option<bool>,
}
