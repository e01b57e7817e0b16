//! Peers: `workloads` and `cidr`.

use super::{
    block::block,
    fields::{Fields, clause},
    name,
};
use crate::{
    Code,
    diagnostic::Report,
    document::{PeerDocument, WorkloadsDocument},
    yaml::{Entry, Node, Value},
};
use bookend_engine::Labels;

/// An element of `from` or `to`.
pub(super) fn peer(node: &Node, report: &mut Report) -> Option<PeerDocument> {
    let mut fields = Fields::of(node, "peer", report)?;
    let (workloads_node, cidr, except) = (fields.get("workloads"), fields.get("cidr"), fields.get("except"));
    let (place, unknown) = (fields.place(), fields.has_unknown());
    let peer = match (workloads_node, cidr, except) {
        (Some(node), None, None) => workloads(node, report).map(PeerDocument::Workloads),
        (None, Some(cidr), except) => block(cidr, except, report).map(PeerDocument::Block),
        (None, None, Some(_)) => {
            report.add(Code::BadPeer, place, "`except` needs the `cidr` it is taken from", "add `cidr`");
            None
        }
        // What it says instead is refused below, which is the better thing to read.
        (None, None, None) if unknown => None,
        (None, None, None) => {
            report.add(
                Code::BadPeer,
                place,
                "the peer says neither `workloads` nor `cidr`",
                "add one of them; to mean everybody, leave the list out",
            );
            None
        }
        (Some(_), _, _) => {
            report.add(
                Code::BadPeer,
                place,
                "the peer says both `workloads` and `cidr`",
                "write two entries in the list to mean either",
            );
            None
        }
    };
    fields.finish_with(elsewhere, report);
    peer
}

/// The cure for what stands in a peer and belongs into its selector, or is called otherwise in Kubernetes.
fn elsewhere(entry: &Entry) -> Option<String> {
    match entry.key.as_str() {
        field @ ("namespace" | "labels" | "matchExpressions" | "serviceAccounts") => {
            Some(format!("put it into a selector: `workloads: {{ {field}: … }}`"))
        }
        "podSelector" | "namespaceSelector" => {
            Some("write `workloads: { namespace: …, labels: … }`".to_owned())
        }
        "ipBlock" => Some("write `cidr` and `except` themselves".to_owned()),
        _ => None,
    }
}

/// The cure for what stands in a selector and is a label, or is called otherwise in Kubernetes.
fn label(entry: &Entry) -> Option<String> {
    match &entry.value.value {
        _ if entry.key == "matchLabels" => Some("write `labels`".to_owned()),
        Value::Scalar(scalar)
            if scalar.kind() == "string" && entry.key.len() + scalar.text.len() <= MAX_QUOTED =>
        {
            Some(format!("write `labels: {{ {}: {} }}`", entry.key, scalar.text))
        }
        _ => None,
    }
}

/// The longest key and value that a cure repeats, in bytes.
const MAX_QUOTED: usize = 100;

/// `workloads: {…}`.
pub(super) fn workloads(node: &Node, report: &mut Report) -> Option<WorkloadsDocument> {
    let mut fields = Fields::of(node, "workloads selector", report)?;
    let namespace = fields.get("namespace").map(|node| name::name(node, "namespace", 63, report));
    let labels = match fields.get("labels") {
        None => Some(Labels::new()),
        Some(node) => name::labels(node, "labels", report),
    };
    let expressions = clause(fields.get("matchExpressions"), "matchExpressions", report, name::expression);
    let service_accounts =
        clause(fields.get("serviceAccounts"), "serviceAccounts", report, |node, report| {
            name::name(node, "serviceAccounts", 253, report).map(|name| name.value)
        });
    fields.finish_with(label, report);
    Some(WorkloadsDocument {
        span: node.span,
        namespace: match namespace {
            None => None,
            Some(read) => Some(read?),
        },
        labels: labels?,
        expressions: expressions?.alternatives().unwrap_or_default().to_vec(),
        service_accounts: service_accounts?,
    })
}
