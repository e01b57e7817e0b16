//! The host enforcer: watches policy and inventory files and network interfaces, and keeps the kernel's tables and
//! programs as they say.
//!
//! Data flows one way: [`source`] → [`input`] (documents → plan) → [`enforcement`] (plan in force → next plan, in safe steps) →
//! [`host::Host`], which is [`kernel`] or, in tests, plain maps. [`run`] starts the `enforcer`, which connects them with a [`source`] (what the files say, and word when they change),
//! [`interfaces`] (links come and go), the [`guard`] behind the programs and the kernel's events, which [`journal`] writes down by [`names`].
//!
//! This crate must not know: what a policy means, or how a packet is judged.

pub mod attachment;
pub mod clock;
pub mod cni;
pub mod command;
pub mod detach;
pub mod dump;
pub mod enforcement;
mod enforcer;
pub mod failure;
pub mod guard;
mod haste;
pub mod health;
pub mod here;
pub mod host;
pub mod input;
pub mod interfaces;
pub mod journal;
pub mod kernel;
pub mod leave;
pub mod metrics;
pub mod names;
mod netlink;
mod page;
mod readiness;
pub mod report;
pub mod requirement;
pub mod run;
mod say;
pub mod server;
pub mod service;
mod sockets;
pub mod source;
pub mod status;
pub mod trace;
pub mod trial;
pub mod watch;
