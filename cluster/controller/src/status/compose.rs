//! What a status says.

use std::collections::BTreeSet;

use bookend_api::{Condition, PolicyStatus, Share, Truth};
use bookend_cluster::moment;
use bookend_cluster::view::{InForce, Standing};
use bookend_text::{cut, lines};

use crate::fleet::{Fleet, Proxies};

/// The most characters of a message.
const LONGEST: usize = 8_000;

/// What else the status of an object depends on.
pub(super) struct Circumstances<'c> {
    /// The revisions of the policies, the newest last.
    pub(super) history: &'c [&'c str],
    /// The enforcers.
    pub(super) fleet: &'c Fleet,
    /// The proxies; nothing where there are no filters.
    pub(super) proxies: Option<Proxies>,
    /// Whether some proxies have rules of it.
    pub(super) filtered: bool,
    /// What is wrong in namespaces whose proxies should have rules of it.
    pub(super) troubles: Vec<(&'c str, &'c str)>,
}

/// What the status of an object should say; `there` is what it says.
pub(super) fn compose(
    standing: &Standing,
    there: Option<&PolicyStatus>,
    circumstances: &Circumstances<'_>,
) -> PolicyStatus {
    let before = |kind: &str| there.and_then(|status| status.conditions.iter().find(|c| c.r#type == kind));
    let accepted = accepted(standing);
    let same = there.filter(|status| {
        let was = before("Accepted").is_some_and(|condition| condition.status == Truth::True);
        was && status.observed_generation == Some(standing.generation)
    });
    let newest = circumstances.history.last().copied().unwrap_or_default();
    let revision = same.and_then(|status| status.revision.clone()).unwrap_or_else(|| newest.to_owned());
    // Every revision since has it. One that was before this process knew any is older than all that it knows.
    let since = circumstances.history.iter().position(|known| *known == revision).unwrap_or_default();
    let mut revisions: BTreeSet<&str> = circumstances.history.iter().skip(since).copied().collect();
    revisions.insert(&revision);
    let nodes = circumstances.fleet.nodes(&revisions);
    let proxies = circumstances.proxies.map(|proxies| Share {
        enforced: proxies.current,
        total: proxies.current.saturating_add(proxies.stale).saturating_add(proxies.silent),
    });
    let enforced = match standing.is_accepted() {
        true => enforced(nodes, &revisions, circumstances),
        false => Told { status: Truth::False, reason: "NotAccepted", message: in_force(standing) },
    };
    let conditions = [("Accepted", accepted), ("Enforced", enforced)].map(|(kind, told)| {
        let since = before(kind).filter(|condition| condition.status == told.status);
        Condition {
            r#type: kind.to_owned(),
            status: told.status,
            observed_generation: Some(standing.generation),
            last_transition_time: since
                .map_or_else(moment, |condition| condition.last_transition_time.clone()),
            reason: told.reason.to_owned(),
            message: cut(&lines(&told.message), LONGEST).into_owned(),
        }
    });
    PolicyStatus {
        observed_generation: Some(standing.generation),
        revision: standing.is_accepted().then_some(revision).filter(|revision| !revision.is_empty()),
        nodes: Some(nodes),
        proxies,
        conditions: conditions.into(),
    }
}

struct Told {
    status: Truth,
    reason: &'static str,
    message: String,
}

fn accepted(standing: &Standing) -> Told {
    if standing.is_accepted() {
        return Told { status: Truth::True, reason: "Accepted", message: "it is understood".to_owned() };
    }
    let mut lines = standing.complaints.clone();
    if lines.is_empty() {
        lines.push("it cannot be in force together with others that are invalid; correct those".to_owned());
    }
    lines.push(in_force(standing));
    Told { status: Truth::False, reason: "Invalid", message: lines.join("\n") }
}

fn in_force(standing: &Standing) -> String {
    match standing.in_force {
        InForce::This => "what it says is in force".to_owned(),
        InForce::Before(generation) => format!("what it said at generation {generation} is in force"),
        InForce::Isolated => {
            "it never was valid, so every workload of its namespace is isolated in its place".to_owned()
        }
        InForce::Nothing => "nothing of it is in force".to_owned(),
    }
}

fn enforced(nodes: Share, revisions: &BTreeSet<&str>, circumstances: &Circumstances<'_>) -> Told {
    if let Some((namespace, trouble)) = circumstances.troubles.first() {
        let others = circumstances.troubles.len() - 1;
        let more = if others > 0 { format!(" ({others} more namespaces)") } else { String::new() };
        let message = format!("the proxies of namespace `{namespace}` do not have it: {trouble}{more}");
        return Told { status: Truth::False, reason: "FiltersNotWritten", message };
    }
    if nodes.total == 0 {
        let message =
            "no enforcer has said anything; is the DaemonSet `bookend-enforcer` running?".to_owned();
        return Told { status: Truth::Unknown, reason: "NoNodes", message };
    }
    if nodes.enforced < nodes.total {
        let missing = nodes.total - nodes.enforced;
        let one = circumstances.fleet.laggard(revisions);
        let one = one.map_or_else(String::new, |(node, why)| format!("; `{node}`: {why}"));
        let message = format!("{missing} of {} nodes do not enforce it{one}", nodes.total);
        return Told { status: Truth::False, reason: "NodesBehind", message };
    }
    match circumstances.proxies.filter(|_| circumstances.filtered) {
        Some(proxies) if proxies.stale > 0 => {
            let message = format!("{} proxies have not taken up their configuration yet", proxies.stale);
            Told { status: Truth::False, reason: "ProxiesBehind", message }
        }
        Some(proxies) if proxies.silent > 0 => {
            let message = format!(
                "all {} nodes enforce it; {} proxies do not say what they have",
                nodes.total, proxies.silent
            );
            Told { status: Truth::Unknown, reason: "ProxiesSilent", message }
        }
        Some(proxies) => {
            let message = format!("all {} nodes and {} proxies enforce it", nodes.total, proxies.current);
            Told { status: Truth::True, reason: "Enforced", message }
        }
        None => {
            let message = format!("all {} nodes enforce it", nodes.total);
            Told { status: Truth::True, reason: "Enforced", message }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend_cluster::view::ObjectName;
    use bookend_cluster::{Event, Key};
    use serde_json::{Value, json};

    fn standing(in_force: InForce, generation: i64) -> Standing {
        let object = ObjectName {
            kind: "Policy".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "web".to_owned(),
        };
        let complaints =
            if in_force == InForce::This { Vec::new() } else { vec!["line 3: `ports` is empty".to_owned()] };
        Standing { object, uid: "u".to_owned(), generation, in_force, complaints }
    }

    fn fleet(statuses: &[Value]) -> Fleet {
        let mut fleet = Fleet::default();
        for (number, status) in statuses.iter().enumerate() {
            let key = Key { namespace: None, name: format!("node-{number}"), uid: String::new() };
            let member = serde_json::from_value(json!({ "status": status })).unwrap();
            fleet.take(Event::Put(key, member));
        }
        fleet
    }

    fn node(policies: &str) -> Value {
        json!({ "ready": true, "policies": policies })
    }

    fn told(status: &PolicyStatus, kind: &str) -> (Truth, String, String) {
        let condition = status.conditions.iter().find(|condition| condition.r#type == kind).unwrap();
        (condition.status, condition.reason.clone(), condition.message.clone())
    }

    fn circumstances<'c>(history: &'c [&'c str], fleet: &'c Fleet) -> Circumstances<'c> {
        Circumstances { history, fleet, proxies: None, filtered: false, troubles: Vec::new() }
    }

    #[test]
    fn a_node_enforces_a_policy_from_the_revision_on_that_brought_it() {
        let fleet = fleet(&[node("r1"), node("r2"), node("r3")]);
        let old = compose(&standing(InForce::This, 1), None, &circumstances(&["r1"], &fleet));
        assert_eq!(old.revision.as_deref(), Some("r1"));
        // The policy stays as it is while others change.
        let later =
            compose(&standing(InForce::This, 1), Some(&old), &circumstances(&["r1", "r2", "r3"], &fleet));
        assert_eq!(
            (later.revision.as_deref(), later.nodes),
            (Some("r1"), Some(Share { enforced: 3, total: 3 }))
        );
        let edited =
            compose(&standing(InForce::This, 2), Some(&later), &circumstances(&["r1", "r2"], &fleet));
        assert_eq!(
            (edited.revision.as_deref(), edited.nodes),
            (Some("r2"), Some(Share { enforced: 1, total: 3 }))
        );
        assert_eq!(told(&edited, "Enforced").1, "NodesBehind");
    }

    #[test]
    fn what_is_invalid_says_what_is_in_force_in_its_place() {
        let fleet = fleet(&[node("r1")]);
        let status = compose(&standing(InForce::Before(3), 4), None, &circumstances(&["r1"], &fleet));
        let (truth, reason, message) = told(&status, "Accepted");
        assert_eq!((truth, reason.as_str()), (Truth::False, "Invalid"));
        assert!(message.contains("`ports` is empty") && message.contains("generation 3"), "{message}");
        assert_eq!((told(&status, "Enforced").0, status.revision), (Truth::False, None));
    }

    #[test]
    fn what_proxies_lack_counts_only_where_they_have_rules_of_it() {
        let fleet = fleet(&[node("r1")]);
        let silent = Proxies { current: 2, stale: 0, silent: 1 };
        let of = |filtered, proxies| {
            let circumstances = Circumstances { filtered, proxies, ..circumstances(&["r1"], &fleet) };
            told(&compose(&standing(InForce::This, 1), None, &circumstances), "Enforced").1
        };
        assert_eq!(of(false, Some(silent)), "Enforced");
        assert_eq!(of(true, Some(silent)), "ProxiesSilent");
        assert_eq!(of(true, Some(Proxies { stale: 1, ..silent })), "ProxiesBehind");
        assert_eq!(of(true, Some(Proxies { silent: 0, ..silent })), "Enforced");
        assert_eq!(of(true, None), "Enforced");
    }

    #[test]
    fn a_condition_keeps_its_time_as_long_as_it_stays_what_it_is() {
        let fleet = fleet(&[node("r1")]);
        let mut first = compose(&standing(InForce::This, 1), None, &circumstances(&["r1"], &fleet));
        for condition in &mut first.conditions {
            condition.last_transition_time = "2026-01-01T00:00:00Z".to_owned();
        }
        let next = compose(&standing(InForce::This, 1), Some(&first), &circumstances(&["r1"], &fleet));
        assert_eq!(next, first);
    }

    #[test]
    fn a_namespace_whose_objects_could_not_be_written_is_named() {
        let fleet = fleet(&[node("r1")]);
        let troubles = vec![("shop", "too large"), ("bank", "forbidden")];
        let circumstances = Circumstances { troubles, filtered: true, ..circumstances(&["r1"], &fleet) };
        let status = compose(&standing(InForce::This, 1), None, &circumstances);
        let (truth, reason, message) = told(&status, "Enforced");
        assert_eq!((truth, reason.as_str()), (Truth::False, "FiltersNotWritten"));
        assert!(
            message.contains("`shop`") && message.contains("too large") && message.contains("1 more"),
            "{message}"
        );
    }
}
