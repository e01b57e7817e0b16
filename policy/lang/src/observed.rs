//! Workloads as somebody sees them run, beside what documents say.

use std::sync::Arc;

use crate::Source;
use bookend_engine::Instance;

/// A workload that is seen to run: who it is, in words that hardly change, and where it runs, which changes all the time.
///
/// It means what a Pod of this manifest and name means, and an inventory that gives the workload these instances. What is
/// equal by its pointers is not compared again, so whoever observes keeps the `Arc`s of what stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The name to show. It is taken in the place of the manifest's; no two sightings of a namespace have the same.
    pub name: Arc<str>,
    /// The manifest of one `v1` Pod. Its status is left alone. The source's name is for diagnostics.
    pub manifest: Arc<Source>,
    /// Where it runs. No two instances have an address or an interface in common.
    pub instances: Arc<[Instance]>,
}

impl Sighting {
    /// Whether it is the same workload, wherever it runs.
    pub(crate) fn is_who(&self, other: &Self) -> bool {
        let named = Arc::ptr_eq(&self.name, &other.name) || self.name == other.name;
        named && (Arc::ptr_eq(&self.manifest, &other.manifest) || self.manifest == other.manifest)
    }

    /// Whether it runs where `other` does.
    pub(crate) fn is_where(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.instances, &other.instances) || self.instances == other.instances
    }
}
