//! Policies and rules, and what they are called.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, Origin, What};
use crate::{
    limit,
    write::{Page, Tree},
};

/// The longest name of a rule.
const MAX_NAME: usize = 63;

/// The most rules that policies together may have to become one: more nobody reads as one.
const MAX_RULES: usize = 100;

/// A policy, and which ids stand for which.
type Named = (Page, Vec<(String, BTreeSet<String>)>);

/// Policies of the drafts: one for each policy they come from, or, if `merge` says so, one for each namespace and tier.
pub(super) fn pages(
    drafts: Vec<Draft>,
    merge: bool,
    taken: &BTreeSet<(Option<String>, String)>,
) -> Vec<Named> {
    let groups = groups(drafts, merge);
    let mut names = Names { taken: taken.clone(), wanted: BTreeMap::new() };
    for drafts in &groups {
        names.want(drafts);
    }
    groups.into_iter().map(|drafts| page(&drafts, names.name(&drafts))).collect()
}

/// The drafts that become one policy each. None is empty.
fn groups(drafts: Vec<Draft>, merge: bool) -> Vec<Vec<Draft>> {
    let mut sizes: BTreeMap<(Option<String>, Option<String>), usize> = BTreeMap::new();
    for draft in &drafts {
        *sizes.entry((draft.namespace.clone(), draft.tier.clone())).or_default() += 1;
    }
    let mut places = BTreeMap::new();
    let mut groups: Vec<Vec<Draft>> = Vec::new();
    for draft in drafts {
        let lies = (draft.namespace.clone(), draft.tier.clone());
        let few = sizes.get(&lies).is_some_and(|size| *size <= MAX_RULES);
        let policy = draft.origins.first().map(|origin| origin.policy).filter(|_| !(merge && few));
        let place = *places.entry((lies, policy)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(draft),
            None => groups.push(vec![draft]),
        }
    }
    groups
}

/// The policies that a group comes from.
fn policies(drafts: &[Draft]) -> BTreeMap<usize, &Origin> {
    drafts.iter().flat_map(|draft| &draft.origins).map(|origin| (origin.policy, origin)).collect()
}

/// Names of policies.
struct Names {
    taken: BTreeSet<(Option<String>, String)>,
    /// How many want each name.
    wanted: BTreeMap<(Option<String>, String), usize>,
}

impl Names {
    /// The names that would do, the best first.
    fn candidates(drafts: &[Draft]) -> Vec<String> {
        let policies = policies(drafts);
        let tier =
            drafts.first().and_then(|draft| draft.tier.clone()).unwrap_or_else(|| "default".to_owned());
        match policies.values().collect::<Vec<_>>().as_slice() {
            [only] => vec![only.name.clone(), only.full_name.clone()],
            _ => vec![tier.clone(), format!("{tier}-policies")],
        }
    }

    fn want(&mut self, drafts: &[Draft]) {
        let namespace = drafts.first().and_then(|draft| draft.namespace.clone());
        if let Some(name) = Self::candidates(drafts).into_iter().next() {
            *self.wanted.entry((namespace, name)).or_default() += 1;
        }
    }

    fn name(&mut self, drafts: &[Draft]) -> String {
        let namespace = drafts.first().and_then(|draft| draft.namespace.clone());
        let candidates = Self::candidates(drafts);
        let place = |name: &String| (namespace.clone(), name.clone());
        let last = candidates.last().cloned().unwrap_or_else(|| "policy".to_owned());
        let numbered = (2..usize::MAX).map(|number| format!("{last}-{number}"));
        let free = candidates.into_iter().chain(numbered).find(|name| {
            let contested = self.wanted.get(&place(name)).is_some_and(|count| *count > 1);
            !contested && !self.taken.contains(&place(name))
        });
        let name = free.unwrap_or(last);
        self.taken.insert(place(&name));
        name
    }
}

