//! A program and an inventory, lowered to the exact contents of the kernel's tables, and their difference.
//!
//! [`Plan::build`] asks the engine every question a packet could pose at the interfaces of this host and writes the
//! answers down in the form of [`bookend_abi::table`]. [`Plan::change_from`] orders the writes that lead from one plan
//! to the next.
//!
//! How a policy is lowered. For each workload with an interface on this host, and each direction:
//! 1. The rules that can concern it are picked (`local`).
//! 2. Addresses fall into classes that none of these rules tells apart (`block`): the contents of `blocks`.
//! 3. The peers fall into groups that none of these rules tells apart (`group`). A rule may ask both who a peer is and
//!    where; how classes and groups are still found one by one is said in `view`.
//! 4. For each group, class and protocol the engine judges each range of ports between the bounds that the rules
//!    name; the answers are covered with as few power-of-two ranges as can be (`port`): the contents of `verdicts`. For
//!    ICMP, type and code are the port. An answer is the verdict, and what an audit would say instead.
//! 5. What all of this has in common with the verdict on a stranger is left out: the policy's default.
//!
//! The contents are named by their hash ([`Number`](number)), so workloads that are treated alike share them and a
//! policy in the kernel never changes: a workload is switched from one to another by writing one value.
//!
//! **This crate does not** know what a policy means (it asks `bookend-engine`), read documents, load or write kernel
//! maps, or know interface indexes. It does no I/O.
#![forbid(unsafe_code)]

mod block;
mod change;
mod configured;
mod difference;
mod error;
mod family;
mod group;
mod interface;
mod local;
mod lower;
mod moving;
mod name;
mod near;
pub mod number;
mod plan;
mod planner;
mod policy;
mod port;
mod remote;
mod render;
mod service;
mod size;
mod tables;
mod view;
mod world;

pub use bookend_engine::{Inventory, Role};
pub use change::{Change, Step};
pub use configured::ConfiguredError;
pub use error::PlanError;
pub use interface::{InterfacePlan, role_flags, role_of};
pub use name::KnownIdentity;
pub use plan::Plan;
pub use planner::Planner;
pub use policy::PolicyContents;
pub use size::Sizes;
