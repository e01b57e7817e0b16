//! The documents as Rust types: their JSON schema, and the custom resource definitions of a cluster.
//!
//! A type says what a document can look like. What it means, and what several of its fields or several documents say
//! together, `bookend-lang` alone knows, which reads documents by itself and can say where something is wrong. So these
//! types refuse nothing that it takes, and are for what it cannot do: to be described to editors ([`json_schema`]) and to
//! API servers ([`definitions`]), and to read and write the states that a cluster keeps beside the documents
//! ([`PolicyStatus`], [`EnforcerStatus`]).
#![forbid(unsafe_code)]

mod crd;
mod kind;
mod list;
mod metadata;
mod peer;
mod port;
mod request;
mod rule;
mod schema;
mod selector;
mod status;
mod test;
mod text;

pub use crd::{Definition, definitions};
pub use kind::{
    ClusterPolicy, ClusterPolicySpec, Enforcer, EnforcerSpec, EnforcerStatus, Host, HostSpec, Inventory,
    InventorySpec, Network, NetworkSpec, Policy, PolicySpec, ProxyShare, RefusedObject, Reporting,
    ReportingSpec, Tier, TierSpec, host, inventory, network, reporting, tier,
};
pub use list::{Distinct, Listing, OneOrMany};
pub use peer::{Entity, Peer, Target};
pub use port::{Port, PortEntry, Protocol, Transport};
pub use request::{
    Claim, ClaimPath, Comparisons, Grpc, HttpCondition, HttpHeader, Parameter, Subject, Token,
};
pub use rule::{AllowRule, Answer, DenyRule, Direction, End, Isolation, Limits, Mode, PassRule, Rate};
pub use schema::json_schema;
pub use selector::{Expression, Expressions, Labels, NamespaceSelector, NetworkSelector, Operator, Selector};
pub use status::{Condition, PolicyStatus, Share, Truth};
pub use test::{PolicyTest, PolicyTestSpec};
pub use text::{
    Address, AddressOrCidr, Cidr, DnsLabel, HeaderName, HostPattern, InterfaceName, LabelKey, LabelValue,
    Method, ParameterName, PathPattern, PortName, Principal, RatePerTime, Regex, RpcMethod, RpcService,
    SomeText, SomeValue, Subdomain, Value, WhenExpression,
};

/// The API group of every kind.
pub const GROUP: &str = "bookend.dev";

/// Its version.
pub const VERSION: &str = "v1alpha1";
