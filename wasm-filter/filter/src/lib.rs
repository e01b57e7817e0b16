//! The filter: a proxy-wasm module that puts the policy engine in front of a workload's HTTP service.
//!
//! It asks the proxy who the peer is, which port of ours it reached and what it requests, lets the engine
//! decide, and lets the request pass only with the engine's permission. Whatever goes wrong denies: an
//! attribute that cannot be read, an own workload that is not known, a header map that makes no sense.
//!
//! * [`attributes`] reads what the proxy knows, [`headers`] the request, [`tokens`] what was verified of it, out of the
//!   proxy's [`metadata`];
//! * [`Gate`] is a configuration at work; a gate that could not be built refuses every request;
//! * [`Refusal`] is the answer to a request that may not pass;
//! * [`Filter`] ties them to the callbacks of a proxy, behind the trait [`Proxy`];
//! * `host` is that trait over the proxy-wasm ABI, and exists on `wasm32` only.
//!
//! **This crate does not** know what a policy means, trust a header about the peer (`x-forwarded-for`,
//! `x-forwarded-client-cert` and `x-envoy-peer-metadata` are headers like others) or about its tokens, or hold a path
//! that panics.

pub mod attributes;
mod fault;
mod filter;
mod gate;
pub mod headers;
#[cfg(target_arch = "wasm32")]
mod host;
pub mod metadata;
mod proxy;
mod refusal;
pub mod tokens;

pub use fault::Fault;
pub use filter::{AUDIT_PROPERTY, Filter, Next, RULE_PROPERTY};
pub use gate::{Denied, Gate};
pub use proxy::{CallFailed, Level, Proxy};
pub use refusal::Refusal;
