//! Networks, by name.

use std::collections::BTreeMap;

use super::{facts::unique, surroundings::Network};
use crate::{diagnostic::Report, document::NetworkDocument};

/// Every network that is described.
pub(super) fn networks(documents: &[&NetworkDocument], report: &mut Report) -> BTreeMap<String, Network> {
    unique(documents.iter().map(|n| (("", n.name.value.as_str()), n.name.span)), "network", report);
    let named = documents.iter().map(|document| {
        let network = Network { labels: document.labels.clone(), blocks: document.blocks.clone() };
        (document.name.value.clone(), network)
    });
    named.collect()
}
