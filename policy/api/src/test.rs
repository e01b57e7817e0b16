//! `kind: PolicyTest`, which no cluster knows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::list::Listing;
use crate::metadata::TestMetadata;
use crate::port::{PortNumber, Protocol};
use crate::text::SomeText;

/// What is expected of all policies together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyTest {
    /// `bookend.dev/v1alpha1`
    pub api_version: String,
    /// `PolicyTest`
    pub kind: String,
    /// What it is called.
    pub metadata: TestMetadata,
    /// What it says.
    pub spec: PolicyTestSpec,
}

/// What a PolicyTest says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyTestSpec {
    /// What is expected.
    pub tests: Listing<Expected, 1_000_000>,
}

/// A connection, or a request on it, and the verdict that is expected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// In words; unique in the document.
    pub name: SomeText,
    /// Who opens the connection: the name of a workload, an address or a SPIFFE id.
    pub from: SomeText,
    /// The SPIFFE id that somebody outside proves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<SomeText>,
    /// Who accepts it: the name of a workload or a Service, or an address.
    pub to: SomeText,
    /// The port by number or by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<ExpectedPort>,
    /// TCP when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// The type of ICMP; an echo request when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<u8>,
    /// The code of ICMP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u8>,
    /// Whether the connection is without mutual TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plaintext: Option<bool>,
    /// Whether what travels on it is no HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// The request; without it, the connection itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<ExpectedRequest>,
    /// The verdict.
    pub expect: Verdict,
    /// The id of what decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<SomeText>,
    /// What rules in audit mode would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<ExpectedAudit>,
}

/// A port by number or by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum ExpectedPort {
    /// The number.
    Number(PortNumber),
    /// The name.
    Name(String),
}

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRequest {
    /// GET when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<SomeText>,
    /// As it is sent.
    pub path: SomeText,
    /// What `to` says, and the port, when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<SomeText>,
    /// Headers by name; a list where one comes several times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, OneOrMore<String>>>,
    /// Claims of a verified token, or of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<OneOrMore<Map<String, Value>>>,
    /// Where the proxy finds the client to be (S86).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2))]
    pub client: Option<String>,
    /// The name that the client asked for in its TLS handshake (S85).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sni: Option<SomeText>,
}

/// One, or several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum OneOrMore<T> {
    /// One.
    One(T),
    /// Several.
    Several(Listing<T, 1_000_000>),
}

/// Whether something passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Verdict {
    /// It does.
    Allow,
    /// It does not.
    Deny,
}

/// What rules in audit mode would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum ExpectedAudit {
    /// In a word.
    Word(AuditWord),
    /// The verdict, the rule, or both.
    Entry(AuditEntry),
}

/// What rules in audit mode would do, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum AuditWord {
    /// Nothing.
    None,
    /// Allow it.
    Allow,
    /// Deny it.
    Deny,
}

/// What rules in audit mode would do, and which of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, extend("minProperties" = 1))]
pub struct AuditEntry {
    /// The verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Verdict>,
    /// The id of what decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<SomeText>,
}
