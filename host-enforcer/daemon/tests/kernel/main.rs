//! The real object in the real kernel. These tests need root and the built object; `scripts/test` provides both.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this is tests: what goes wrong here fails one"
)]

mod answers;
mod artifact;
mod audit;
mod enforcer;
mod events;
mod guard;
mod leave;
#[expect(dead_code, reason = "the other test targets also read")]
mod link;
mod looks;
mod namespace;
mod plugin;
mod pods;
mod privilege;
mod process;
mod services;
mod succession;
mod traffic;
mod trial;
mod world;
