//! Estates of any size, and what it costs to work on them; what the filter costs in Envoy, and the enforcer in the kernel.

pub mod enforcer;
mod estate;
pub mod filter;
mod measure;
mod processor;
mod progress;
mod spread;
mod table;
mod target;

pub use estate::{Estate, Notation};
pub use measure::{report, running, scenarios};
