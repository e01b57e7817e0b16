//! `kind: Policy` and `kind: ClusterPolicy`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::list::Distinct;
use crate::rule::{AllowRule, DenyRule, Isolation, Mode, PassRule, Priority};
use crate::status::PolicyStatus;
use crate::text::Subdomain;

/// Declares what a policy says.
macro_rules! spec {
    ($(#[$meta:meta])* $name:ident) => {
        #[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        $(#[$meta])*
        #[serde(deny_unknown_fields)]
        #[schemars(extend(
            "anyOf" = [{ "required": ["isolate"] }, { "required": ["allow"] }, { "required": ["deny"] }, { "required": ["pass"] }],
            "x-kubernetes-map-type" = "atomic",
            "x-kubernetes-validations" = [
                {
                    "rule": "has(self.isolate) || has(self.allow) || has(self.deny) || has(self.pass)",
                    "message": "the policy says nothing: add `isolate`, `allow`, `deny` or `pass`"
                },
                {
                    "rule": "(has(self.allow) ? size(self.allow) : 0) + (has(self.deny) ? size(self.deny) : 0) + (has(self.pass) ? size(self.pass) : 0) <= 10000",
                    "message": "a policy has at most 10000 rules: split it into several policies"
                },
                {
                    "rule": "!has(self.mode) || self.mode != 'audit' || !has(self.allow) || self.allow.all(r, !has(r.limits) || (has(r.mode) && r.mode == 'enforce'))",
                    "message": "a rule in audit mode lets nothing pass, so it limits nothing: remove `limits`, or write `mode: enforce` in the rule"
                }
            ]
        ))]
        pub struct $name {
            /// The tier it lies in; `default` when left out (S2).
            #[serde(skip_serializing_if = "Option::is_none")]
            pub tier: Option<Subdomain>,
            /// Of its rules that say none; the lowest is tried first (S2).
            #[serde(skip_serializing_if = "Option::is_none")]
            pub priority: Option<Priority>,
            /// Of its rules and isolations that say none (S36).
            #[serde(skip_serializing_if = "Option::is_none")]
            pub mode: Option<Mode>,
            /// Workloads that are default-deny (S7).
            #[serde(skip_serializing_if = "Option::is_none")]
            pub isolate: Option<Distinct<Isolation, 1000>>,
            /// Rules that allow.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
            pub allow: Option<Distinct<AllowRule, 10_000>>,
            /// Rules that deny; tried first at equal priority.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
            pub deny: Option<Distinct<DenyRule, 10_000>>,
            /// Rules that leave the tier for the next one.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
            pub pass: Option<Distinct<PassRule, 10_000>>,
        }
    };
}

spec! {
    /// What a Policy says.
    #[kube(
        group = "bookend.dev", version = "v1alpha1", kind = "Policy", plural = "policies", namespaced, schema = "disabled",
        doc = "What ends of connections in its namespace may do.",
        status = "PolicyStatus", shortname = "bpol", category = "bookend",
        printcolumn(name = "Tier", type_ = "string", json_path = ".spec.tier"),
        printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
        printcolumn(name = "Accepted", type_ = "string", json_path = r#".status.conditions[?(@.type=="Accepted")].status"#),
        printcolumn(name = "Enforced", type_ = "string", json_path = r#".status.conditions[?(@.type=="Enforced")].status"#),
        printcolumn(name = "Nodes", type_ = "integer", json_path = ".status.nodes.enforced"),
        printcolumn(name = "Proxies", type_ = "integer", json_path = ".status.proxies.enforced"),
        printcolumn(name = "Revision", type_ = "string", json_path = ".status.revision", priority = 1),
        printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
    )]
    PolicySpec
}

spec! {
    /// What a ClusterPolicy says.
    #[kube(
        group = "bookend.dev", version = "v1alpha1", kind = "ClusterPolicy", plural = "clusterpolicies", schema = "disabled",
        doc = "What ends of connections in every namespace may do (S38).",
        status = "PolicyStatus", shortname = "bcpol", category = "bookend",
        printcolumn(name = "Tier", type_ = "string", json_path = ".spec.tier"),
        printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
        printcolumn(name = "Accepted", type_ = "string", json_path = r#".status.conditions[?(@.type=="Accepted")].status"#),
        printcolumn(name = "Enforced", type_ = "string", json_path = r#".status.conditions[?(@.type=="Enforced")].status"#),
        printcolumn(name = "Nodes", type_ = "integer", json_path = ".status.nodes.enforced"),
        printcolumn(name = "Proxies", type_ = "integer", json_path = ".status.proxies.enforced"),
        printcolumn(name = "Revision", type_ = "string", json_path = ".status.revision", priority = 1),
        printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
    )]
    ClusterPolicySpec
}
