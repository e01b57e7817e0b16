//! Names and labels, by the rules of Kubernetes.

use super::fields::{Fields, string, wrong_type};
use crate::{
    Code,
    diagnostic::Report,
    document::Spanned,
    limit,
    yaml::{Node, Value},
};
use bookend_engine::{LabelExpression, LabelExpressionError, Labels};

/// `metadata`: namespace (default `default`, as `kubectl` has it) and name.
pub(crate) struct Metadata<'n> {
    pub(crate) namespace: String,
    pub(crate) name: Spanned<String>,
    pub(crate) labels: Option<&'n Node>,
    pub(crate) annotations: Option<&'n Node>,
}

/// `metadata` of what lies in no namespace.
pub(crate) struct ClusterMetadata<'n> {
    pub(crate) name: Spanned<String>,
    pub(crate) labels: Option<&'n Node>,
    pub(crate) annotations: Option<&'n Node>,
}

/// Reads `metadata`. What a Kubernetes API server adds to it is known and not used.
pub(crate) fn metadata<'n>(fields: &mut Fields<'n>, report: &mut Report) -> Option<Metadata<'n>> {
    let mut meta = Fields::of(fields.required("metadata", report)?, "metadata", report)?;
    let namespace = match meta.get("namespace") {
        None => Some("default".to_owned()),
        Some(node) => self::name(node, "namespace", 63, report).map(|name| name.value),
    };
    let (name, labels, annotations) = rest(meta, report);
    Some(Metadata { namespace: namespace?, name: name?, labels, annotations })
}

/// Reads `metadata` of what lies in no namespace; `what` is for the message about one that is named all the same.
pub(crate) fn cluster_metadata<'n>(
    fields: &mut Fields<'n>,
    what: &str,
    report: &mut Report,
) -> Option<ClusterMetadata<'n>> {
    let mut meta = Fields::of(fields.required("metadata", report)?, "metadata", report)?;
    let namespace = meta.get("namespace");
    if let Some(node) = namespace {
        let message = format!("a {what} lies in no namespace");
        report.add(Code::UnknownField, node.span, message, "remove `namespace`");
    }
    let (name, labels, annotations) = rest(meta, report);
    let name = name?;
    namespace.is_none().then_some(ClusterMetadata { name, labels, annotations })
}

/// The name, labels and annotations.
fn rest<'n>(
    mut meta: Fields<'n>,
    report: &mut Report,
) -> (Option<Spanned<String>>, Option<&'n Node>, Option<&'n Node>) {
    let name = meta.required("name", report).and_then(|node| name(node, "name", 253, report));
    let (labels, annotations) = (meta.get("labels"), meta.get("annotations"));
    for server in [
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
        "generateName",
        "ownerReferences",
        "finalizers",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
    ] {
        meta.get(server);
    }
    meta.finish(report);
    (name, labels, annotations)
}

