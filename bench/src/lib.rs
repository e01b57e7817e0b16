//! Estates of any size, and what it costs to work on them.

mod estate;
mod measure;

pub use estate::{Estate, Notation};
pub use measure::{report, running, scenarios};
