//! Label selectors: an empty one means everything, and what is left out nothing at all.

use super::values::{items, mapping};
use crate::{
    Code, Span,
    decode::{
        NAMESPACE_NAME,
        container::present,
        fields::{Fields, quoted, string},
        name,
    },
    diagnostic::Report,
    document::{NamespacesDocument, Spanned, WorkloadsDocument},
    yaml::Node,
};
use bookend_engine::{Clause, HOST_LABEL, LabelExpression, LabelMatch, Labels};

/// A label selector.
pub(super) fn selector(node: &Node, what: &'static str, report: &mut Report) -> Option<LabelMatch> {
    let mut fields = mapping(node, what, report)?;
    let labels = match present(&mut fields, "matchLabels") {
        None => Some(Labels::new()),
        Some(node) => name::labels(node, "matchLabels", report),
    };
    let expressions = items(&mut fields, "matchExpressions", report, expression);
    let unknown = fields.has_unknown();
    fields.finish(report);
    let selector = LabelMatch { labels: labels?, expressions: expressions?.unwrap_or_default() };
    (!unknown).then_some(selector)
}

/// An element of `matchExpressions`. The operators are those of Kubernetes; Bookend has more.
fn expression(node: &Node, report: &mut Report) -> Option<LabelExpression> {
    let mut fields = Fields::of(node, "label expression", report)?;
    let key = fields.required("key", report).and_then(|node| key(node, report));
    let operator = fields.required("operator", report).and_then(|node| string(node, "operator", report));
    let values = items(&mut fields, "values", report, value);
    fields.finish(report);
    let (key, operator, values) = (key?, operator?, values?.unwrap_or_default());
    let refuse = |report: &mut Report, message: &str, cure: &str| {
        report.add(Code::UnknownOperator, operator.span, format!("`{}` {message}", operator.value), cure);
        None
    };
    let values = Clause::one_of(values);
    match (operator.value.as_str(), values) {
        ("In", Ok(values)) => Some(LabelExpression::In { key, values }),
        ("NotIn", Ok(values)) => Some(LabelExpression::NotIn { key, values }),
        ("Exists", Err(_)) => Some(LabelExpression::Exists { key }),
        ("DoesNotExist", Err(_)) => Some(LabelExpression::DoesNotExist { key }),
        ("In" | "NotIn", Err(_)) => refuse(report, "needs `values`", "add `values`"),
        ("Exists" | "DoesNotExist", Ok(_)) => refuse(report, "has no `values`", "remove `values`"),
        _ => refuse(report, "is not a label operator", "write `In`, `NotIn`, `Exists` or `DoesNotExist`"),
    }
}

fn key(node: &Node, report: &mut Report) -> Option<String> {
    let key = string(node, "key", report)?;
    if !name::label_key(&key.value) {
        let message = format!("`{}` is not a label key", quoted(&key.value));
        report.add(Code::BadLabel, key.span, message, "use `name` or `prefix/name`");
        return None;
    }
    Some(key.value)
}

fn value(node: &Node, report: &mut Report) -> Option<String> {
    let value = string(node, "values", report)?;
    if !name::label_value(&value.value) {
        let message = format!("`{}` is not a label value", quoted(&value.value));
        report.add(Code::BadLabel, value.span, message, "use at most 63 letters, digits, `-`, `_` and `.`");
        return None;
    }
    Some(value.value)
}

/// Pods by their labels, in these namespaces.
pub(super) fn pods(span: Span, namespaces: NamespacesDocument, selector: LabelMatch) -> WorkloadsDocument {
    let LabelMatch { labels, mut expressions } = selector;
    // A host is a workload (S76), and no pod.
    expressions.push(LabelExpression::DoesNotExist { key: HOST_LABEL.to_owned() });
    let service_accounts = Clause::Any;
    WorkloadsDocument { span, namespaces, labels, expressions, service_accounts, proxied: None }
}

/// Namespaces by their labels. The label that every namespace has, its name, means that one, known or not (S40).
pub(super) fn namespaces(span: Span, selector: LabelMatch) -> NamespacesDocument {
    let one = selector.labels.len() == 1 && selector.expressions.is_empty();
    match selector.labels.get(NAMESPACE_NAME).filter(|_| one) {
        Some(name) => NamespacesDocument::Named(Spanned { value: name.clone(), span }),
        None => NamespacesDocument::Labelled(Spanned { value: selector, span }),
    }
}
