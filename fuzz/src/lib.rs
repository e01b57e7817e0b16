//! Laws that hold for any bytes.
//!
//! Each module has one function `law` that panics where its law is broken. The targets in `fuzz_targets/` let libFuzzer
//! look for such bytes, `tests/corpus.rs` tries all that are kept; what both start from is in [`seed`].
//!
//! Inputs are text wherever they can be, one part a line, so that a kept one can be read and a new one written by hand.

pub mod attributes;
pub mod configuration;
pub mod documents;
pub mod expressions;
pub mod hosts;
pub mod metadata;
pub mod packets;
pub mod paths;
mod question;
pub mod regexes;
pub mod requests;
pub mod seed;

/// A law, by the name of its target.
pub type Law = (&'static str, fn(&[u8]));

/// All laws.
pub const LAWS: [Law; 10] = [
    ("attributes", attributes::law),
    ("configuration", configuration::law),
    ("documents", documents::law),
    ("expressions", expressions::law),
    ("hosts", hosts::law),
    ("metadata", metadata::law),
    ("packets", packets::law),
    ("paths", paths::law),
    ("regexes", regexes::law),
    ("requests", requests::law),
];

/// The first line, and everything behind it.
fn first_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}
