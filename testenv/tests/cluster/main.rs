//! A cluster, as far as the scripted API server is one: what Bookend does there, over the real wire.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step is a failed test"
)]

mod arguments;
mod controller;
mod deploy;
mod node;
mod real;
mod rendered;
mod report;
mod server;
mod source;
mod world;