/// A DNS-1123 label (or, where `longest` exceeds 63, subdomain).
pub(crate) fn name(node: &Node, what: &str, longest: usize, report: &mut Report) -> Option<Spanned<String>> {
    let text = string(node, what, report)?;
    let part = |label: &str| {
        !label.is_empty()
            && label.len() <= longest
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let dotted = longest > 63;
    let good = text.value.len() <= longest
        && if dotted { text.value.split('.').all(part) } else { part(&text.value) };
    if !good {
        let message = format!("`{}` is not a name", text.value);
        let letters = if dotted { "`0`–`9`, `-` and `.`" } else { "`0`–`9` and `-`" };
        let cure =
            format!("use at most {longest} of `a`–`z`, {letters}, with a letter or digit at both ends");
        report.add(Code::BadName, text.span, message, cure);
        return None;
    }
    Some(text)
}

/// The labels of a document of Bookend's own. Labels and annotations that an API server would refuse are refused here
/// too: they say nothing to Bookend, but a document that is read here is valid there.
pub(crate) fn described(
    labels: Option<&Node>,
    annotations: Option<&Node>,
    report: &mut Report,
) -> Option<Labels> {
    let labels = labels.map_or(Some(Labels::new()), |node| self::labels(node, "labels", report));
    let annotations = annotations.map_or(Some(()), |node| {
        let Value::Mapping(entries) = &node.value else {
            wrong_type(node, "annotations", "a mapping", report);
            return None;
        };
        let read: Vec<_> = entries.iter().map(|entry| string(&entry.value, &entry.key, report)).collect();
        read.iter().all(Option::is_some).then_some(())
    });
    annotations.and(labels)
}

/// A mapping of labels.
pub(crate) fn labels(node: &Node, what: &'static str, report: &mut Report) -> Option<Labels> {
    let Value::Mapping(entries) = &node.value else {
        wrong_type(node, what, "a mapping", report);
        return None;
    };
    let mut labels = Labels::new();
    let mut sound = true;
    for entry in entries {
        let key = label_key(&entry.key);
        if !key {
            let message = format!("`{}` is not a label key", entry.key);
            report.add(
                Code::BadLabel,
                entry.key_span,
                message,
                "use `name` or `prefix/name`, at most 63 characters each side",
            );
        }
        match string(&entry.value, &entry.key, report) {
            Some(value) if label_value(&value.value) => {
                labels.insert(entry.key.clone(), value.value);
                sound &= key;
            }
            Some(value) => {
                let message = format!("`{}` is not a label value", value.value);
                report.add(
                    Code::BadLabel,
                    value.span,
                    message,
                    "use at most 63 letters, digits, `-`, `_` and `.`",
                );
                sound = false;
            }
            None => sound = false,
        }
    }
    sound.then_some(labels)
}

/// An element of `matchExpressions`.
pub(crate) fn expression(node: &Node, report: &mut Report) -> Option<LabelExpression> {
    let mut fields = Fields::of(node, "label expression", report)?;
    let key = fields.required("key", report).and_then(|node| {
        let key = string(node, "key", report)?;
        if !label_key(&key.value) {
            let message = format!("`{}` is not a label key", key.value);
            report.add(Code::BadLabel, key.span, message, "use `name` or `prefix/name`");
            return None;
        }
        Some(key.value)
    });
    let operator = fields.required("operator", report).and_then(|node| string(node, "operator", report));
    let values_node = fields.get("values");
    let part = operator.as_ref().is_some_and(|operator| {
        ["StartsWith", "EndsWith", "Contains"].iter().any(|affix| operator.value.ends_with(affix))
    });
    let values = super::fields::distinct(values_node, "values", limit::VALUES, report, |node, report| {
        let value = string(node, "values", report)?;
        let (sound, what) = match part {
            true => (label_part(&value.value), "part of a label value"),
            false => (label_value(&value.value), "label value"),
        };
        if !sound {
            let message = format!("`{}` is not a {what}", value.value);
            let least = if part { "1 to 63" } else { "at most 63" };
            let cure = format!("use {least} letters, digits, `-`, `_` and `.`");
            report.add(Code::BadLabel, value.span, message, cure);
            return None;
        }
        Some(value.value)
    });
    fields.finish(report);
    let (key, operator, values) = (key?, operator?, values?);
    let refuse = |report: &mut Report, message: &str, cure: &str| {
        let span = values_node.map_or(operator.span, |node| node.span);
        report.add(Code::UnknownOperator, span, format!("`{}` {message}", operator.value), cure);
        None
    };
    match LabelExpression::of(&operator.value, key, values) {
        Ok(expression) => Some(expression),
        Err(LabelExpressionError::NoValues) => refuse(report, "needs `values`", "add `values`"),
        Err(LabelExpressionError::Values) => refuse(report, "has no `values`", "remove `values`"),
        Err(LabelExpressionError::UnknownOperator) => {
            let message = format!("`{}` is not a label operator", operator.value);
            let cure = "write `In`, `Exists`, `StartsWith`, `EndsWith` or `Contains`, or `NotIn`, `DoesNotExist`, \
                        `NotStartsWith`, `NotEndsWith` or `NotContains`";
            report.add(Code::UnknownOperator, operator.span, message, cure);
            None
        }
    }
}

fn label_name(name: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    name.len() <= 63
        && ends(name.chars().next())
        && ends(name.chars().next_back())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Whether Kubernetes takes it for the key of a label.
pub(crate) fn label_key(key: &str) -> bool {
    match key.split_once('/') {
        None => label_name(key),
        Some((prefix, name)) => {
            let dns = |label: &str| {
                !label.is_empty()
                    && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            };
            prefix.len() <= 253 && prefix.split('.').all(dns) && label_name(name)
        }
    }
}

/// Whether Kubernetes takes it for the value of a label.
pub(crate) fn label_value(value: &str) -> bool {
    value.is_empty() || label_name(value)
}

/// What some label value can have in it. Nothing is in every value, which nobody means who writes it.
pub(crate) fn label_part(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=63).contains(&text.len()) && text.chars().all(known)
}
