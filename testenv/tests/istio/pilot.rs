//! Envoy's own filters for AuthorizationPolicies, as Istio's pilot makes them: in order, an RBAC filter of what is denied
//! and one of what is allowed, for requests and for streams.
//!
//! Written from what pilot does (istio/istio, `pilot/pkg/security/authz`: `builder`, `model`, `matcher`, and
//! `pilot/pkg/security/trustdomain`), and from nothing that Bookend makes of the same policies.

mod condition;
mod text;

use serde_json::{Map, Value, json};

use crate::policy::{Action, AuthorizationPolicy, Rule};
use condition::{Condition, Side};

/// The trust domain of the mesh, and others that mean the same.
pub(crate) const TRUST_DOMAINS: [&str; 2] = ["cluster.local", "old.test"];

/// A way to translate that is wrong, to see that it is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// What must not be the path is forgotten.
    NotPaths,
    /// The case of hosts counts.
    HostCase,
    /// Who sent the request is taken for who is connected.
    Client,
    /// On streams a rule that allows loses its conditions on requests, as one that denies does.
    Streams,
    /// What denies requests does not deny streams.
    StreamsPass,
    /// Other names of the trust domain are forgotten.
    Aliases,
    /// A segment may be several.
    Segments,
    /// A namespace is another one.
    Namespaces,
    /// A list in a token holds nothing.
    Lists,
}

impl Mistake {
    pub(crate) const ALL: [Self; 9] = [
        Self::NotPaths,
        Self::HostCase,
        Self::Client,
        Self::Streams,
        Self::StreamsPass,
        Self::Aliases,
        Self::Segments,
        Self::Namespaces,
        Self::Lists,
    ];
}

/// What a translation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Requests,
    Streams,
}

/// How a rule is translated.
#[derive(Clone, Copy)]
struct Translation<'p> {
    target: For,
    action: Action,
    /// Of the policy, which service accounts are in that name none.
    namespace: &'p str,
    mistake: Option<Mistake>,
}

/// What cannot be said of a stream.
struct HttpOnly;

/// The filters, in the order in which they stand.
pub(crate) fn filters(policies: &[AuthorizationPolicy], target: For, mistake: Option<Mistake>) -> Vec<Value> {
    [Action::Deny, Action::Allow]
        .into_iter()
        .filter_map(|action| rules(policies, target, action, mistake))
        .map(|rules| filter(target, &rules))
        .collect()
}

fn filter(target: For, rules: &Value) -> Value {
    match target {
        For::Requests => json!({
            "name": "envoy.filters.http.rbac",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
                "rules": rules,
            },
        }),
        For::Streams => json!({
            "name": "envoy.filters.network.rbac",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",
                "rules": rules,
                "stat_prefix": "tcp.",
            },
        }),
    }
}

/// What one filter enforces; nothing where no policy in force has this action.
fn rules(
    policies: &[AuthorizationPolicy],
    target: For,
    action: Action,
    mistake: Option<Mistake>,
) -> Option<Value> {
    let mut entries = Map::new();
    let mut any = false;
    for policy in policies.iter().filter(|policy| policy.in_force() && policy.action() == action) {
        any = true;
        let translation = Translation { target, action, namespace: &policy.metadata.namespace, mistake };
        let name = |number| {
            format!("ns[{}]-policy[{}]-rule[{number}]", policy.metadata.namespace, policy.metadata.name)
        };
        for (number, rule) in policy.spec.rules.iter().enumerate() {
            if mistake == Some(Mistake::StreamsPass)
                && (target, action) == (For::Streams, Action::Deny)
                && translation.wide(rule)
            {
                continue;
            }
            // A rule that allows and speaks of requests anywhere is left out of what streams may do, whole.
            if let Ok(entry) = translation.rule(rule) {
                entries.insert(name(number), entry);
            }
        }
        if policy.spec.rules.is_empty() {
            let never = |not: &str| json!([{ not: { "any": true } }]);
            entries
                .insert(name(0), json!({ "permissions": never("not_rule"), "principals": never("not_id") }));
        }
    }
    let action = if action == Action::Deny { "DENY" } else { "ALLOW" };
    any.then(|| json!({ "action": action, "policies": entries }))
}

impl Translation<'_> {
    /// Whether the rule loses a condition on streams.
    fn wide(self, rule: &Rule) -> bool {
        Self { action: Action::Allow, mistake: None, ..self }.rule(rule).is_err()
    }

    fn rule(self, rule: &Rule) -> Result<Value, HttpOnly> {
        let when: Vec<Condition<'_>> = rule.when.iter().map(Condition::of_when).collect();
        let mut sources: Vec<Vec<Condition<'_>>> =
            rule.from.iter().map(|from| Condition::of_source(&from.source)).collect();
        let mut operations: Vec<Vec<Condition<'_>>> =
            rule.to.iter().map(|to| Condition::of_operation(&to.operation)).collect();
        if sources.is_empty() {
            sources.push(Vec::new());
        }
        if operations.is_empty() {
            operations.push(Vec::new());
        }
        let all = |entries: &[Vec<Condition<'_>>], side: Side| {
            entries
                .iter()
                .map(|own| {
                    let shared = when.iter().filter(|condition| condition.side() == side);
                    self.conjunction(own.iter().chain(shared), side)
                })
                .collect::<Result<Vec<_>, _>>()
        };
        let permissions = all(&operations, Side::Permission)?;
        let principals = all(&sources, Side::Principal)?;
        Ok(json!({ "permissions": permissions, "principals": principals }))
    }

    fn conjunction<'c, 'p: 'c>(
        self,
        conditions: impl Iterator<Item = &'c Condition<'p>>,
        side: Side,
    ) -> Result<Value, HttpOnly> {
        let mut all = Vec::new();
        for condition in conditions {
            if let Some(some) = self.disjunction(condition, condition.values)? {
                all.push(some);
            }
            let forgotten = self.mistake == Some(Mistake::NotPaths) && condition.is_path();
            let none = if forgotten { None } else { self.disjunction(condition, condition.not_values)? };
            if let Some(some) = none {
                all.push(json!({ side.not(): some }));
            }
        }
        if all.is_empty() {
            all.push(json!({ "any": true }));
        }
        Ok(side.and(&all))
    }

    /// Any of the values. What cannot be said ends a rule that allows, and is left out of one that denies.
    fn disjunction(self, condition: &Condition<'_>, values: &[String]) -> Result<Option<Value>, HttpOnly> {
        if values.is_empty() {
            return Ok(None);
        }
        if self.target == For::Streams && condition.http_only() {
            let lost = self.action == Action::Deny || self.mistake == Some(Mistake::Streams);
            return if lost { Ok(None) } else { Err(HttpOnly) };
        }
        Ok(Some(condition.any_of(values, self.namespace, self.mistake)))
    }
}
