//! An AuthorizationPolicy, as its YAML says it: read and written here by nothing that Bookend is made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AuthorizationPolicy {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) metadata: Metadata,
    #[serde(default)]
    pub(crate) spec: Spec,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) namespace: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) selector: Option<Selector>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) action: Option<Action>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Selector {
    pub(crate) match_labels: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Action {
    Allow,
    Deny,
    Audit,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) from: Vec<From>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) to: Vec<To>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) when: Vec<Condition>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct From {
    pub(crate) source: Source,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct To {
    pub(crate) operation: Operation,
}

/// Texts that must match, and texts that must not.
pub(crate) type Texts = Vec<String>;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Source {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) principals: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_principals: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) request_principals: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_request_principals: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) namespaces: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_namespaces: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) service_accounts: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_service_accounts: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) trust_domains: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_trust_domains: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ip_blocks: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_ip_blocks: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) remote_ip_blocks: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_remote_ip_blocks: Texts,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Operation {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) hosts: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_hosts: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ports: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_ports: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) methods: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_methods: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) paths: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_paths: Texts,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Condition {
    pub(crate) key: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) values: Texts,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_values: Texts,
}

/// What a policy of the root namespace, and one of the workload's own, is called.
pub(crate) const ROOT: &str = "istio-system";
/// The namespace of the workload that everybody asks.
pub(crate) const NAMESPACE: &str = "default";
/// Its labels.
pub(crate) const LABELS: [(&str, &str); 2] = [("app", "server"), ("version", "v1")];

impl AuthorizationPolicy {
    /// What it does; ALLOW where it does not say.
    pub(crate) fn action(&self) -> Action {
        self.spec.action.unwrap_or(Action::Allow)
    }

    /// Whether it concerns the workload that everybody asks.
    pub(crate) fn selects(&self) -> bool {
        let here = self.metadata.namespace == ROOT || self.metadata.namespace == NAMESPACE;
        let own = |key: &str, value: &str| LABELS.contains(&(key, value));
        here && self.spec.selector.as_ref().is_none_or(|it| it.match_labels.iter().all(|(k, v)| own(k, v)))
    }

    /// Whether it only says what it would do.
    pub(crate) fn dry_run(&self) -> bool {
        self.metadata.annotations.get("istio.io/dry-run").is_some_and(|text| text == "true")
    }

    /// Whether it has a say in what becomes of a request.
    pub(crate) fn in_force(&self) -> bool {
        self.selects() && !self.dry_run() && self.action() != Action::Audit
    }

    /// The document.
    pub(crate) fn yaml(&self) -> String {
        let mut text = String::new();
        write(&serde_json::to_value(self).unwrap(), 0, &mut text);
        text
    }
}

/// What a rule asks, under the name that `when` has for it, or under that of the field; what must hold, and what must not.
pub(crate) type Asked<'p> = (&'p str, &'p [String], &'p [String]);

impl Rule {
    /// Everything that is asked.
    pub(crate) fn asked(&self) -> impl Iterator<Item = Asked<'_>> {
        let sources = self.from.iter().flat_map(|from| from.source.asked());
        let operations = self.to.iter().flat_map(|to| to.operation.asked());
        let when = self.when.iter().map(|one| (one.key.as_str(), &one.values[..], &one.not_values[..]));
        let any = |(_, values, not_values): &Asked<'_>| !values.is_empty() || !not_values.is_empty();
        sources.chain(operations).chain(when).filter(any)
    }
}

impl Source {
    fn asked(&self) -> [Asked<'_>; 7] {
        [
            ("source.principal", &self.principals, &self.not_principals),
            ("request.auth.principal", &self.request_principals, &self.not_request_principals),
            ("source.namespace", &self.namespaces, &self.not_namespaces),
            ("source.serviceAccount", &self.service_accounts, &self.not_service_accounts),
            ("trustDomains", &self.trust_domains, &self.not_trust_domains),
            ("source.ip", &self.ip_blocks, &self.not_ip_blocks),
            ("remote.ip", &self.remote_ip_blocks, &self.not_remote_ip_blocks),
        ]
    }
}

impl Operation {
    fn asked(&self) -> [Asked<'_>; 4] {
        [
            ("hosts", &self.hosts, &self.not_hosts),
            ("destination.port", &self.ports, &self.not_ports),
            ("methods", &self.methods, &self.not_methods),
            ("paths", &self.paths, &self.not_paths),
        ]
    }
}

/// All of them, as one file.
pub(crate) fn document(policies: &[AuthorizationPolicy]) -> String {
    policies.iter().map(AuthorizationPolicy::yaml).collect::<Vec<_>>().join("---\n")
}

/// Reads a file of policies.
pub(crate) fn parse(text: &str) -> Vec<AuthorizationPolicy> {
    serde_saphyr::from_multiple(text).unwrap()
}

/// Block style, with lists of texts in a line.
fn write(value: &Value, indent: usize, text: &mut String) {
    let margin = " ".repeat(indent);
    match value {
        Value::Object(map) => {
            for (number, (key, value)) in map.iter().enumerate() {
                // The first key of an element stands behind its dash.
                if number > 0 || !text.ends_with("- ") {
                    text.push_str(&margin);
                }
                text.push_str(&format!("{key}:"));
                behind(value, indent, text);
            }
        }
        Value::Array(list) => {
            for element in list {
                text.push_str(&format!("{margin}- "));
                if element.as_object().is_some_and(|map| map.is_empty()) {
                    text.push_str("{}\n");
                } else {
                    write(element, indent + 2, text);
                }
            }
        }
        scalar => text.push_str(&format!("{scalar}\n")),
    }
}

/// What stands behind a key: in the same line if it is small.
fn behind(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Array(list) if list.iter().any(Value::is_object) => {
            text.push('\n');
            write(value, indent, text);
        }
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            write(value, indent + 2, text);
        }
        small => text.push_str(&format!(" {small}\n")),
    }
}

#[test]
fn what_is_written_reads_as_it_was() {
    let text = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata:\n  name: a\n  namespace: default\n\
        spec:\n  action: DENY\n  rules:\n  - to:\n    - operation:\n        paths: [\"/a*\",\"#\"]\n    when:\n    - key: k\n      \
        notValues: [\"x\"]\n  - {}\n  selector:\n    matchLabels: {\"app\":\"server\"}\n";
    let read = parse(text);
    assert_eq!(parse(&document(&read)), read);
    assert_eq!(read[0].spec.rules.len(), 2);
}