fn page(drafts: &[Draft], name: String) -> Named {
    let policies = policies(drafts);
    let several = policies.len() > 1;
    let namespace = drafts.first().and_then(|draft| draft.namespace.clone());
    let prefix = match &namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.clone(),
    };
    let mut page = Page {
        namespace,
        name,
        tier: drafts.first().and_then(|draft| draft.tier.clone()),
        comments: Vec::new(),
        isolate: Vec::new(),
        rules: Vec::new(),
    };
    if let (false, Some(origin)) = (several, policies.values().next()) {
        page.comments.push(format!("# from {}", origin.label));
    }
    let rules_of = |policy: usize| {
        let rule = |draft: &&Draft| {
            matches!(draft.what, What::Rule { .. })
                && draft.origins.first().is_some_and(|origin| origin.policy == policy)
        };
        drafts.iter().filter(rule).count()
    };
    let open = drafts.iter().flat_map(|draft| &draft.origins).filter(|origin| !origin.covered);
    let mentioned: BTreeSet<usize> = open.map(|origin| origin.policy).collect();
    let mut used = BTreeSet::new();
    let mut ids = Vec::new();
    for draft in drafts {
        let comments = if several { origins(draft, &mentioned) } else { Vec::new() };
        match &draft.what {
            What::Isolation { .. } => {
                ids.push((format!("{prefix}/isolate[{}]", page.isolate.len()), draft.ids()));
                page.isolate.push(draft.part(String::new(), comments));
            }
            What::Rule { action, .. } => {
                let alone = draft.origins.first().is_some_and(|origin| rules_of(origin.policy) == 1);
                let name = unique(rule_name(draft, several, alone), &mut used);
                ids.push((format!("{prefix}/{name}"), draft.ids()));
                let comments = if comments.is_empty() { unnamed(draft, &name) } else { comments };
                page.rules.push((*action, draft.part(name, comments)));
            }
        }
    }
    (page, ids)
}

/// Where a rule of several policies comes from, one line for each policy; those that are `mentioned` elsewhere only where they say
/// what nothing wider does.
fn origins(draft: &Draft, mentioned: &BTreeSet<usize>) -> Vec<String> {
    let mut lines: Vec<(&str, Vec<&str>)> = Vec::new();
    let told = |origin: &&Origin| !(origin.covered && mentioned.contains(&origin.policy));
    for origin in draft.origins.iter().filter(told) {
        match lines.iter_mut().find(|(label, _)| *label == origin.label) {
            Some((_, parts)) => parts.push(&origin.part),
            None => lines.push((&origin.label, vec![&origin.part])),
        }
    }
    let own = |part: &&str| !part.starts_with("isolate[");
    let line = |(label, parts): (&str, Vec<&str>)| {
        let parts: Vec<&str> = parts.into_iter().filter(own).collect();
        if parts.is_empty() {
            format!("# from {label}")
        } else {
            format!("# from {label}, {}", parts.join(", "))
        }
    };
    lines.into_iter().map(line).collect()
}

/// Which part of its policy a rule is, where its name does not tell.
fn unnamed(draft: &Draft, name: &str) -> Vec<String> {
    let parts: Vec<&str> = draft.origins.iter().map(|origin| origin.part.as_str()).collect();
    match parts.as_slice() {
        [only] if label(only) == name => Vec::new(),
        _ => vec![format!("# {}", parts.join(", "))],
    }
}

/// What a rule is called: what its author calls it, or else which part of which policy it is; two ends of one connection are called
/// after who is at them.
fn rule_name(draft: &Draft, several: bool, alone: bool) -> String {
    if draft.origins.len() > 1
        && let Some(name) = by_ends(draft)
    {
        return name;
    }
    let Some(origin) = draft.origins.first() else { return String::new() };
    match (&origin.called, several) {
        (Some(called), _) => label(called),
        (None, false) => label(&origin.part),
        (None, true) if alone => label(&origin.name),
        (None, true) => label(&format!("{}-{}", origin.name, origin.part)),
    }
}

/// `web-to-db`, where each end is known by one label.
fn by_ends(draft: &Draft) -> Option<String> {
    let end = |key: &str| {
        let (_, Tree::List(peers)) = draft.body.iter().find(|(own, _)| own == key)? else { return None };
        let [Tree::Map(peer)] = peers.as_slice() else { return None };
        let [(_, Tree::Map(selector))] = peer.as_slice() else { return None };
        let (_, Tree::Map(labels)) = selector.iter().find(|(key, _)| key == "labels")? else { return None };
        match labels.as_slice() {
            [(_, Tree::Text(value))] => Some(value.clone()),
            _ => None,
        }
    };
    Some(label(&format!("{}-to-{}", end("from")?, end("to")?)))
}

/// A text as the name of a rule: what else it holds becomes `-`.
fn label(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars().map(|c| c.to_ascii_lowercase()) {
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    name.truncate(MAX_NAME);
    let name = name.trim_matches('-');
    if name.is_empty() { "rule".to_owned() } else { name.to_owned() }
}

/// A name that no other rule of the policy has.
fn unique(name: String, used: &mut BTreeSet<String>) -> String {
    let numbered = |number: usize| {
        let suffix = format!("-{number}");
        let stem = name.get(..MAX_NAME.saturating_sub(suffix.len()).min(name.len())).unwrap_or(&name);
        format!("{}{suffix}", stem.trim_end_matches('-'))
    };
    let free = core::iter::once(name.clone())
        .chain((2..=limit::RULES.saturating_add(2)).map(numbered))
        .find(|name| !used.contains(name));
    let name = free.unwrap_or(name);
    used.insert(name.clone());
    name
}
