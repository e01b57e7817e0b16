//! `kind: Tier`.

use super::{
    fields::{Fields, boolean, integer, optional},
    name,
};
use crate::{
    diagnostic::Report,
    document::{Spanned, TierDocument},
};

/// The largest `order` of a tier; the smallest is 1.
const MAX_ORDER: i64 = 1_000_000;

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
    let namespaced = spec.get("namespaced").map(|node| boolean(node, "namespaced", report));
    spec.finish(report);
    let (metadata, order, namespaced) = (metadata?, order?, optional(namespaced)?);
    Some(TierDocument { name: metadata.name, order, namespaced: namespaced.unwrap_or(false) })
}
