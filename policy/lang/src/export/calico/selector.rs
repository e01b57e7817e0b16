//! Calico's selectors.

use super::super::pods::{Pods, Requirement};

/// A label that is asked for and that Calico takes for something of its own: its namespace's, its account's, or what it says of every
/// endpoint.
pub(super) fn misread(pods: &Pods) -> Option<&str> {
    let mut keys = pods.labels.keys().chain(pods.requirements.iter().map(|requirement| &requirement.key));
    let own = |key: &&String| {
        let named = key.strip_prefix("projectcalico.org/");
        key.starts_with("pcns.")
            || key.starts_with("pcsa.")
            || matches!(named, Some("namespace" | "serviceaccount" | "orchestrator" | "name"))
    };
    keys.find(own).map(String::as_str)
}

/// What labels are asked for, as Calico writes it.
pub(super) fn of(pods: &Pods) -> String {
    let labels = pods.labels.iter().map(|(key, value)| format!("{key} == {}", quoted(value)));
    let requirements = pods.requirements.iter().map(requirement);
    let parts: Vec<String> = labels.chain(requirements).collect();
    if parts.is_empty() { "all()".to_owned() } else { parts.join(" && ") }
}

fn requirement(requirement: &Requirement) -> String {
    let Requirement { key, operator, values } = requirement;
    let (negated, positive) = match operator.strip_prefix("Not") {
        Some(positive) => (true, positive),
        None => (false, operator.as_str()),
    };
    let operation = match positive {
        "Exists" => return format!("has({key})"),
        "DoesNotExist" => return format!("!has({key})"),
        "In" => {
            let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            let not = if negated { "not " } else { "" };
            return format!("{key} {not}in {{ {} }}", values.join(", "));
        }
        "StartsWith" => "starts with",
        "EndsWith" => "ends with",
        _ => "contains",
    };
    let each: Vec<String> =
        values.iter().map(|value| format!("{key} {operation} {}", quoted(value))).collect();
    match (negated, each.as_slice()) {
        (false, [only]) => only.clone(),
        (false, _) => format!("({})", each.join(" || ")),
        (true, _) => format!("!({})", each.join(" || ")),
    }
}

/// A text in the quotes that are not in it.
fn quoted(text: &str) -> String {
    if text.contains('\'') { format!("\"{text}\"") } else { format!("'{text}'") }
}
