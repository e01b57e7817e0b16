//! Tiers, by name: those that are described, and those that are always there.

use std::collections::BTreeMap;

use super::{
    facts::unique,
    surroundings::{BUILT_IN_TIERS, Tier},
};
use crate::{Code, Span, diagnostic::Report, document::TierDocument};
use bookend_engine::Plane;

/// Every tier.
pub(super) fn tiers(documents: &[&TierDocument], report: &mut Report) -> BTreeMap<String, Tier> {
    unique(documents.iter().map(|t| (("", t.name.value.as_str()), t.name.span)), "tier", report);
    let mut tiers: BTreeMap<String, Tier> = BTreeMap::new();
    // Who has an order first: a built-in tier has no place.
    let mut orders: BTreeMap<(Plane, u32), (&str, Option<Span>)> = BTreeMap::new();
    for (name, tier) in BUILT_IN_TIERS {
        tiers.insert(name.to_owned(), tier);
        orders.insert((tier.plane, tier.order), (name, None));
    }
    for document in documents {
        let name = &document.name.value;
        if let Some((_, tier)) = BUILT_IN_TIERS.iter().find(|(built_in, _)| built_in == name) {
            let message = format!("the tier `{name}` is built in, with order {}", tier.order);
            report.add(
                Code::BuiltInTier,
                document.name.span,
                message,
                "remove the document, or give its tier another name",
            );
            continue;
        }
        // That there are two of the name is said already.
        if tiers.contains_key(name) {
            continue;
        }
        let order = document.order.value;
        let place = (document.plane, order);
        match orders.get(&place) {
            None => {
                orders.insert(place, (name, Some(document.order.span)));
            }
            Some((other, place)) => {
                let message = format!("the tiers `{name}` and `{other}` have the same order {order}");
                let cure = "give it another number";
                match place {
                    Some(place) => {
                        let related = (*place, "the other tier");
                        report.add_related(Code::TierOrder, document.order.span, message, cure, related);
                    }
                    None => report.add(Code::TierOrder, document.order.span, message, cure),
                }
            }
        }
        let TierDocument { plane, namespaced, .. } = **document;
        tiers.insert(name.clone(), Tier { plane, order, namespaced });
    }
    tiers
}
