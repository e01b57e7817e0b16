//! All that was measured.

use super::rounds::Cost;
use super::rules::{Kind, Rules};
use super::upkeep::{Keeping, Taking};
use super::variant::{COUNTS, Subject, Variant};
use crate::spread::Spread;

/// The result of a run.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) costs: Vec<Cost>,
    pub(super) taking: Vec<Taking>,
    pub(super) keeping: Vec<Keeping>,
    /// The size of the module, in bytes.
    pub(super) module_size: u64,
    /// What the reader must know.
    pub(super) remarks: Vec<String>,
}

impl Findings {
    /// What a filter adds to a request, in microseconds, if it was measured.
    pub(super) fn added(&self, subject: Subject) -> Option<Spread> {
        let variant = Variant::of(subject);
        self.costs.iter().find(|cost| cost.variant == variant).map(|cost| cost.added)
    }

    /// The kind of rules for which something is most.
    pub(super) fn most(&self, of: impl Fn(Kind) -> Option<Spread>) -> Option<(Kind, Spread)> {
        let kinds = [Kind::Path, Kind::Principal, Kind::Label];
        let found = kinds.into_iter().filter_map(|kind| Some((kind, of(kind)?)));
        found.max_by(|(_, a), (_, b)| a.median.total_cmp(&b.median))
    }

    /// The number of rules from which Bookend's module is cheaper than Envoy's RBAC filter, between those that were
    /// measured on a straight line: a list costs by its length.
    #[expect(clippy::cast_precision_loss, reason = "at most ten thousand")]
    pub(super) fn break_even(&self, kind: Kind) -> Option<Spread> {
        let gaps: Vec<(f64, Spread)> = COUNTS
            .into_iter()
            .filter_map(|count| {
                let rules = Rules { kind, count };
                let gap = self.added(Subject::Rbac(rules))? - self.added(Subject::Module(rules))?;
                Some((count as f64, gap))
            })
            .collect();
        if let Some((count, _)) = gaps.first().filter(|(_, gap)| gap.median >= 0.0) {
            return Some(Spread::certain(*count));
        }
        gaps.windows(2).find_map(|pair| {
            let [(few, below), (many, above)] = pair else { return None };
            let slope = (above.median - below.median) / (many - few);
            let crossed = below.median < 0.0 && above.median >= 0.0;
            crossed.then(|| Spread { median: few - below.median / slope, doubt: below.doubt / slope })
        })
    }
}
