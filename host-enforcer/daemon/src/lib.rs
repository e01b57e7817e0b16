//! The host enforcer: watch, reconcile, apply.

pub mod host;
pub mod kernel;
