//! Documents to text, as a person would have written them: the shortest form that says the same, in the layout of
//! [`format`](crate::format()). Reading what is written gives the same program; a property test holds it.

mod fact;
mod http;
mod page;
mod peer;
mod policy;
mod tree;

pub(crate) use fact::{host, inventory, network, tier};
pub(crate) use page::{Page, Part};
pub(crate) use policy::{at, isolation, rule};
pub(crate) use tree::Tree;
