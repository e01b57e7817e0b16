//! `kind: Host`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::list::Distinct;
use crate::port::{PortNumber, Transport};
use crate::selector::{Labels, labels};
use crate::status::PolicyStatus;
use crate::text::{Address, Cidr, InterfaceName, Subdomain};

/// What a Host says.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bookend.dev",
    version = "v1alpha1",
    kind = "Host",
    plural = "hosts",
    namespaced,
    schema = "disabled",
    doc = "A machine whose own interfaces are policed (S75 to S77).",
    status = "PolicyStatus",
    shortname = "bhost",
    category = "bookend",
    printcolumn(name = "Forwards", type_ = "boolean", json_path = ".spec.forwards"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Accepted")].status"#
    ),
    printcolumn(
        name = "Enforced",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Enforced")].status"#
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend(
    "x-kubernetes-map-type" = "atomic",
    "x-kubernetes-validations" = [{
        "rule": "!has(self.labels) || !('bookend.dev/host' in self.labels)",
        "message": "the label `bookend.dev/host` is the host's name: remove it; every host has it by itself"
    }]
))]
pub struct HostSpec {
    /// What policies select it by; `bookend.dev/host` is there by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "labels")]
    pub labels: Option<Labels>,
    /// The service account it runs under; `default` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<Subdomain>,
    /// Its policed interfaces; what crosses others is not judged.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub interfaces: Distinct<Interface, 256>,
    /// Whether it routes for others, whose packets then pass unjudged; false when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwards: Option<bool>,
    /// What no policy can take from it; sensible defaults when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failsafe: Option<Failsafe>,
}

/// A policed interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, extend("x-kubernetes-validations" = [{
    "rule": "self.name != 'lo'",
    "message": "what a host says to itself over `lo` is not judged: remove it; addresses that are on `lo` belong to the interfaces they are reached by"
}]))]
pub struct Interface {
    /// As `ip link` shows it.
    pub name: InterfaceName,
    /// All addresses it is reached at by this interface.
    pub addresses: Distinct<Address, 256>,
}

/// What no policy can take from a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Failsafe {
    /// What others open to it. An empty list means none; without the list the default holds (S75).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbound: Option<Distinct<FailsafePort, 1000, 0>>,
    /// What it opens. An empty list means none; without the list the default holds (S75).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound: Option<Distinct<FailsafePort, 1000, 0>>,
}

/// Ports that no policy can deny (S75).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FailsafePort {
    /// A port of TCP, for everybody.
    Number(PortNumber),
    /// Any other.
    Entry(FailsafeEntry),
}

/// Ports of one protocol, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct FailsafeEntry {
    /// The port.
    pub port: PortNumber,
    /// The last port of a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_port: Option<PortNumber>,
    /// TCP when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Transport>,
    /// The peers; everybody when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cidr: Option<Cidr>,
}
