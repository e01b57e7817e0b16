//! What a Bookend policy means.
//!
//! A [`Program`] is the lowered form of all policy documents. [`decide_end`] judges one end of a
//! [`Connection`]; [`decide`] judges both. What is known of the traffic beyond addresses and ports is an
//! [`Exchange`]: nothing yet ([`Exchange::Packet`]), an opaque stream, or an HTTP request.
//!
//! The numbers in the documentation (`S12`) are the rules of `docs/semantics.md`.
//!
//! **This crate does not** read documents, know file positions, speak to Envoy or to the kernel, or do any
//! I/O. It is `no_std` so that the same code runs in the proxy, in the command and in a browser.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod agent;
mod answer;
mod clause;
mod configuration;
mod connection;
mod decide;
mod enforcement;
mod explanation;
mod failsafe;
mod host;
mod http;
mod index;
mod inventory;
mod label;
mod limits;
mod path;
mod peer;
mod port;
mod principal;
mod program;
mod request;
mod role;
mod selector;
mod settings;
mod tape;
mod text;
mod trace;
mod truth;
mod when;
mod workload;
mod written;

pub use agent::{MESH_AGENT, MESH_AGENT_PORTS, MESH_AGENT_TIER};
pub use answer::{Answer, AnswerFault};
pub use clause::{Clause, EmptyClause};
pub use configuration::{Configuration, ConfigurationError};
pub use connection::{Connection, End, Endpoint, Exchange, Identity, Location};
pub use decide::{
    Cause, Decision, Judgement, Permit, ServiceDecision, Verdict, decide, decide_dialled, decide_end,
    rehearse, rehearse_end,
};
pub use enforcement::{Enforcement, OwnWorkload, Peer, Ruling};
pub use explanation::{Explanation, PlaneDecision, Step};
pub use failsafe::{FAILSAFE, FAILSAFE_TIER, HOST_LABEL};
pub use host::{Host, HostDoubt, HostPattern, HostPatternError};
pub use http::{
    ClaimMatch, ClaimNameError, GrpcMatch, GrpcMatchError, HeaderMatch, HttpMatch, NameError, Needs,
    QueryMatch, TokenMatch, ValueMatch,
};
pub use inventory::{Backend, Dialled, Instance, Inventory, Namespaces, Service, ServicePort};
pub use label::{LabelExpression, LabelExpressionError};
pub use limits::{Limits, Period, Rate};
pub use path::{CanonicalPath, PathDoubt, PathPattern, PathPatternError};
pub use peer::{Block, BlockError, PeerMatch};
pub use port::{NamedPort, NamedPortMatch, PortMatch, PortRange, PortRangeError, Protocol};
pub use principal::{Principal, PrincipalPattern, PrincipalPatternError};
pub use program::{Action, DEFAULT_TIER, Ends, Isolation, Mode, Plane, Program, Rule};
pub use request::{Head, HeaderLine, Request, ServerName, Tokens};
pub use role::Role;
pub use selector::{LabelMatch, NamespaceMatch, Selector};
pub use settings::{AccessLog, Answers, DecisionLog, FilterEnd, Metrics, Settings};
pub use text::{Affix, Regex, RegexError, RegexFault, TextMatch, TextPattern, TextPatternError};
pub use trace::{Condition, NoTrace, Outcome, Trace};
pub use truth::Truth;
pub use when::{Expression, ExpressionError, ExpressionFault};
pub use workload::{Labels, Workload, WorkloadIdentity};

/// Networks and addresses, as the engine's types use them.
pub use ipnet::{IpNet, Ipv4Net, Ipv6Net};
