//! A policy document, made of parts that may come from many places.

use std::collections::BTreeMap;

use super::tree::{self, Tree};
use crate::{decode::API_VERSION, document::PolicyDocument, lower::DEFAULT_TIER};
use bookend_engine::{Action, Mode};

/// A policy document.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// `None`: a `ClusterPolicy`.
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    /// `None`: the tier `default`.
    pub(crate) tier: Option<String>,
    /// Comments before the document, each starting with `#`.
    pub(crate) comments: Vec<String>,
    pub(crate) isolate: Vec<Part>,
    pub(crate) rules: Vec<(Action, Part)>,
}

/// A rule or an isolation, with what may be said for all of the document in its stead.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Lines before it, each starting with `#`.
    pub(crate) comments: Vec<String>,
    /// Its name; empty for an isolation.
    pub(crate) name: String,
    /// 0 for an isolation.
    pub(crate) priority: i32,
    pub(crate) mode: Mode,
    /// The rest of it.
    pub(crate) body: Vec<(String, Tree)>,
}

impl Page {
    /// A policy as it is.
    pub(crate) fn of(policy: &PolicyDocument) -> Self {
        let own = policy.namespace.as_deref();
        Self {
            namespace: policy.namespace.clone(),
            name: policy.name.value.clone(),
            tier: policy.tier.as_ref().map(|tier| tier.value.clone()).filter(|tier| tier != DEFAULT_TIER),
            comments: Vec::new(),
            isolate: policy.isolate.iter().map(|isolation| super::isolation(isolation, own)).collect(),
            rules: policy.rules.iter().map(|rule| (rule.action, super::rule(rule, own))).collect(),
        }
    }

    /// The document.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for comment in &self.comments {
            out.push_str(comment);
            out.push('\n');
        }
        let kind = if self.namespace.is_some() { "Policy" } else { "ClusterPolicy" };
        out.push_str(&head(kind, self.namespace.as_deref(), &self.name, Vec::new()));
        out.push_str("spec:\n");
        let mut spec = Vec::new();
        spec.extend(self.tier.as_ref().map(|tier| ("tier".to_owned(), Tree::text(tier))));
        let (priority, mode) = self.defaults();
        spec.extend((priority != 0).then(|| ("priority".to_owned(), Tree::number(priority))));
        spec.extend((mode == Mode::Audit).then(|| ("mode".to_owned(), Tree::text("audit"))));
        tree::entries(&mut out, 2, &spec);
        parts(&mut out, "isolate", self.isolate.iter(), (0, mode));
        for action in [Action::Deny, Action::Pass, Action::Allow] {
            let of_action = self.rules.iter().filter(|(own, _)| *own == action).map(|(_, part)| part);
            parts(&mut out, action.name(), of_action, (priority, mode));
        }
        out
    }

    /// What most of it says, so that only the others have to.
    fn defaults(&self) -> (i32, Mode) {
        let mut counts: BTreeMap<i32, usize> = BTreeMap::new();
        for (_, part) in &self.rules {
            *counts.entry(part.priority).or_default() += 1;
        }
        let usual = counts.remove(&0).unwrap_or_default().max(1);
        let most = counts.into_iter().max_by_key(|(_, count)| *count).filter(|(_, count)| *count > usual);
        let modes =
            || self.isolate.iter().chain(self.rules.iter().map(|(_, part)| part)).map(|part| part.mode);
        let audits = modes().filter(|mode| *mode == Mode::Audit).count();
        let mode = if audits * 2 > modes().count() { Mode::Audit } else { Mode::Enforce };
        (most.map_or(0, |(priority, _)| priority), mode)
    }
}

fn parts<'p>(out: &mut String, key: &str, parts: impl Iterator<Item = &'p Part>, defaults: (i32, Mode)) {
    let mut before = None;
    for part in parts {
        if before.is_none() {
            out.push_str(&format!("  {key}:\n"));
        } else if !part.comments.is_empty() && before != Some(&part.comments) {
            // What comes from somewhere else stands by itself.
            out.push('\n');
        }
        // What comes from the same place is said once.
        let comments = if before == Some(&part.comments) { &[][..] } else { &part.comments };
        before = Some(&part.comments);
        let mut entries = Vec::new();
        if !part.name.is_empty() {
            entries.push(("name".to_owned(), Tree::text(&part.name)));
            if part.priority != defaults.0 {
                entries.push(("priority".to_owned(), Tree::number(part.priority)));
            }
        }
        if part.mode != defaults.1 {
            let word = if part.mode == Mode::Audit { "audit" } else { "enforce" };
            entries.push(("mode".to_owned(), Tree::text(word)));
        }
        entries.extend(part.body.iter().cloned());
        tree::item(out, 2, comments, &Tree::Map(entries));
    }
}

/// `apiVersion`, `kind` and `metadata`.
pub(super) fn head(kind: &str, namespace: Option<&str>, name: &str, labels: Vec<(String, Tree)>) -> String {
    let mut metadata = vec![("name".to_owned(), Tree::text(name))];
    metadata.extend(namespace.map(|namespace| ("namespace".to_owned(), Tree::text(namespace))));
    metadata.extend((!labels.is_empty()).then(|| ("labels".to_owned(), Tree::Map(labels))));
    let entries = [
        ("apiVersion".to_owned(), Tree::text(API_VERSION)),
        ("kind".to_owned(), Tree::text(kind)),
        ("metadata".to_owned(), Tree::Map(metadata)),
    ];
    let mut out = String::new();
    tree::entries(&mut out, 0, &entries);
    out
}
