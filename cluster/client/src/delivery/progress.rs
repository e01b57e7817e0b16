//! How far what was applied has come, as its status says.

use serde_json::Value;

/// What is waited for after objects were applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Nothing.
    Nothing,
    /// Definitions are served.
    Established,
    /// The pods of the current version run, and are ready.
    RolledOut,
    /// Policies are accepted, and every node and proxy that there is enforces them.
    Enforced,
    /// The same, as far as anybody says: proxies that nobody asks are taken at the word of who gave them their configuration.
    Given,
}

/// How far an object has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many of [`total`](Self::total) are so as it should be.
    pub done: u64,
    /// How many should be.
    pub total: u64,
    /// Whether it is what it should be.
    pub complete: bool,
    /// Why it never will be; nothing as long as it may.
    pub failed: Option<String>,
}

impl Progress {
    fn of(done: u64, total: u64) -> Self {
        Self { done, total, complete: done >= total, failed: None }
    }

    /// It is not known yet.
    fn unknown() -> Self {
        Self { done: 0, total: 1, complete: false, failed: None }
    }

    fn failed(reason: String) -> Self {
        Self { failed: Some(reason), ..Self::unknown() }
    }

    /// How far `object` has come toward `goal`.
    pub fn toward(goal: Goal, object: &Value) -> Self {
        match goal {
            Goal::Nothing => Self::of(1, 1),
            Goal::Established => established(object),
            Goal::RolledOut => match object.get("kind").and_then(Value::as_str) {
                Some("DaemonSet") => daemon_set(object),
                Some("Deployment") => deployment(object),
                _ => Self::of(1, 1),
            },
            Goal::Enforced => enforced(object, &["Enforced"]),
            Goal::Given => enforced(object, &["Enforced", "ProxiesSilent"]),
        }
    }
}

fn number(object: &Value, path: &str) -> u64 {
    object.pointer(path).and_then(Value::as_u64).unwrap_or_default()
}

/// Whether the status is about what was applied last.
fn observed(object: &Value) -> bool {
    number(object, "/status/observedGeneration") >= number(object, "/metadata/generation")
}

/// A condition.
struct Condition<'o> {
    status: &'o str,
    reason: &'o str,
    message: &'o str,
}

/// The condition of this type.
fn condition<'o>(object: &'o Value, name: &str) -> Option<Condition<'o>> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let condition = conditions.iter().find(|condition| condition.get("type").is_some_and(|of| of == name))?;
    let text = |field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default();
    Some(Condition { status: text("status"), reason: text("reason"), message: text("message") })
}

fn established(object: &Value) -> Progress {
    if let Some(Condition { status: "False", message, .. }) = condition(object, "NamesAccepted") {
        return Progress::failed(format!("another definition has its names: {message}"));
    }
    let established = condition(object, "Established").is_some_and(|condition| condition.status == "True");
    Progress::of(u64::from(established), 1)
}

fn daemon_set(object: &Value) -> Progress {
    if !observed(object) {
        return Progress::unknown();
    }
    let total = number(object, "/status/desiredNumberScheduled");
    let updated = number(object, "/status/updatedNumberScheduled");
    let available = number(object, "/status/numberAvailable");
    Progress::of(updated.min(available), total)
}

fn deployment(object: &Value) -> Progress {
    if !observed(object) {
        return Progress::unknown();
    }
    if let Some(Condition { status: "False", message, .. }) = condition(object, "Progressing") {
        return Progress::failed(message.to_owned());
    }
    let total = object.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    let updated = number(object, "/status/updatedReplicas");
    let available = number(object, "/status/availableReplicas");
    let old = number(object, "/status/replicas").saturating_sub(updated);
    let progress = Progress::of(updated.min(available), total);
    Progress { complete: progress.complete && old == 0, ..progress }
}

/// `reasons` of the condition for which it is complete.
fn enforced(object: &Value, reasons: &[&str]) -> Progress {
    if !observed(object) {
        return Progress::unknown();
    }
    match condition(object, "Accepted") {
        Some(Condition { status: "False", message, .. }) => {
            return Progress::failed(format!("it is not accepted: {message}"));
        }
        Some(Condition { status: "True", .. }) => {}
        _ => return Progress::unknown(),
    }
    let count = |what: &str| {
        number(object, &format!("/status/nodes/{what}")) + number(object, &format!("/status/proxies/{what}"))
    };
    let progress = Progress::of(count("enforced"), count("total"));
    let reason = condition(object, "Enforced").map(|condition| condition.reason);
    Progress { complete: reason.is_some_and(|reason| reasons.contains(&reason)), ..progress }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_daemon_set_is_rolled_out_when_every_node_has_the_new_pod() {
        let of = |generation: u64, updated: u64, available: u64| {
            Progress::toward(
                Goal::RolledOut,
                &json!({
                    "kind": "DaemonSet", "metadata": { "generation": generation },
                    "status": { "observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": updated, "numberAvailable": available },
                }),
            )
        };
        assert!(of(2, 3, 3).complete);
        assert_eq!((of(2, 2, 3).done, of(2, 2, 3).total, of(2, 2, 3).complete), (2, 3, false));
        assert!(!of(3, 3, 3).complete, "the status is about an older version");
    }

    #[test]
    fn a_deployment_waits_for_its_old_pods_to_go() {
        let of = |replicas: u64, condition: &str| {
            Progress::toward(
                Goal::RolledOut,
                &json!({
                    "kind": "Deployment", "metadata": { "generation": 1 }, "spec": { "replicas": 2 },
                    "status": {
                        "observedGeneration": 1, "replicas": replicas, "updatedReplicas": 2, "availableReplicas": 2,
                        "conditions": [{ "type": "Progressing", "status": condition, "message": "it takes too long" }],
                    },
                }),
            )
        };
        assert!(of(2, "True").complete && !of(3, "True").complete);
        assert_eq!(of(3, "False").failed.as_deref(), Some("it takes too long"));
    }

    #[test]
    fn a_policy_is_enforced_when_its_condition_says_so() {
        let toward = |goal: Goal, accepted: &str, enforced: &str| {
            Progress::toward(
                goal,
                &json!({
                    "metadata": { "generation": 1 },
                    "status": {
                        "observedGeneration": 1, "nodes": { "enforced": 2, "total": 3 }, "proxies": { "enforced": 4, "total": 4 },
                        "conditions": [
                            { "type": "Accepted", "status": accepted, "message": "B1105" },
                            { "type": "Enforced", "status": "", "reason": enforced },
                        ],
                    },
                }),
            )
        };
        let of = |accepted: &str, enforced: &str| toward(Goal::Enforced, accepted, enforced);
        let under_way = of("True", "NodesBehind");
        assert_eq!((under_way.done, under_way.total, under_way.complete), (6, 7, false));
        assert!(of("True", "Enforced").complete && !of("True", "ProxiesSilent").complete);
        assert!(toward(Goal::Given, "True", "ProxiesSilent").complete);
        assert!(!toward(Goal::Given, "True", "ProxiesBehind").complete);
        assert_eq!(of("False", "NotAccepted").failed.as_deref(), Some("it is not accepted: B1105"));
    }

    #[test]
    fn a_definition_is_served_once_it_is_established() {
        let of = |conditions: Value| {
            Progress::toward(Goal::Established, &json!({ "status": { "conditions": conditions } }))
        };
        assert!(!of(json!([])).complete);
        assert!(of(json!([{ "type": "Established", "status": "True" }])).complete);
        let taken =
            of(json!([{ "type": "NamesAccepted", "status": "False", "message": "`policies` is in use" }]));
        assert!(taken.failed.is_some());
    }
}
