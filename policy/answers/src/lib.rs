//! What people and programs are told about policies: the answers of the command and of the playground.
//!
//! A question is asked of [`Documents`]: what is wrong with them ([`check`]), what becomes of a connection ([`explain`]), who can talk to
//! whom ([`graph`]), what an edit opens or closes ([`diff`]), whether tests hold ([`test`]), and what other systems' policies come to
//! ([`import`]). Answers for programs are `Serialize`, and the same wherever they are asked for.
//!
//! **This crate does not** decide: it asks `bookend-engine`, `bookend-analysis`, `bookend-plan` and the kernel's own function in
//! `bookend-abi`. It reads no file, prints nothing, runs nothing else, and knows of no command line and no page.
#![forbid(unsafe_code)]

pub mod check;
pub mod diff;
mod documents;
pub mod explain;
pub mod graph;
pub mod import;
pub mod names;
pub mod passage;
pub mod progress;
pub mod report;
pub mod request;
pub mod subject;
pub mod test;
pub mod traffic;
pub mod unaskable;

pub use documents::{Documents, Place};

/// `1 rule`, `2 rules`.
#[must_use]
pub fn count(number: usize, singular: &str, plural: &str) -> String {
    format!("{number} {}", if number == 1 { singular } else { plural })
}
