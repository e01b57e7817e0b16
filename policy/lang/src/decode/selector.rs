//! Selectors: of workloads, and of whatever has labels.

use super::{
    fields::{Fields, boolean, distinct, into_list, optional},
    name,
};
use crate::{
    Code,
    diagnostic::Report,
    document::{NamespacesDocument, Spanned, WorkloadsDocument},
    limit,
    yaml::{Entry, Node, Value},
};
use bookend_engine::{LabelMatch, Labels};

/// The longest key and value that a cure repeats, in bytes.
const MAX_QUOTED: usize = 100;

/// `workloads: {…}`.
pub(crate) fn workloads(node: &Node, report: &mut Report) -> Option<WorkloadsDocument> {
    let mut fields = Fields::of(node, "workloads selector", report)?;
    let (named, labelled) = (fields.get("namespace"), fields.get("namespaces"));
    let namespaces = match (named, labelled) {
        (None, None) => Some(NamespacesDocument::Own),
        (Some(node), None) => name::name(node, "namespace", 63, report).map(NamespacesDocument::Named),
        (None, Some(node)) => {
            labelled_selector(node, "namespaces selector", report).map(NamespacesDocument::Labelled)
        }
        (Some(first), Some(second)) => {
            let message = "the selector says both `namespace` and `namespaces`";
            let related = (first.span, "one namespace, by name");
            report.add_related(Code::Conflict, second.span, message, "keep one of them", related);
            None
        }
    };
    let selector = conditions(&mut fields, report);
    let service_accounts =
        distinct(fields.get("serviceAccounts"), "serviceAccounts", limit::VALUES, report, |node, report| {
            name::name(node, "serviceAccounts", 253, report).map(|name| name.value)
        });
    let proxied = optional(fields.get("proxy").map(|node| boolean(node, "proxy", report)));
    fields.finish_with(label, report);
    let (namespaces, selector) = (namespaces?, selector?);
    Some(WorkloadsDocument {
        span: node.span,
        namespaces,
        labels: selector.labels,
        expressions: selector.expressions,
        service_accounts: service_accounts?,
        proxied: proxied?,
    })
}

/// A mapping of nothing but `labels` and `matchExpressions`.
pub(crate) fn labelled_selector(
    node: &Node,
    what: &'static str,
    report: &mut Report,
) -> Option<Spanned<LabelMatch>> {
    let mut fields = Fields::of(node, what, report)?;
    let selector = conditions(&mut fields, report);
    let unknown = fields.has_unknown();
    fields.finish_with(label, report);
    selector.filter(|_| !unknown).map(|value| Spanned { value, span: node.span })
}

/// `labels` and `matchExpressions`.
fn conditions(fields: &mut Fields<'_>, report: &mut Report) -> Option<LabelMatch> {
    let labels = match fields.get("labels") {
        None => Some(Labels::new()),
        Some(node) => match name::labels(node, "labels", report) {
            Some(labels) if labels.is_empty() => {
                let cure = "leave `labels` out to mean any";
                report.add(Code::EmptyMapping, node.span, "`labels` is an empty mapping", cure);
                None
            }
            labels => labels,
        },
    };
    let expressions =
        distinct(fields.get("matchExpressions"), "matchExpressions", limit::PARTS, report, name::expression);
    Some(LabelMatch { labels: labels?, expressions: into_list(expressions?) })
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
