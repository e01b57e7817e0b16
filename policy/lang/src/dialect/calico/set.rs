//! `NetworkSet` and `GlobalNetworkSet`.

use super::{entity::net, field, host::stored_labels};
use crate::{
    Code,
    decode::{container::present, fields::Fields, name},
    diagnostic::Report,
    document::CalicoSet,
};

/// A NetworkSet.
pub(super) fn networks(mut fields: Fields<'_>, report: &mut Report) -> Option<CalicoSet> {
    let metadata = name::metadata(&mut fields, report);
    let nets = nets(fields, report);
    let metadata = metadata.filter(|meta| field::described(None, meta.annotations, report))?;
    let labels = stored_labels(metadata.labels, metadata.annotations, report)?;
    Some(CalicoSet { namespace: Some(metadata.namespace), name: metadata.name, labels, nets: nets? })
}

/// A GlobalNetworkSet.
pub(super) fn global(mut fields: Fields<'_>, report: &mut Report) -> Option<CalicoSet> {
    let metadata = name::cluster_metadata(&mut fields, "set for the whole cluster", report);
    let nets = nets(fields, report);
    let metadata = metadata.filter(|meta| field::described(None, meta.annotations, report))?;
    let labels = stored_labels(metadata.labels, metadata.annotations, report)?;
    Some(CalicoSet { namespace: None, name: metadata.name, labels, nets: nets? })
}

fn nets(mut fields: Fields<'_>, report: &mut Report) -> Option<Vec<bookend_engine::IpNet>> {
    let spec = present(&mut fields, "spec").map(|node| Fields::of(node, "set's spec", report));
    fields.get("status");
    fields.finish(report);
    let Some(spec) = spec else { return Some(Vec::new()) };
    let mut spec = spec?;
    let nets = field::list(&mut spec, "nets", report, net);
    let domains = present(&mut spec, "allowedEgressDomains").map(|node| node.span);
    spec.finish(report);
    if let Some(span) = domains {
        let message = "a set cannot be made of names of domains, because nobody resolves them";
        report.add(Code::NetworkOfNames, span, message, "write the addresses in `nets`");
        return None;
    }
    let mut nets: Vec<_> = nets?.into_iter().map(|net| net.value).collect();
    nets.sort_unstable();
    nets.dedup();
    Some(nets)
}
