//! Where Calico's tiers are among those of the network plane.

use std::collections::BTreeMap;

use crate::{
    Code,
    diagnostic::Report,
    document::CalicoTier,
    lower::{
        facts::unique,
        surroundings::{
            NETWORK_ADMIN_TIER, NETWORK_BASELINE_TIER, NETWORK_TIER, PROFILES_TIER, PROFILES_TIER_ORDER, Tier,
        },
    },
};
use bookend_engine::Plane;

/// The name that a tier of Calico has here.
pub(super) fn name_of(tier: &str) -> String {
    match tier {
        "default" => NETWORK_TIER.to_owned(),
        other => format!("calico.{other}"),
    }
}

/// The name of a tier to Calico, by which those of one order are sorted.
fn calico_name(tier: &str) -> &str {
    match tier {
        NETWORK_ADMIN_TIER => "kube-admin",
        NETWORK_TIER => "default",
        NETWORK_BASELINE_TIER => "kube-baseline",
        other => other.strip_prefix("calico.").unwrap_or(other),
    }
}

/// Gives each tier a place: its own order where that is a whole number that nobody has, and one between its neighbours otherwise.
pub(crate) fn place(tiers: &mut BTreeMap<String, Tier>, documents: &[&CalicoTier], report: &mut Report) {
    unique(documents.iter().map(|t| (("", t.name.value.as_str()), t.name.span)), "tier", report);
    let fixed = tiers.iter().filter(|(name, tier)| tier.plane == Plane::Network && *name != PROFILES_TIER);
    let fixed = fixed
        .map(|(name, tier)| (f64::from(tier.order), calico_name(name).to_owned(), Some(tier.order), None));
    let described = documents.iter().filter(|document| !tiers.contains_key(&name_of(&document.name.value)));
    let described = described
        .map(|document| (document.order.value.number(), document.name.value.clone(), None, Some(*document)));
    let mut all: Vec<(f64, String, Option<u32>, Option<&CalicoTier>)> = fixed.chain(described).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    // Up from the lowest, each above the one before, and then down from the highest, each below the one after.
    let mut orders: Vec<u32> = Vec::with_capacity(all.len());
    for (number, _, fixed, _) in &all {
        let least = orders.last().map_or(1, |last| last.saturating_add(1));
        orders.push(fixed.unwrap_or_else(|| whole(*number).map_or(least, |own| own.max(least))));
    }
    let mut next = PROFILES_TIER_ORDER;
    for (order, (_, _, fixed, _)) in orders.iter_mut().zip(&all).rev() {
        if fixed.is_none() {
            *order = (*order).min(next.saturating_sub(1));
        }
        next = *order;
    }
    let mut before = 0;
    for (order, (_, _, _, document)) in orders.into_iter().zip(all) {
        if let Some(document) = document {
            if order <= before {
                let message =
                    format!("there is no room for the tier `{}` before the next", document.name.value);
                let cure = "give it an order that is a whole number of its own, from 1 on";
                report.add(Code::TierRoom, document.order.span, message, cure);
            }
            let tier = Tier { plane: Plane::Network, order, namespaced: true };
            tiers.insert(name_of(&document.name.value), tier);
        }
        before = order;
    }
}

/// The whole number at or below `number`, if it is one that a tier can have.
fn whole(number: f64) -> Option<u32> {
    let floor = number.floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, not negative and below 2^32 where it is taken"
    )]
    (1.0..f64::from(PROFILES_TIER_ORDER)).contains(&floor).then_some(floor as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Span,
        document::{Order, Spanned},
        lower::BUILT_IN_TIERS,
    };

    fn places(documents: &[(&str, Option<f64>)]) -> (Vec<(String, u32)>, bool) {
        let documents: Vec<CalicoTier> = documents
            .iter()
            .map(|(name, order)| CalicoTier {
                name: Spanned { value: (*name).to_owned(), span: Span::whole(0) },
                order: Spanned { value: Order(*order), span: Span::whole(0) },
                passes: false,
            })
            .collect();
        let mut tiers = BUILT_IN_TIERS.iter().map(|(name, tier)| ((*name).to_owned(), *tier)).collect();
        let mut report = Report::default();
        place(&mut tiers, &documents.iter().collect::<Vec<_>>(), &mut report);
        let mut found: Vec<(String, u32)> = tiers
            .into_iter()
            .filter_map(|(name, tier)| Some((name.strip_prefix("calico.")?.to_owned(), tier.order)))
            .collect();
        found.sort_by_key(|(_, order)| *order);
        (found, report.refuses())
    }

    fn check(documents: &[(&str, Option<f64>)], expected: &[(&str, u32)]) {
        let expected = expected.iter().map(|(name, order)| ((*name).to_owned(), *order)).collect();
        assert_eq!(places(documents), (expected, false), "{documents:?}");
    }

    #[test]
    fn tiers_keep_the_order_that_calico_gives_them() {
        check(&[("a", Some(100.0)), ("b", Some(200.0))], &[("a", 100), ("b", 200)]);
        check(&[("b", Some(100.0)), ("a", Some(100.0))], &[("a", 100), ("b", 101)]);
        check(&[("a", Some(100.7)), ("b", Some(100.2))], &[("b", 100), ("a", 101)]);
        check(&[("b", Some(-5.0)), ("a", Some(-7.5)), ("c", Some(0.0))], &[("a", 1), ("b", 2), ("c", 3)]);
        check(
            &[("late", None), ("later", None), ("x", Some(1e9))],
            &[("x", 10_000_001), ("late", 10_000_002), ("later", 10_000_003)],
        );
    }

    #[test]
    fn a_tier_beside_one_that_is_always_there_goes_by_its_name() {
        check(&[("a", Some(1e6)), ("z", Some(1e6))], &[("a", 999_999), ("z", 1_000_001)]);
        check(&[("y", Some(999_999.0)), ("a", Some(999_999.9))], &[("y", 999_998), ("a", 999_999)]);
    }

    #[test]
    fn where_there_is_no_room_that_is_said() {
        let many: Vec<(String, Option<f64>)> = (0..1_000).map(|n| (format!("t{n}"), Some(0.5))).collect();
        let many: Vec<(&str, Option<f64>)> =
            many.iter().map(|(name, order)| (name.as_str(), *order)).collect();
        assert!(places(&many).1);
        assert!(!places(many.get(1..).unwrap()).1);
    }
}
