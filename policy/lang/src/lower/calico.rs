//! Calico's policies, with what their meaning depends on: the order of all of them, tiers, service accounts, sets, Services.

mod context;
mod end;
mod form;
mod meaning;
mod policy;
mod selection;
mod tier;

pub(crate) use context::Context;
pub(super) use context::{context, networks};
pub(crate) use policy::policy;
pub(super) use tier::place;
