//! `from` of an AuthorizationPolicy.

use std::collections::BTreeSet;

use bookend_engine::{Action, Clause, PeerMatch, PrincipalPattern, Rule, WorkloadIdentity};
use serde_json::{Map, Value, json};

use super::super::address::Range;
use super::super::gap::{Effect, Gaps};
use super::super::ground::Ground;
use super::super::peer::{self, Group, Remote, Spaces};
use super::namespaces;

/// Who may be at the other end: `None` for everybody, and nobody if the list is empty.
pub(super) fn sources(rule: &Rule, ground: &Ground<'_>, gaps: &mut Gaps) -> Option<Vec<Value>> {
    let list = rule.from.alternatives()?;
    let (effect, instead) = match rule.action {
        Action::Allow => (Effect::Stricter, "those are not allowed by it"),
        _ => (Effect::Open, "those are not denied by it"),
    };
    let mut sources = Vec::new();
    for one in list {
        if let Some(proven) = proven(one, rule.action, ground.inventory.trust_domain()) {
            match proven {
                Ok(source) => sources.push(source),
                Err(reason) => gaps.add(&rule.id, effect, reason, instead),
            }
            continue;
        }
        let said = peer::remotes(&Clause::only(one.clone()), ground);
        for reason in &said.missing {
            gaps.add(&rule.id, effect, reason.as_str(), instead);
        }
        for remote in &said.list {
            match remote {
                Remote::Everybody => return None,
                Remote::Addresses(Range { net, except }) => {
                    let mut fields = Map::from_iter([("ipBlocks".to_owned(), json!([net.to_string()]))]);
                    if !except.is_empty() {
                        let except: Vec<String> = except.iter().map(ToString::to_string).collect();
                        fields.insert("notIpBlocks".to_owned(), json!(except));
                    }
                    sources.push(Value::Object(fields));
                }
                Remote::Group(group) => sources.extend(accounts(rule, group, ground, gaps)),
            }
        }
    }
    sources.dedup();
    Some(sources)
}

/// A source by its certificate, for a peer that asks for one.
fn proven(peer: &PeerMatch, action: Action, domain: &str) -> Option<Result<Value, &'static str>> {
    let asked = !peer.principals.is_any() || peer.not.iter().any(|not| !not.principals.is_any());
    if !asked {
        return None;
    }
    if peer.workloads.is_some() {
        return Some(Err("labels and principals cannot be asked of one peer"));
    }
    let patterns = core::iter::once(peer).chain(&peer.not).filter_map(|peer| peer.principals.alternatives());
    if patterns.flatten().any(|pattern| is_pointer(pattern, domain)) {
        return Some(Err("`cluster.local` means the mesh's own trust domain there, which is another"));
    }
    let mut fields = Map::new();
    if let Some(patterns) = peer.principals.alternatives() {
        fields.insert("principals".to_owned(), patterns.iter().map(principal).collect());
    } else if action == Action::Allow {
        return Some(Err("somebody without a certificate would be allowed as well"));
    }
    if let Some(blocks) = peer.blocks.alternatives() {
        let ranges: Vec<Range> = blocks.iter().map(Range::of).collect();
        if ranges.iter().any(|range| !range.except.is_empty()) {
            return Some(Err("principals and addresses with exceptions cannot be asked of one peer"));
        }
        fields
            .insert("ipBlocks".to_owned(), ranges.iter().map(|range| json!(range.net.to_string())).collect());
    }
    let mut not = Vec::new();
    for excepted in &peer.not {
        let only = excepted.workloads.is_none() && excepted.blocks.is_any() && excepted.not.is_empty();
        match excepted.principals.alternatives() {
            Some(patterns) if only => not.extend(patterns.iter().map(principal)),
            _ => return Some(Err("of principals only principals can be excepted")),
        }
    }
    if !not.is_empty() {
        fields.insert("notPrincipals".to_owned(), json!(not));
    }
    Some(Ok(Value::Object(fields)))
}

/// Whether a pattern may mean an id of `cluster.local`, which Istio takes for the mesh's own trust domain (`pilot/pkg/security/trustdomain`).
fn is_pointer(pattern: &PrincipalPattern, domain: &str) -> bool {
    const POINTER: &str = "cluster.local";
    let rest = pattern.as_str().strip_prefix("spiffe://").unwrap_or(pattern.as_str());
    domain != POINTER && rest.split('/').next() == Some(POINTER)
}

/// A principal without the scheme, which a mesh leaves out.
fn principal(pattern: &PrincipalPattern) -> Value {
    json!(pattern.as_str().strip_prefix("spiffe://").unwrap_or(pattern.as_str()))
}

/// The accounts under which a group runs, and nobody else where the rule allows.
fn accounts(rule: &Rule, group: &Group, ground: &Ground<'_>, gaps: &mut Gaps) -> Option<Value> {
    let domain = ground.inventory.trust_domain();
    let id = |(namespace, account): &(String, String)| format!("{domain}/ns/{namespace}/sa/{account}");
    if group.pods.is_any() && group.accounts.is_empty() {
        return match &group.spaces {
            Spaces::Named(name) => Some(json!({ "namespaces": [name] })),
            Spaces::Labelled(labels) if labels.is_any() => {
                Some(json!({ "principals": [format!("{domain}/*")] }))
            }
            Spaces::Labelled(_) => {
                let names = namespaces(&group.spaces, ground);
                gaps.note(
                    &rule.id,
                    "namespaces are named, not asked for labels",
                    "namespaces to come are not meant",
                );
                (!names.is_empty()).then(|| json!({ "namespaces": names }))
            }
        };
    }
    let names = namespaces(&group.spaces, ground);
    if group.pods.is_any() {
        let pairs = names
            .iter()
            .flat_map(|name| group.accounts.iter().map(|account| (name.clone(), account.clone())));
        let principals: Vec<String> = pairs.map(|pair| id(&pair)).collect();
        return (!principals.is_empty()).then(|| json!({ "principals": principals }));
    }
    let meant = |identity: &WorkloadIdentity| {
        let runs = group.accounts.is_empty() || group.accounts.contains(&identity.service_account);
        runs && group.pods.holds(&identity.labels) == Some(true)
    };
    let mut own: BTreeSet<(String, String)> = BTreeSet::new();
    let mut others: BTreeSet<(String, String)> = BTreeSet::new();
    for identity in names.iter().flat_map(|name| ground.workloads_in(name)) {
        let pair = (identity.namespace.clone(), identity.service_account.clone());
        if meant(identity) {
            own.insert(pair)
        } else {
            others.insert(pair)
        };
    }
    let shared: Vec<String> = own.intersection(&others).map(id).collect();
    if !shared.is_empty() {
        let reason = format!(
            "a mesh knows accounts and no labels, and others run under `{}` too",
            shared.join("`, `")
        );
        let instead = match rule.action {
            Action::Allow => "those are not allowed by it",
            _ => "those others are denied as well",
        };
        gaps.add(&rule.id, Effect::Stricter, reason, instead);
    }
    if own.is_empty() {
        let effect = if rule.action == Action::Allow { Effect::Stricter } else { Effect::Open };
        let reason = "a mesh knows accounts and no labels, and nobody with these labels is known";
        gaps.add(&rule.id, effect, reason, "it says nothing about them");
    }
    let kept = own.iter().filter(|pair| rule.action != Action::Allow || !others.contains(pair));
    let principals: Vec<String> = kept.map(id).collect();
    (!principals.is_empty()).then(|| json!({ "principals": principals }))
}
