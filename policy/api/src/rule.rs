//! What policies are made of: rules and isolations.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::list::Distinct;
use crate::peer::{Peer, Target};
use crate::port::Port;
use crate::request::HttpCondition;
use crate::selector::Selector;
use crate::text::{DnsLabel, RatePerTime};

/// Whether it is enforced, or only told what it would do (S36).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Mode {
    /// It decides.
    Enforce,
    /// It is only rehearsed.
    Audit,
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum End {
    /// Who opens it.
    Source,
    /// Who accepts it.
    Destination,
}

/// Which connections of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Direction {
    /// Those that others open to it.
    Ingress,
    /// Those that it opens.
    Egress,
}

/// A place among the rules of a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Priority(#[schemars(range(min = -1_000_000, max = 1_000_000))] pub i32);

/// Declares rules, which differ in what can be said besides.
macro_rules! rule {
    ($(#[$meta:meta])* $name:ident { $($field:tt)* }) => {
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        $(#[$meta])*
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            /// Names the rule in every verdict; unique in the policy.
            pub name: DnsLabel,
            /// The lowest is tried first; the policy's when left out (S2).
            #[serde(skip_serializing_if = "Option::is_none")]
            pub priority: Option<Priority>,
            /// The policy's when left out (S36).
            #[serde(skip_serializing_if = "Option::is_none")]
            pub mode: Option<Mode>,
            /// The ends it governs; both when left out (S37).
            #[serde(skip_serializing_if = "Option::is_none")]
            pub at: Option<Distinct<End, 2>>,
            /// Who opens the connection; everybody when left out.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub from: Option<Distinct<Peer, 1000>>,
            /// Who accepts it; everybody when left out.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub to: Option<Distinct<Target, 1000>>,
            /// The destination's ports; every protocol and port when left out (S12).
            #[serde(skip_serializing_if = "Option::is_none")]
            pub ports: Option<Distinct<Port, 1000>>,
            /// None of these may hold (S47).
            #[serde(skip_serializing_if = "Option::is_none")]
            pub not_ports: Option<Distinct<Port, 1000>>,
            /// Requests; a rule with conditions is for TCP only and needs a filter at the destination (S6, S9).
            #[serde(skip_serializing_if = "Option::is_none")]
            pub http: Option<Distinct<HttpCondition, 100>>,
            $($field)*
        }
    };
}

rule! {
    /// Connections and requests that are allowed.
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "!has(self.limits) || !has(self.mode) || self.mode != 'audit'",
        "message": "a rule in audit mode lets nothing pass, so it limits nothing: remove `limits`, or write `mode: enforce`"
    }]))]
    AllowRule {
        /// How much of what it lets pass may pass in a time (S66).
        #[serde(skip_serializing_if = "Option::is_none")]
        pub limits: Option<Limits>,
    }
}

rule! {
    /// Connections and requests that are denied.
    DenyRule {
        /// What a proxy answers to a request that it refuses (S62).
        #[serde(skip_serializing_if = "Option::is_none")]
        pub answer: Option<Answer>,
    }
}

rule! {
    /// Connections and requests that leave the tier for the next one.
    PassRule {}
}

/// How much of what this allow rule lets pass may pass in a time, at each interface (S66).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct Limits {
    /// New connections, of all sources together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<Rate>,
    /// New connections of each source (S67).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_per_source: Option<Rate>,
    /// Packets of these connections in both directions, of all sources together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets: Option<Rate>,
    /// Packets of the connections of each source (S67).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets_per_source: Option<Rate>,
}

/// So many in a time, and so many at once (S68).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// For each second, minute or hour: `100/s`, `600/m`, `10/h`.
    pub rate: RatePerTime,
    /// As many as a second allows when left out, at least one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub burst: Option<u32>,
}

/// What a proxy answers to a request that this deny rule refuses (S62).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "minProperties" = 1,
    "x-kubernetes-validations" = [
        {
            "rule": "!has(self.status) || !(self.status in [301, 302, 303, 307, 308, 401, 405, 407]) || has(self.headers)",
            "message": "this status means nothing without a header such as `location` or `www-authenticate`: write it in `headers`, or write another status"
        },
        {
            "rule": "!has(self.status) || self.status != 304 || !has(self.body)",
            "message": "a `status: 304` has no body: remove the body, or write another status"
        }
    ]
))]
pub struct Answer {
    /// 403 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 300, max = 599))]
    pub status: Option<u16>,
    /// None when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub body: Option<String>,
    /// Further headers, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "answered_headers")]
    pub headers: Option<BTreeMap<String, String>>,
}

fn answered_headers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 16,
        "propertyNames": { "maxLength": 256, "pattern": "^[-A-Za-z0-9!#$%&'*+.^_`|~]+$" },
        "additionalProperties": { "type": "string", "maxLength": 2048, "pattern": "^([!-~]([ -~\\t]*[!-~])?)?$" }
    })
}

/// Workloads that are default-deny (S7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Isolation {
    /// Which workloads.
    pub workloads: Selector,
    /// Both when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directions: Option<Distinct<Direction, 2>>,
    /// The policy's when left out (S36).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
}
