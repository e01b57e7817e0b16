//! What somebody with root in a workload would try, and what goes wrong on hosts: a real enforcer, real namespaces, real
//! frames, judged where they would arrive.
//!
//! Every attack is made twice: without the enforcer, where it has to arrive, or it would prove nothing, and with it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this is tests: what goes wrong here fails one"
)]

#[path = "../kernel/artifact.rs"]
mod artifact;
mod attack;
mod catalog;
mod changes;
mod crowd;
mod faults;
mod field;
mod files;
mod floods;
mod forge;
mod frames;
#[path = "../kernel/link.rs"]
mod link;
#[path = "../kernel/namespace.rs"]
mod namespace;
#[path = "../kernel/process.rs"]
#[expect(dead_code, reason = "the other test target needs more of it")]
mod process;
mod scans;
#[path = "../kernel/traffic.rs"]
#[expect(dead_code, reason = "the other test target needs more of it")]
mod traffic;
