//! `Tier`.

use super::{field, policy::order};
use crate::{
    Code,
    decode::{
        container::present,
        fields::{Fields, optional, word},
        name,
    },
    diagnostic::Report,
    document::{CalicoTier, Order, Spanned},
};

/// The tier of a policy that names none.
pub(super) const DEFAULT: &str = "default";

/// The tiers that are always there: their names, orders, whether they deny at their ends, and whether Calico puts the policies of
/// Kubernetes there and takes no others. Of each pair of names the first is of later versions.
const OWN: [(&str, f64, bool, bool); 5] = [
    ("kube-admin", 1_000.0, false, true),
    ("adminnetworkpolicy", 1_000.0, false, true),
    (DEFAULT, 1_000_000.0, true, false),
    ("kube-baseline", 10_000_000.0, false, true),
    ("baselineadminnetworkpolicy", 10_000_000.0, false, true),
];

/// Whether a tier takes no policies of Calico.
pub(super) fn is_for_others(name: &str) -> bool {
    OWN.iter().any(|(own, _, _, others)| *own == name && *others)
}

/// Reads a tier; nothing where it is one of those that are always there.
pub(super) fn tier(mut fields: Fields<'_>, report: &mut Report) -> Option<CalicoTier> {
    let metadata = name::cluster_metadata(&mut fields, "tier", report)
        .filter(|meta| field::described(meta.labels, meta.annotations, report));
    let spec_node = present(&mut fields, "spec");
    fields.get("status");
    let place = fields.place();
    fields.finish(report);
    let (order, span, denies) = match spec_node {
        None => (Order(None), place, None),
        Some(node) => {
            let mut spec = Fields::of(node, "tier's spec", report)?;
            let order = order(&mut spec, report);
            let denies = present(&mut spec, "defaultAction")
                .map(|node| word(node, "defaultAction", &[("Deny", true), ("Pass", false)], report));
            let span = spec.place();
            spec.finish(report);
            (order?, span, optional(denies)?)
        }
    };
    let name = metadata?.name;
    let Some((_, number, usual, _)) = OWN.iter().find(|(own, ..)| *own == name.value) else {
        let order = Spanned { value: order, span };
        return Some(CalicoTier { name, order, passes: denies == Some(false) });
    };
    // Calico refuses to change them. A version before there was a default action prints none.
    let same = order.0 == Some(*number) && denies.is_none_or(|denies| denies == *usual);
    if !same {
        let action = if *usual { "Deny" } else { "Pass" };
        let message =
            format!("the tier `{}` has the order {number} and the default action `{action}`", name.value);
        report.add(Code::ReservedTier, span, message, "leave the document out; the tier is always there");
    }
    None
}
