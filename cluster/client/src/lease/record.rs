//! A Lease, as it was last seen.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Candidacy;

/// A Lease, and since when it was seen to be as it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observed {
    lease: Value,
    since: Instant,
}

/// Whose a Lease is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Ours.
    Ours,
    /// Nobody's, or of somebody who did not write it for as long as it lasts.
    Free,
    /// Somebody else's.
    Taken,
}

impl Observed {
    /// A Lease that was just read or written, and how it was seen before.
    pub(super) fn now(lease: Value, before: Option<Self>) -> Self {
        let since = match before {
            Some(before) if before.lease.get("spec") == lease.get("spec") => before.since,
            _ => Instant::now(),
        };
        Self { lease, since }
    }

    fn field(&self, name: &str) -> Option<&Value> {
        self.lease.get("spec")?.get(name)
    }

    /// Who has it.
    pub(super) fn holder(&self) -> Option<String> {
        self.field("holderIdentity")?.as_str().filter(|holder| !holder.is_empty()).map(str::to_owned)
    }

    pub(super) fn is_held_by(&self, identity: &str) -> bool {
        self.field("holderIdentity").and_then(Value::as_str) == Some(identity)
    }

    /// How long it lasts, as it says itself.
    fn lasts(&self) -> Duration {
        Duration::from_secs(self.field("leaseDurationSeconds").and_then(Value::as_u64).unwrap_or_default())
    }

    /// Whose it is.
    pub(super) fn claim(&self, identity: &str, now: Instant) -> Claim {
        if self.is_held_by(identity) {
            return Claim::Ours;
        }
        match self.holder() {
            Some(_) if now < self.since + self.lasts() => Claim::Taken,
            _ => Claim::Free,
        }
    }
}

/// A Lease that nobody had before.
pub(super) fn created(candidacy: &Candidacy) -> Value {
    let now = now();
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": candidacy.name, "namespace": candidacy.namespace },
        "spec": {
            "holderIdentity": candidacy.identity,
            "leaseDurationSeconds": candidacy.terms.lasts.as_secs(),
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": 0,
        },
    })
}

/// The Lease, in our hands.
pub(super) fn renewed(observed: &Observed, candidacy: &Candidacy) -> Value {
    let (ours, now) = (observed.is_held_by(&candidacy.identity), now());
    let transitions = observed.field("leaseTransitions").and_then(Value::as_u64).unwrap_or_default();
    let acquired = observed.field("acquireTime").filter(|_| ours).cloned();
    changed(
        observed,
        [
            ("holderIdentity", json!(candidacy.identity)),
            ("leaseDurationSeconds", json!(candidacy.terms.lasts.as_secs())),
            ("acquireTime", acquired.unwrap_or_else(|| json!(now))),
            ("renewTime", json!(now)),
            ("leaseTransitions", json!(transitions + u64::from(!ours))),
        ],
    )
}

/// The Lease, in nobody's hands.
pub(super) fn released(observed: &Observed) -> Value {
    let now = now();
    changed(
        observed,
        [
            ("holderIdentity", json!("")),
            ("leaseDurationSeconds", json!(1)),
            ("acquireTime", json!(now)),
            ("renewTime", json!(now)),
        ],
    )
}

/// The same object with other fields in its `spec`; what others wrote into it stays.
fn changed<const N: usize>(observed: &Observed, fields: [(&str, Value); N]) -> Value {
    let mut lease = observed.lease.clone();
    if let Some(object) = lease.as_object_mut() {
        object.insert("apiVersion".to_owned(), json!("coordination.k8s.io/v1"));
        object.insert("kind".to_owned(), json!("Lease"));
        let spec = object.entry("spec").or_insert_with(|| json!({}));
        if !spec.is_object() {
            *spec = json!({});
        }
        if let Some(spec) = spec.as_object_mut() {
            spec.extend(fields.map(|(name, value)| (name.to_owned(), value)));
        }
    }
    lease
}

/// Writes an annotation.
pub(super) fn annotate(lease: &mut Value, key: &str, text: &str) {
    let metadata = lease.get_mut("metadata").and_then(Value::as_object_mut);
    let Some(metadata) = metadata else { return };
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(key.to_owned(), json!(text));
    }
}

/// The present, for people: nobody compares it with a clock. Always with microseconds, as `MicroTime` is written.
fn now() -> String {
    format!("{:.6}", Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::Terms;

    fn candidacy() -> Candidacy {
        Candidacy {
            namespace: "bookend-system".to_owned(),
            name: "bookend-controller".to_owned(),
            identity: "a".to_owned(),
            manager: "bookend-controller".to_owned(),
            terms: Terms::default(),
        }
    }

    fn held_by(holder: &str, renewed: u32) -> Value {
        json!({ "spec": { "holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed, "leaseTransitions": 3 } })
    }

    #[test]
    fn a_lease_is_free_only_after_it_was_seen_unchanged_for_as_long_as_it_lasts() {
        let seconds = Duration::from_secs;
        let seen = Observed::now(held_by("b", 1), None);
        let at = |after| seen.claim("a", seen.since + after);
        assert_eq!(
            (at(seconds(0)), at(seconds(14)), at(seconds(15))),
            (Claim::Taken, Claim::Taken, Claim::Free)
        );
        let again = Observed::now(held_by("b", 1), Some(seen.clone()));
        assert_eq!(again.since, seen.since);
        assert_eq!(seen.claim("b", seen.since + seconds(100)), Claim::Ours);
        assert_eq!(Observed::now(held_by("", 1), None).claim("a", Instant::now()), Claim::Free);
    }

    #[test]
    fn whoever_takes_a_lease_counts_it_and_whoever_has_it_keeps_its_beginning() {
        let taken = renewed(&Observed::now(held_by("b", 1), None), &candidacy());
        assert_eq!(taken.pointer("/spec/leaseTransitions"), Some(&json!(4)));
        let again = renewed(&Observed::now(taken.clone(), None), &candidacy());
        assert_eq!(again.pointer("/spec/leaseTransitions"), Some(&json!(4)));
        assert_eq!(again.pointer("/spec/acquireTime"), taken.pointer("/spec/acquireTime"));
        let free = released(&Observed::now(again, None));
        assert_eq!(free.pointer("/spec/holderIdentity"), Some(&json!("")));
        assert_eq!(free.pointer("/spec/leaseDurationSeconds"), Some(&json!(1)));
    }

    #[test]
    fn what_makes_no_sense_is_nobodys() {
        for odd in [json!({}), json!({ "spec": null }), json!({ "spec": { "holderIdentity": 5 } })] {
            let seen = Observed::now(odd, None);
            assert_eq!(seen.claim("a", Instant::now()), Claim::Free);
            assert_eq!(renewed(&seen, &candidacy()).pointer("/spec/holderIdentity"), Some(&json!("a")));
        }
    }

    #[test]
    fn times_have_microseconds() {
        let now = now();
        assert!(now.ends_with('Z') && now.split('.').nth(1).is_some_and(|rest| rest.len() == 7), "{now}");
    }
}
