//! Bookend's proving ground: Bookinfo in network namespaces behind real Envoys, things to attempt in it, and the
//! demo that shows them.
//!
//! What this crate does not do: it decides nothing. What should happen comes from the policy; what did happen
//! is what the receiver wrote down.

pub mod certificate;
pub mod envoy;
pub mod error;
pub mod http;
pub mod journal;
pub mod namespace;
pub mod process;
pub mod requirement;
pub mod run;
pub mod service;
pub mod shell;
pub mod world;

pub use envoy::Filter;
pub use error::{Error, Result};
pub use world::World;
