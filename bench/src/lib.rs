//! Estates of any size, and what it costs to work on them; and what the filter costs in Envoy.

mod estate;
pub mod filter;
mod measure;

pub use estate::{Estate, Notation};
pub use measure::{report, running, scenarios};
