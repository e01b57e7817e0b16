//! What has to be current in the whole cluster: the filters' configurations, and the status of policies.
//!
//! One of several controllers leads, and only that one writes. It follows the cluster as every node does, and gives the proxies of each namespace
//! the part of the policies that concerns them (`Configuration::for_namespace`), by Istio's own objects (`bookend_objects::mesh`); what did not
//! change is not written. What enforcers say of themselves it sums up in the status of policies.
//!
//! Whatever fails, the last good objects stay, and it is told: in the status of the policies that it concerns, over HTTP, and on
//! standard error.
//!
//! **This crate does not** know what a policy means (`bookend-engine` and `bookend-lang` do), how an API server is spoken to
//! (`bookend-cluster` does), or what Istio's objects look like (`bookend-objects` does).
#![forbid(unsafe_code)]

mod census;
mod fleet;
mod means;
mod options;
mod pace;
mod run;
mod say;
mod server;
mod share;
mod state;
mod status;
mod writer;

pub use options::{ControllerOptions, Istio};
pub use run::{Failed, run};
