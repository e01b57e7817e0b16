//! Bookend's proving ground: Bookinfo in network namespaces behind real Envoys, things to attempt in it, and the
//! demo that shows them.
//!
//! What this crate does not do: it decides nothing. What should happen comes from the policy; what did happen
//! is what the receiver wrote down.

pub mod apiserver;
pub mod attempt;
pub mod certificate;
pub mod demo;
pub mod envoy;
pub mod error;
pub mod http;
pub mod interrupt;
pub mod journal;
pub mod link;
pub mod namespace;
pub mod packet;
pub mod process;
pub mod requirement;
pub mod run;
pub mod service;
pub mod shell;
pub mod stand;
pub mod token;
pub mod witness;
pub mod world;

pub use attempt::{Act, Answer, Attempt, Observation, Target};
pub use envoy::Filter;
pub use error::{Error, Result};
pub use stand::{Running, Stand};
pub use world::World;
