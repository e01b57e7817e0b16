//! What an expression looks at in one end of a connection.

use alloc::vec::Vec;

use super::{attribute::Attribute, node::Node};
use crate::End;

/// What an expression looks at in one end.
#[derive(Debug, Default)]
pub(crate) struct Looks<'e> {
    /// Who is there: namespace, account or labels.
    pub(crate) identity: bool,
    /// The principal.
    pub(crate) principal: bool,
    /// The keys of labels.
    pub(crate) labels: Vec<&'e str>,
}

impl<'e> Looks<'e> {
    pub(super) fn of(node: &'e Node, end: End) -> Self {
        let mut looks = Self::default();
        node.visit(&mut |attribute| match attribute {
            Attribute::Namespace(at) | Attribute::ServiceAccount(at) => looks.identity |= *at == end,
            Attribute::Label(at, key) if *at == end => {
                looks.identity = true;
                looks.labels.push(key);
            }
            Attribute::Principal => looks.principal |= end == End::Source,
            _ => {}
        });
        looks
    }
}
