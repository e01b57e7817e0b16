//! Label and field selectors of lists and watches.
//!
//! Source: `k8s.io/apimachinery/pkg/labels` and the fields that each kind registers for selection.

use serde_json::Value;

use super::kind::Kind;
use super::refusal::{Outcome, Refusal};

/// What a list or a watch is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`.
    pub(crate) fn parse(kind: &Kind, labels: &str, fields: &str) -> Outcome<Self> {
        let labels = split(labels).iter().map(|part| requirement(part)).collect::<Outcome<_>>()?;
        let mut read = Vec::new();
        for part in fields.split(',').filter(|part| !part.is_empty()) {
            let (name, equal, value) = match part.split_once("!=") {
                Some((name, value)) => (name, false, value),
                None => {
                    let (name, value) = part.split_once('=').ok_or_else(|| {
                        Refusal::bad_request(format!("invalid selector: '{part}'; can't understand '{part}'"))
                    })?;
                    (name, true, value.strip_prefix('=').unwrap_or(value))
                }
            };
            if !selectable(kind, name) {
                return Err(Refusal::bad_request(format!("field label not supported: {name}")));
            }
            read.push((name.to_owned(), equal, value.to_owned()));
        }
        Ok(Self { labels, fields: read })
    }

    /// Whether it lets everything through.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether the object is among those that were asked for.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        let label = |key: &str| {
            object.get("metadata").and_then(|data| data.get("labels")?.get(key)).and_then(Value::as_str)
        };
        let listed = |key: &str, values: &[String]| {
            label(key).is_some_and(|value| values.iter().any(|wanted| wanted == value))
        };
        let labels = self.labels.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => listed(key, values),
            Requirement::NotIn(key, values) => !listed(key, values),
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Absent(key) => label(key).is_none(),
        });
        labels
            && self.fields.iter().all(|(path, equal, wanted)| {
                let found = object.pointer(&format!("/{}", path.replace('.', "/")));
                let found = match found {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Null) | None => default_of(path).to_owned(),
                    Some(other) => other.to_string(),
                };
                (found == *wanted) == *equal
            })
    }
}

fn default_of(path: &str) -> &'static str {
    if matches!(path, "spec.hostNetwork" | "spec.unschedulable") { "false" } else { "" }
}

fn selectable(kind: &Kind, field: &str) -> bool {
    if field == "metadata.name" || field == "metadata.namespace" && kind.namespaced {
        return true;
    }
    let more: &[&str] = match kind.id().as_str() {
        "pods" => &[
            "spec.nodeName",
            "spec.hostNetwork",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        "nodes" => &["spec.unschedulable"],
        "namespaces" => &["status.phase"],
        "secrets" => &["type"],
        "services" => &["spec.clusterIP", "spec.type"],
        "events" => &["involvedObject.kind", "involvedObject.name", "involvedObject.uid", "reason", "type"],
        _ => &[],
    };
    more.contains(&field)
}

/// Splits at commas outside of brackets.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut depth) = (Vec::new(), String::new(), 0_u32);
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(letter);
    }
    parts.push(part);
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn requirement(part: &str) -> Outcome<Requirement> {
    let broken = || Refusal::bad_request(format!("unable to parse requirement: `{part}`"));
    if let Some((head, values)) = part.split_once('(') {
        let values = values.strip_suffix(')').ok_or_else(broken)?;
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        let mut words = head.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(key), Some("in"), None) => Ok(Requirement::In(key.to_owned(), values)),
            (Some(key), Some("notin"), None) => Ok(Requirement::NotIn(key.to_owned(), values)),
            _ => Err(broken()),
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Ok(Requirement::NotIn(key.trim().to_owned(), vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = part.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        return Ok(Requirement::In(key.trim().to_owned(), vec![value.trim().to_owned()]));
    }
    if part.contains(char::is_whitespace) {
        return Err(broken());
    }
    Ok(match part.strip_prefix('!') {
        Some(key) => Requirement::Absent(key.trim().to_owned()),
        None => Requirement::Exists(part.to_owned()),
    })
}
