//! Hosts (S50).

use super::super::fields::text;
use crate::{diagnostic::Report, document::Spanned, yaml::Node};

/// An element of `hosts`.
pub(super) fn host(node: &Node, report: &mut Report) -> Option<Spanned<String>> {
    text(node, "hosts", 300, report)
}
