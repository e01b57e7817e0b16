//! Estates of any size, and what it costs to work on them.

mod estate;
mod filter;
pub use filter::first;
mod measure;

pub use estate::{Estate, Notation};
pub use measure::{report, running, scenarios};
