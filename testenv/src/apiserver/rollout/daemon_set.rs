//! DaemonSets: a pod on every node that fits, replaced some at a time.

use serde_json::{Value, json};

use super::{hash, pod, write_status};
use crate::apiserver::store::Store;

/// Makes and ends pods of one set, and counts them.
pub(super) fn sync(store: &mut Store, set: &Value) {
    let template = set.pointer("/spec/template").cloned().unwrap_or_default();
    let wanted = hash(&template);
    let nodes: Vec<String> = store
        .kept("nodes")
        .iter()
        .filter(|node| fits(&template, node))
        .filter_map(|node| node.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned))
        .collect();
    let node_of =
        |pod: &Value| pod.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default().to_owned();
    let pods = pod::owned(store, set);
    for pod in pods.iter().filter(|pod| !nodes.contains(&node_of(pod))) {
        pod::end(store, pod);
    }
    for node in &nodes {
        if !pods.iter().any(|pod| node_of(pod) == *node) {
            pod::make(store, set, "DaemonSet", pod::REVISION, Some(node));
        }
    }
    let text = |path: &str| set.pointer(path).and_then(Value::as_str).unwrap_or_default();
    if text("/spec/updateStrategy/type") != "OnDelete" {
        let current: Vec<_> = pods.iter().filter(|pod| nodes.contains(&node_of(pod))).collect();
        let unready = nodes.len() - current.iter().filter(|pod| pod::is_ready(pod)).count().min(nodes.len());
        let budget = unavailable(set, nodes.len());
        let mut left = budget.saturating_sub(unready);
        let outdated = current.iter().filter(|pod| pod::revision(pod, pod::REVISION) != wanted);
        for pod in outdated {
            // Those that are not ready anyway go first and cost nothing.
            if !pod::is_ready(pod) {
                pod::end(store, pod);
            } else if left > 0 {
                left -= 1;
                pod::end(store, pod);
            }
        }
    }
    let pods = pod::owned(store, set);
    let ready = pods.iter().filter(|pod| pod::is_ready(pod)).count();
    let updated = pods.iter().filter(|pod| pod::revision(pod, pod::REVISION) == wanted).count();
    let mut status = json!({
        "currentNumberScheduled": pods.len(), "desiredNumberScheduled": nodes.len(), "numberMisscheduled": 0,
        "numberReady": ready, "observedGeneration": set.pointer("/metadata/generation"),
        "updatedNumberScheduled": updated,
    });
    // Zeros of these are left out.
    for (key, count) in [("numberAvailable", ready), ("numberUnavailable", nodes.len().saturating_sub(ready))]
    {
        if count > 0 {
            crate::apiserver::refusal::set(&mut status, key, json!(count));
        }
    }
    write_status(store, "daemonsets.apps", set, status);
}

/// How many pods may be missing at once: 1 unless it is said.
fn unavailable(set: &Value, nodes: usize) -> usize {
    match set.pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable") {
        Some(Value::Number(number)) => {
            number.as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(1)
        }
        Some(Value::String(part)) => {
            let percent = part.trim_end_matches('%').parse::<usize>().unwrap_or(0);
            (nodes * percent).div_ceil(100).max(1)
        }
        _ => 1,
    }
}

/// Whether pods of this template go to that node.
fn fits(template: &Value, node: &Value) -> bool {
    let labels = node.pointer("/metadata/labels");
    let selector = template.pointer("/spec/nodeSelector").and_then(Value::as_object);
    let selected = selector
        .into_iter()
        .flatten()
        .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value));
    let tolerations = template.pointer("/spec/tolerations").and_then(Value::as_array);
    let tolerations: Vec<_> = tolerations.into_iter().flatten().collect();
    let field =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let taints = node.pointer("/spec/taints").and_then(Value::as_array);
    let tolerated =
        taints.into_iter().flatten().filter(|taint| field(taint, "effect") != "PreferNoSchedule").all(
            |taint| {
                tolerations.iter().any(|toleration| {
                    let (key, effect) = (field(toleration, "key"), field(toleration, "effect"));
                    (effect.is_empty() || effect == field(taint, "effect"))
                        && (key.is_empty() || key == field(taint, "key"))
                        && (field(toleration, "operator") == "Exists"
                            || field(toleration, "value") == field(taint, "value"))
                })
            },
        );
    selected && tolerated
}
