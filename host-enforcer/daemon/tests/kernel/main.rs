//! The real object in the real kernel. These tests need root and the built object; `scripts/test` provides both.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this is tests: what goes wrong here fails one"
)]

mod artifact;
mod audit;
mod enforcer;
mod guard;
#[expect(dead_code, reason = "the attacks also read")]
mod link;
mod namespace;
mod process;
mod traffic;
mod trial;
mod world;
