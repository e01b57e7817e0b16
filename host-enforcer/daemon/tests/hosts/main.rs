//! Hosts: machines whose own interfaces are policed. A real enforcer in the machine's network namespace, and peers in others.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this is tests: what goes wrong here fails one"
)]

#[path = "../kernel/artifact.rs"]
mod artifact;
mod hosts;
#[path = "../kernel/link.rs"]
mod link;
mod machine;
#[path = "../kernel/namespace.rs"]
mod namespace;
#[path = "../kernel/process.rs"]
#[expect(dead_code, reason = "the other test target needs more of it")]
mod process;
#[path = "../kernel/traffic.rs"]
mod traffic;
