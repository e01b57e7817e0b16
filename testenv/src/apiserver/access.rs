//! Who asks, and whether they may: bearer tokens, and the Roles and ClusterRoles that were applied.
//!
//! Source: `k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac`. Not evaluated: escalation, that is whether who writes a role
//! holds what it grants; aggregation of ClusterRoles.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::route::Place;
use super::store::Store;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct User {
    /// `system:serviceaccount:<namespace>:<name>`, or a name.
    pub name: String,
    groups: Vec<String>,
    /// The node of the pod that the token was given to (`authentication.kubernetes.io/node-name`), if it says one.
    pub(crate) node: Option<String>,
}

impl User {
    /// Somebody who may do everything.
    pub(crate) fn admin() -> Self {
        Self { name: "admin".to_owned(), groups: vec!["system:masters".to_owned()], node: None }
    }

    /// A service account.
    pub fn account(namespace: &str, name: &str) -> Self {
        Self {
            name: format!("system:serviceaccount:{namespace}:{name}"),
            groups: vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")],
            node: None,
        }
    }

    /// The same, by the token of a pod on this node.
    #[must_use]
    pub fn on(mut self, node: &str) -> Self {
        self.node = Some(node.to_owned());
        self
    }

    /// A person, in groups.
    pub fn person(name: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        Self { name: name.to_owned(), groups, node: None }
    }

    fn is(&self, subject: &Value) -> bool {
        let text = |key: &str| subject.get(key).and_then(Value::as_str).unwrap_or_default();
        match text("kind") {
            "User" => self.name == text("name"),
            "Group" => {
                text("name") == "system:authenticated"
                    || self.groups.iter().any(|group| group == text("name"))
            }
            "ServiceAccount" => {
                self.name == format!("system:serviceaccount:{}:{}", text("namespace"), text("name"))
            }
            _ => false,
        }
    }
}

/// What somebody wants to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deed {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// The API group; empty for the core.
    pub group: String,
    /// The plural, with `/` and the subresource if there is one.
    pub resource: String,
    /// The namespace; empty for the whole cluster.
    pub namespace: String,
    /// The object's name; empty for all.
    pub name: String,
}

impl Deed {
    pub(crate) fn at(verb: &str, place: &Place) -> Self {
        let resource = match place.subresource.as_str() {
            "" => place.plural.clone(),
            subresource => format!("{}/{subresource}", place.plural),
        };
        let (group, namespace, name) = (place.group.clone(), place.namespace.clone(), place.name.clone());
        Self { verb: verb.to_owned(), group, resource, namespace, name }
    }
}

/// Who has which token, and what they made use of.
#[derive(Debug, Default)]
pub(crate) struct Access {
    pub(crate) tokens: BTreeMap<String, User>,
    used: BTreeMap<String, BTreeSet<(String, String, String)>>,
}

impl Access {
    pub(crate) fn note(&mut self, user: &User, deed: &Deed) {
        let used = self.used.entry(user.name.clone()).or_default();
        used.insert((deed.verb.clone(), deed.group.clone(), deed.resource.clone()));
    }

    /// What a user may do and did not: `verb resource.group`, each once.
    pub(crate) fn unused(&self, store: &Store, user: &User) -> Vec<String> {
        let nothing = BTreeSet::new();
        let used = self.used.get(&user.name).unwrap_or(&nothing);
        let mut left = BTreeSet::new();
        for (_, rule) in rules(store, user) {
            let list = |key: &str| texts(&rule, key);
            for (verb, group, resource) in list("verbs").iter().flat_map(|verb| {
                let groups = list("apiGroups");
                let resources = list("resources");
                groups
                    .iter()
                    .flat_map(|group| {
                        resources.iter().map(|resource| (verb.clone(), group.clone(), resource.clone()))
                    })
                    .collect::<Vec<_>>()
            }) {
                let by = |deed: &(String, String, String)| {
                    fits(&verb, &deed.0) && fits(&group, &deed.1) && resource_fits(&resource, &deed.2)
                };
                if !used.iter().any(by) {
                    let dot = if group.is_empty() { "" } else { "." };
                    left.insert(format!("{verb} {resource}{dot}{group}"));
                }
            }
        }
        left.into_iter().collect()
    }
}

