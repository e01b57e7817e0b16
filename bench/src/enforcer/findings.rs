//! All that was measured.

use super::control::{Edit, Start};
use super::network::{Subject, Throughput};
use super::packets::{Cost, Packets, Shape};
use super::traffic::Load;
use super::update::Update;
use crate::spread::Spread;

/// Everything there is to report; what was not asked for is not there.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) packets: Option<Packets>,
    pub(super) network: Vec<Throughput>,
    pub(super) starts: Vec<Start>,
    pub(super) edits: Vec<Edit>,
    pub(super) updates: Vec<Update>,
    pub(super) remarks: Vec<String>,
}

impl Findings {
    /// What packets of a shape cost.
    pub(super) fn costs(&self, shape: Shape) -> impl Iterator<Item = &Cost> {
        self.packets.iter().flat_map(|packets| &packets.costs).filter(move |cost| cost.subject.shape == shape)
    }

    /// The least part of a load that goes through under Bookend, of what goes through without, and under how many rules.
    pub(super) fn least_share(&self, load: Load) -> Option<(usize, Spread)> {
        let ours = self.network.iter().filter(|it| it.load == load && it.variant.subject == Subject::Bookend);
        ours.map(|it| (it.variant.rules, it.share)).min_by(|a, b| a.1.median.total_cmp(&b.1.median))
    }

    /// What one more of something takes, in bytes of the enforcer and of the kernel: of identities, rules and workloads.
    pub(super) fn each(&self) -> Vec<(&'static str, f64, f64)> {
        let Some((least, others)) = self.starts.split_first() else { return Vec::new() };
        let before = least.estate;
        let more = others.iter().filter_map(|other| {
            let after = other.estate;
            let grown = [
                ("identity", after.identities - before.identities),
                ("rule", after.rules - before.rules),
                ("workload here", after.local - before.local),
            ];
            let mut grown = grown.into_iter().filter(|(_, by)| *by > 0);
            // Where several have grown, nobody can say what is due to which.
            let (Some((what, by)), None) = (grown.next(), grown.next()) else { return None };
            let each = |after: u64, before: u64| (bytes(after) - bytes(before)) / bytes(by as u64);
            Some((
                what,
                each(other.memory.resident, least.memory.resident),
                each(other.memory.kernel(), least.memory.kernel()),
            ))
        });
        more.collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes of memory are far from 2^52")]
fn bytes(number: u64) -> f64 {
    number as f64
}
