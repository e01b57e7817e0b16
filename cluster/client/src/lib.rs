//! A Kubernetes API server: connecting to it, its objects, applying, and why it does not do what it is asked.
//!
//! Objects are `serde_json::Value`s or whatever type a caller wants to read them as; no type of `kube` leaves this crate.
//!
//! **This crate does not** know what objects Bookend consists of (`bookend-objects` does), what a policy means, or how often
//! anything should be tried: it says whether trying again may help ([`Trouble::is_transient`]).
#![forbid(unsafe_code)]

mod access;
mod applying;
mod chance;
mod cluster;
pub mod delivery;
mod kind;
pub mod kinds;
mod lease;
mod moment;
mod scope;
mod trouble;
pub mod view;
mod watch;

pub use access::Access;
pub use applying::{Applying, Deleting, Propagation};
pub use chance::chance;
pub use cluster::{Cluster, Permission, Stream, Version};
pub use kind::Kind;
pub use lease::{Candidacy, Leadership, Standing, Terms};
pub use moment::moment;
pub use scope::Scope;
pub use trouble::{Cause, Clash, Trouble};
pub use watch::{Event, Key, Unread, watch};
