//! Rules of one kind, any number of them: as Bookend's documents, and as the policies that Istio would give Envoy's RBAC filter.

use std::fmt::Write as _;

use anyhow::bail;
use bookend_engine::Configuration;
use bookend_lang::{Compiled, Source, compile};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// How many rules a policy has.
const RULES_PER_POLICY: usize = 10;

/// How many workloads call the measured one at most, where rules tell them by their labels.
const MOST_CALLERS: usize = 1000;

/// The workload whose proxy is measured.
pub(super) const OWN: &str = "server";

/// Who issues the tokens.
pub(super) const ISSUER: &str = "https://login.example";

/// What tells the rules apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    /// The path.
    Path,
    /// The SPIFFE id of the peer's certificate.
    Principal,
    /// A label of the calling workload, and the path.
    Label,
    /// The path, and a claim of a token, the same for each.
    Claim,
}

/// Rules that differ in one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Rules {
    pub(super) kind: Kind,
    pub(super) count: usize,
}

impl Rules {
    /// The rule that holds for what is asked: the last, which a list is walked to the end for.
    fn chosen(self) -> usize {
        self.count.saturating_sub(1)
    }

    /// Whether Envoy's RBAC filter can say the same.
    pub(super) fn are_policies(self) -> bool {
        matches!(self.kind, Kind::Path | Kind::Principal)
    }

    /// The SPIFFE id of who asks.
    pub(super) fn caller(self) -> String {
        match self.kind {
            Kind::Label => spiffe_id(self.chosen() % MOST_CALLERS),
            _ => spiffe_id(self.chosen()),
        }
    }

    /// What is asked for.
    pub(super) fn path(self) -> String {
        format!("{}/orders", prefix(self.chosen()))
    }

    /// The documents: who is who, and the rules. Nobody else may ask the measured workload anything.
    pub(super) fn sources(self) -> Vec<Source> {
        let numbers: Vec<usize> = (0..self.count).collect();
        let mut policies = String::new();
        for (policy, rules) in numbers.chunks(RULES_PER_POLICY).enumerate() {
            let _ = write!(
                policies,
                "---\napiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: {{ name: policy-{policy} }}\nspec:\n  allow:\n"
            );
            for rule in rules {
                policies += &self.rule(*rule);
            }
        }
        vec![
            Source::new("inventory", self.inventory()),
            Source::new(
                "isolation",
                format!(
                    "apiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: {{ name: isolation }}\nspec:\n  isolate:\n  \
                     - workloads: {{ labels: {{ app: {OWN} }} }}\n    directions: [ingress]\n"
                ),
            ),
            Source::new("policies", policies),
        ]
    }

    /// What the filter gets.
    pub(super) fn configuration(self) -> anyhow::Result<Configuration> {
        Ok(self.compiled()?.configuration())
    }

    fn compiled(self) -> anyhow::Result<Compiled> {
        compile(&self.sources()).map_err(|refused| {
            let first = refused.diagnostics.first();
            anyhow::anyhow!("the rules do not compile: {first:?}")
        })
    }

    fn rule(self, number: usize) -> String {
        let mut text =
            format!("  - name: rule-{number}\n    to: [{{ workloads: {{ labels: {{ app: {OWN} }} }} }}]\n");
        let paths = if is_prefix(number) {
            format!("{}/*", prefix(number))
        } else {
            format!("{}/orders", prefix(number))
        };
        let _ = match self.kind {
            Kind::Path => write!(text, "    http: [{{ paths: [\"{paths}\"] }}]\n"),
            Kind::Principal => {
                write!(text, "    from: [{{ principals: [\"{}\"] }}]\n", spiffe_id(number))
            }
            Kind::Label => write!(
                text,
                "    from: [{{ workloads: {{ labels: {{ app: {} }} }} }}]\n    http: [{{ paths: [\"{paths}\"] }}]\n",
                client(number % MOST_CALLERS)
            ),
            Kind::Claim => write!(
                text,
                "    http: [{{ paths: [\"{paths}\"], jwt: [{{ issuer: \"{ISSUER}\", claims: [{{ claim: role, exact: [reader] }}] }}] }}]\n"
            ),
        };
        text
    }

    fn inventory(self) -> String {
        let mut text = "apiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: { name: bench }\nspec:\n  workloads:\n".to_owned();
        let mut workload = |name: &str, proxied: bool| {
            let _ = write!(
                text,
                "  - name: {name}\n    serviceAccount: {name}\n    labels: {{ app: {name}, version: v1 }}\n    proxy: {proxied}\n    \
                 jwt: {proxied}\n"
            );
        };
        workload(OWN, true);
        match self.kind {
            Kind::Label => {
                for number in 0..self.count.min(MOST_CALLERS) {
                    workload(&client(number), false);
                }
            }
            _ => workload(&client(self.chosen()), false),
        }
        text
    }

    /// The same for Envoy's RBAC filter, as Istio writes it: a policy for each rule, whose conditions are lists in lists.
    ///
    /// # Errors
    /// Where it cannot say the same.
    pub(super) fn policies(self) -> anyhow::Result<Value> {
        let mut policies = Map::new();
        for number in 0..self.count {
            let any = json!({ "any": true });
            let (permission, principal) = match self.kind {
                Kind::Path => {
                    let pattern = if is_prefix(number) {
                        json!({ "prefix": format!("{}/", prefix(number)) })
                    } else {
                        json!({ "exact": format!("{}/orders", prefix(number)) })
                    };
                    (json!({ "or_rules": { "rules": [{ "url_path": { "path": pattern } }] } }), any)
                }
                Kind::Principal => {
                    let name = json!({ "exact": spiffe_id(number) });
                    let id = json!({ "authenticated": { "principal_name": name } });
                    (any, json!({ "or_ids": { "ids": [id] } }))
                }
                Kind::Label | Kind::Claim => {
                    bail!("Envoy's RBAC filter knows no rules of the kind {:?}", self.kind)
                }
            };
            // Envoy tries them by name.
            let name = format!("ns[default]-policy[policy-{number:05}]-rule[0]");
            policies.insert(
                name,
                json!({
                    "permissions": [{ "and_rules": { "rules": [permission] } }],
                    "principals": [{ "and_ids": { "ids": [principal] } }],
                }),
            );
        }
        Ok(Value::Object(policies))
    }
}

/// Whether a rule holds for everything below its path. The chosen one of 1, 10, 100... rules never does, so that all compare
/// the same.
fn is_prefix(number: usize) -> bool {
    matches!(number % 10, 2 | 4 | 6 | 8)
}

fn prefix(number: usize) -> String {
    format!("/api/v{number:05}")
}

fn client(number: usize) -> String {
    format!("client-{number:05}")
}

fn spiffe_id(number: usize) -> String {
    format!("spiffe://cluster.local/ns/default/sa/{}", client(number))
}

impl Kind {
    /// How the table calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Principal => "principal",
            Self::Label => "label",
            Self::Claim => "claim",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_have_as_many_rules_as_asked_for() {
        for kind in [Kind::Path, Kind::Principal] {
            let rules = Rules { kind, count: 25 };
            assert_eq!(rules.configuration().unwrap().program.rules().len(), 25);
            assert_eq!(rules.policies().unwrap().as_object().unwrap().len(), 25);
        }
    }
}
