//! `kind: Network`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::list::Distinct;
use crate::status::PolicyStatus;
use crate::text::Cidr;

/// What a Network says.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bookend.dev",
    version = "v1alpha1",
    kind = "Network",
    plural = "networks",
    schema = "disabled",
    doc = "A named and labelled set of addresses (S42).",
    status = "PolicyStatus",
    shortname = "bnet",
    category = "bookend",
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Accepted")].status"#
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct NetworkSpec {
    /// Its blocks.
    pub cidrs: Distinct<Block, 10_000>,
}

/// A block, with exceptions or without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Block {
    /// All of it.
    Whole(Cidr),
    /// Not all of it.
    Part(PartialBlock),
}

/// A block with exceptions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct PartialBlock {
    /// The block.
    pub cidr: Cidr,
    /// Smaller blocks that are taken from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub except: Option<Distinct<Cidr, 1000>>,
}
