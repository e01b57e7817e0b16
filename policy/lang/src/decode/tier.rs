//! `kind: Tier`.

use super::{
    fields::{Fields, boolean, integer, optional, string},
    name,
};
use crate::{
    Code,
    diagnostic::Report,
    document::{Spanned, TierDocument},
    yaml::Node,
};
use bookend_engine::Plane;

/// The largest `order` of a tier; the smallest is 1. Orders of Calico's own tiers fit.
const MAX_ORDER: i64 = 100_000_000;

/// Reads a tier.
pub(super) fn tier(mut fields: Fields<'_>, report: &mut Report) -> Option<TierDocument> {
    let metadata = name::cluster_metadata(&mut fields, "tier", report).and_then(|metadata| {
        name::described(metadata.labels, metadata.annotations, report)?;
        Some(metadata)
    });
    let spec = fields.required("spec", report).and_then(|node| Fields::of(node, "tier's spec", report));
    fields.get("status");
    fields.finish(report);
    let mut spec = spec?;
    let order = spec.required("order", report).and_then(|node| {
        let order = integer(node, "order", 1..=MAX_ORDER, report)?;
        Some(Spanned { value: u32::try_from(order).ok()?, span: node.span })
    });
    let plane = spec.get("plane").map(|node| plane(node, report));
    let namespaced = spec.get("namespaced").map(|node| boolean(node, "namespaced", report));
    spec.finish(report);
    let (metadata, order) = (metadata?, order?);
    let (plane, namespaced) = (optional(plane)?.unwrap_or_default(), optional(namespaced)?.unwrap_or(false));
    Some(TierDocument { name: metadata.name, order, plane, namespaced })
}

/// `bookend`, `network` or `mesh`.
fn plane(node: &Node, report: &mut Report) -> Option<Plane> {
    let word = string(node, "plane", report)?;
    let found = Plane::ALL.into_iter().find(|plane| plane.name() == word.value);
    if found.is_none() {
        let message = format!("there is no plane `{}`", word.value);
        report.add(Code::UnknownWord, word.span, message, "write `bookend`, `network` or `mesh`");
    }
    found
}
