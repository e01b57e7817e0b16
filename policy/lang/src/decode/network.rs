//! `kind: Network`, and the lists of addresses in an inventory.

use super::{
    block,
    fields::{Fields, distinct, into_list, string},
    inventory, name,
};
use crate::{
    Code,
    diagnostic::Report,
    document::NetworkDocument,
    yaml::{Node, Value},
};
use bookend_engine::{Block, IpNet};

/// The most blocks a Network may have. The largest cloud publishes some 8,000 prefixes.
const MAX_BLOCKS: usize = 10_000;

/// The most entries of `nodes`, `kubeApiserver` and `clusterCidrs`. Kubernetes is made for 5,000 nodes.
const MAX_ADDRESSES: usize = 20_000;

/// Reads a network.
pub(crate) fn network(mut fields: Fields<'_>, report: &mut Report) -> Option<NetworkDocument> {
    let metadata = name::cluster_metadata(&mut fields, "network", report).and_then(|metadata| {
        let labels = name::described(metadata.labels, metadata.annotations, report)?;
        Some((metadata.name, labels))
    });
    let spec = fields.required("spec", report).and_then(|node| Fields::of(node, "network's spec", report));
    fields.get("status");
    fields.finish(report);
    let mut spec = spec?;
    let dns_names = spec.get("dnsNames");
    if let Some(node) = dns_names {
        report.add(
            Code::NetworkOfNames,
            node.span,
            "a network cannot be made of DNS names yet",
            "write the addresses in `cidrs`",
        );
    }
    // With `dnsNames` alone it is the names that are wrong, and not that there are no blocks.
    let cidrs = match dns_names {
        None => spec.required("cidrs", report),
        Some(_) => spec.get("cidrs"),
    };
    let blocks = distinct(cidrs, "cidrs", MAX_BLOCKS, report, entry);
    spec.finish(report);
    let ((name, labels), blocks) = (metadata?, into_list(blocks?));
    (!blocks.is_empty() && dns_names.is_none()).then_some(NetworkDocument { name, labels, blocks })
}

/// A block, with exceptions or without.
fn entry(node: &Node, report: &mut Report) -> Option<Block> {
    if let Value::Mapping(_) = &node.value {
        let mut fields = Fields::of(node, "block", report)?;
        let (cidr, except) = (fields.required("cidr", report), fields.get("except"));
        let block = cidr.and_then(|cidr| block::block(cidr, except, report));
        fields.finish(report);
        return block;
    }
    block::block(node, None, report)
}

/// A list of blocks.
pub(crate) fn blocks(node: Option<&Node>, what: &str, report: &mut Report) -> Option<Vec<Block>> {
    distinct(node, what, MAX_ADDRESSES, report, |node, report| block::block(node, None, report))
        .map(into_list)
}

/// A list of addresses and blocks.
pub(crate) fn addresses(node: Option<&Node>, what: &str, report: &mut Report) -> Option<Vec<Block>> {
    let element = |node: &Node, report: &mut Report| {
        if string(node, what, report)?.value.contains('/') {
            return block::block(node, None, report);
        }
        single(node, report)
    };
    distinct(node, what, MAX_ADDRESSES, report, element).map(into_list)
}

/// The block of one address.
pub(crate) fn single(node: &Node, report: &mut Report) -> Option<Block> {
    Block::new(IpNet::from(inventory::address(node, report)?), Vec::new()).ok()
}
