//! The filter: a module that puts the policy engine into a proxy, in front of a workload and behind it.
//!
//! It asks the proxy who the peer is, which port of ours it reached and what it requests, lets the engine decide, and lets
//! the stream pass only with the engine's permission. Whatever goes wrong denies: an attribute that cannot be read, an own
//! workload that is not known, headers that make no sense.
//!
//! # How a request passes
//!
//! ```text
//!  proxy ── contexts ──▶ Filter ──▶ Gate ─────▶ Enforcement::decide   (the engine)
//!                          │         │  ▲
//!                       streams      │  └── Arrival (who, where)   RequestHead (what)   tokens
//!                                    ▼
//!                                   Desk: recent arrivals, tally, journal
//! ```
//!
//! * A [`Gate`] is a configuration at work, bound to the proxy's own workload. It never changes; a new configuration is a new
//!   gate, and a stream is judged by one gate only. A gate that could not be bound refuses everything and says why.
//! * A [`Desk`] is what one worker keeps beside a gate: whom it met recently, what it counted, which lines it logged.
//! * [`Proxy`] is all that a decision needs of a proxy. Whoever implements it can put a gate into another one.
//! * [`Arrival`](arrival::Arrival) is who came and where, [`RequestHead`](headers::RequestHead) what is requested, [`tokens`] what
//!   was verified of it, out of the proxy's [`metadata`]; [`Refusal`] is the answer to a request that may not pass.
//! * [`Filter`] is what is particular to proxy-wasm: contexts by number, callbacks, ticks. It works on any [`Host`], and `host`
//!   is the one over the real ABI, on `wasm32` only.
//!
//! # What a request costs
//!
//! Two calls to the proxy where it is allowed: all headers, and the number of its connection; for the first request of a connection
//! a third, the one text about it. Policies with conditions about
//! tokens need one more, a filter at the source's end one for the endpoint, and `accessLog.allowed` one to attach the rule. What is
//! counted is told on ticks.
//!
//! **This crate does not** know what a policy means, trust a header about the peer (`x-forwarded-for`,
//! `x-forwarded-client-cert` and `x-envoy-peer-metadata` are headers like others) or about its tokens, or hold a path
//! that panics.

pub mod arrival;
mod desk;
mod fault;
mod filter;
mod gate;
pub mod headers;
#[cfg(target_arch = "wasm32")]
mod host;
mod journal;
pub mod metadata;
mod own;
mod proxy;
mod recent;
mod refusal;
mod sorted;
mod tally;
pub mod tokens;

pub use desk::Desk;
pub use fault::Fault;
pub use filter::{Filter, Host, Metric};
pub use gate::{Gate, Moment, Next, Passage};
pub use own::{NODES, own_workload};
pub use proxy::{Attribute, CallFailed, HeadersError, Label, Level, Proxy};
pub use refusal::Refusal;