/// Whether the roles that are bound to somebody let them do it.
pub(crate) fn may(store: &Store, user: &User, deed: &Deed) -> bool {
    if user.groups.iter().any(|group| group == "system:masters") {
        return true;
    }
    // Everybody may ask what they may.
    if deed.group == "authorization.k8s.io" {
        return true;
    }
    rules(store, user).iter().any(|(namespace, rule)| {
        let named = texts(rule, "resourceNames");
        namespace.as_ref().is_none_or(|namespace| *namespace == deed.namespace)
            && texts(rule, "verbs").iter().any(|verb| fits(verb, &deed.verb))
            && texts(rule, "apiGroups").iter().any(|group| fits(group, &deed.group))
            && texts(rule, "resources").iter().any(|resource| resource_fits(resource, &deed.resource))
            && (named.is_empty() || named.contains(&deed.name))
    })
}

fn fits(rule: &str, asked: &str) -> bool {
    rule == "*" || rule == asked
}

fn resource_fits(rule: &str, asked: &str) -> bool {
    fits(rule, asked)
        || rule
            .strip_prefix("*/")
            .is_some_and(|wanted| asked.split_once('/').is_some_and(|(_, sub)| sub == wanted))
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    let list = value.get(key).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

const GROUP: &str = "rbac.authorization.k8s.io";

/// Every rule that is granted to somebody, and in which namespace; `None` for everywhere.
fn rules(store: &Store, user: &User) -> Vec<(Option<String>, Value)> {
    let mut found = Vec::new();
    for (bindings, everywhere) in [("clusterrolebindings", true), ("rolebindings", false)] {
        for binding in store.all(&format!("{bindings}.{GROUP}")) {
            let subjects = binding.get("subjects").and_then(Value::as_array);
            if !subjects.into_iter().flatten().any(|subject| user.is(subject)) {
                continue;
            }
            let text = |path: &str| binding.pointer(path).and_then(Value::as_str).unwrap_or_default();
            let namespace = text("/metadata/namespace");
            let role = match text("/roleRef/kind") {
                "Role" => store.get(&format!("roles.{GROUP}"), namespace, text("/roleRef/name")),
                _ => store.get(&format!("clusterroles.{GROUP}"), "", text("/roleRef/name")),
            };
            let place = (!everywhere).then(|| namespace.to_owned());
            let rules = role.as_ref().and_then(|role| role.get("rules")).and_then(Value::as_array);
            found.extend(rules.into_iter().flatten().map(|rule| (place.clone(), rule.clone())));
        }
    }
    found
}

/// What is told to somebody who may not.
pub(crate) fn refusal(user: &User, deed: &Deed) -> String {
    let place = match deed.namespace.as_str() {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace \"{namespace}\""),
    };
    format!(
        "User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {place}",
        user.name, deed.verb, deed.resource, deed.group
    )
}

/// Answers a SelfSubjectAccessReview.
pub(crate) fn review(store: &Store, user: &User, body: &Value) -> Value {
    let text = |key: &str| {
        let found = body.pointer(&format!("/spec/resourceAttributes/{key}")).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    let subresource = text("subresource");
    let resource = text("resource");
    let resource = if subresource.is_empty() { resource } else { format!("{resource}/{subresource}") };
    let deed = Deed {
        verb: text("verb"),
        group: text("group"),
        resource,
        namespace: text("namespace"),
        name: text("name"),
    };
    let about = body.pointer("/spec/nonResourceAttributes").is_some();
    let allowed = about || may(store, user, &deed);
    let mut answer = body.clone();
    super::refusal::set(&mut answer, "status", json!({ "allowed": allowed }));
    answer
}
