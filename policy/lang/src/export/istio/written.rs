//! AuthorizationPolicies while they are put together.

use std::collections::BTreeMap;

use bookend_engine::Mode;
use serde_json::{Map, Value, json};

use super::super::document::{Origins, document};
use super::super::naming::{Id, Names, naturally};
use super::super::pods::Pods;

/// What one policy speaks of: namespace, the policy it comes from, action, mode, and whom it selects.
type Key = (String, String, &'static str, Mode, Pods);

#[derive(Debug, Default)]
pub(super) struct Policies(BTreeMap<Key, Policy>);

#[derive(Debug, Default)]
struct Policy {
    position: usize,
    first: String,
    origins: Origins,
    rules: Vec<Value>,
}

impl Policies {
    /// Adds rules to the policy of these workloads; one without rules allows nothing.
    pub(super) fn add(
        &mut self,
        (namespace, action, mode): (&str, &'static str, Mode),
        id: &str,
        labels: Pods,
        rules: Vec<Value>,
    ) {
        let position = self.0.len();
        let key = (namespace.to_owned(), Id::of(id).policy.to_owned(), action, mode, labels);
        let policy = self.0.entry(key).or_insert_with(|| Policy {
            position,
            first: id.to_owned(),
            ..Policy::default()
        });
        policy.origins.add(id);
        for rule in rules {
            if !policy.rules.contains(&rule) {
                policy.rules.push(rule);
            }
        }
    }

    /// The documents, by namespace and policy.
    pub(super) fn documents(self) -> Vec<Value> {
        let mut policies: Vec<(Key, Policy)> = self.0.into_iter().collect();
        policies.sort_by(|(a, left), (b, right)| {
            let by_policy = a.0.cmp(&b.0).then_with(|| naturally(&a.1, &b.1));
            by_policy.then_with(|| left.position.cmp(&right.position))
        });
        let mut names = Names::default();
        let written = policies.into_iter().map(|((namespace, _, action, mode, pods), policy)| {
            let id = Id::of(&policy.first);
            let selected: Vec<&str> = pods.labels.values().map(String::as_str).collect();
            let selected = selected.join("-");
            let name =
                names.give(&namespace, id.name, if selected.is_empty() { id.element } else { &selected });
            let mut spec = Map::new();
            if !pods.is_any() {
                spec.insert("selector".to_owned(), json!({ "matchLabels": pods.labels }));
            }
            spec.insert("action".to_owned(), json!(action));
            if !policy.rules.is_empty() {
                spec.insert("rules".to_owned(), json!(policy.rules));
            }
            let kind = ("security.istio.io/v1", "AuthorizationPolicy");
            let mut written = document(kind, Some(&namespace), &name, &policy.origins, Value::Object(spec));
            if let (Mode::Audit, Some(Value::Object(annotations))) =
                (mode, written.pointer_mut("/metadata/annotations"))
            {
                annotations.insert("istio.io/dry-run".to_owned(), json!("true"));
            }
            written
        });
        written.collect()
    }
}
