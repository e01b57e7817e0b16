//! Conditions on requests.

mod compared;
mod token;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::list::Distinct;
use crate::text::{Cidr, HostPattern, Method, PathPattern, RpcMethod, RpcService, WhenExpression};
pub use compared::{Claim, ClaimPath, Comparisons, HttpHeader, Parameter};
pub use token::{Subject, Token};

/// Calls of gRPC (S53).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grpc {
    /// The full name of the service.
    pub service: RpcService,
    /// The method; every one when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<RpcMethod>,
}

/// Conditions on a request; all that is written must hold (S30).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct HttpCondition {
    /// Methods, compared with regard to case (S31).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods: Option<Distinct<Method, 1000>>,
    /// `example.com`, `*.example.com`, `[2001:db8::1]`; with a port only where it must be there (S50).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Distinct<HostPattern, 1000>>,
    /// Where the client is, as the proxy finds it from x-forwarded-for; never who it is (S86).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_cidrs: Option<Distinct<Cidr, 1000>>,
    /// `/a`, `/a/*`, `*.jpg`, `/a/{id}`, `/a/{**}` (S32).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths: Option<Distinct<PathPattern, 1000>>,
    /// Conditions on headers, all of which must hold (S51).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Distinct<HttpHeader, 100>>,
    /// Conditions on query parameters, all of which must hold (S52).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<Distinct<Parameter, 100>>,
    /// Calls of gRPC, one of which it is (S53).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc: Option<Distinct<Grpc, 100>>,
    /// Verified tokens, one of which must fit (S54).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt: Option<Distinct<Token, 100>>,
    /// A comparison of attributes in the syntax of CEL (S55).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<WhenExpression>,
    /// Conditions none of which may hold; at most 4 deep (S56).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<Distinct<HttpCondition, 100>>,
}
