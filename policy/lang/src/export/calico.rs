//! Calico's policies: every tier becomes one of Calico's, in which rules are tried in order, isolations deny at the end, and whatever
//! is left goes on to the next tier.

mod entity;
mod selector;

use std::collections::BTreeMap;

use bookend_engine::{Action, End, Isolation, Mode, Plane, Program, Rule};
use serde_json::{Map, Value, json};

use self::entity::Entity;
use super::course::Step;
use super::document::{Origins, document};
use super::gap::{Effect, Gaps};
use super::ground::Ground;
use super::naming::{Id, Names, naturally};
use super::packet::packet_rule;
use super::peer::{self, Group, Remote, Spaces};

/// The group and version of Calico's API.
const API: &str = "projectcalico.org/v3";

/// The places of the tiers that Calico has by itself (`kube-admin`, `default`, `kube-baseline`) and of what comes after all.
const TAKEN: [u32; 4] = [1_000, 1_000_000, 10_000_000, 100_000_000];

/// How far apart policies are, so that others find room between them.
const STEP: usize = 10;

/// Policies while they are put together.
#[derive(Debug)]
struct Writing<'g> {
    ground: Ground<'g>,
    policies: Vec<Policy>,
    /// The first policy to which what follows may be added: rules of one action may change places.
    run: usize,
    action: Option<(Action, Mode)>,
}

#[derive(Debug)]
struct Policy {
    tier: u32,
    mode: Mode,
    end: End,
    first: String,
    subject: Group,
    origins: Origins,
    rules: Vec<Value>,
}

/// The program as Calico's documents.
pub(super) fn documents(
    program: &Program,
    tiers: &BTreeMap<(Plane, u32), String>,
    ground: &Ground<'_>,
    gaps: &mut Gaps,
) -> Vec<Value> {
    let ground = Ground { names_accounts: true, ..*ground };
    let mut writing = Writing { ground, policies: Vec::new(), run: 0, action: None };
    let mut orders: Vec<(Plane, u32)> = program.rules().iter().map(|rule| (rule.plane, rule.tier)).collect();
    orders.extend(program.isolations().iter().map(|isolation| (isolation.plane, isolation.tier)));
    orders.sort_unstable();
    orders.dedup();
    for (_, order) in &orders {
        for end in [End::Destination, End::Source] {
            for step in steps(program, *order, end) {
                match step {
                    Step::Rule(rule) => writing.rule(rule, end, gaps),
                    Step::Isolation(isolation) => writing.isolation(isolation, end, gaps),
                }
            }
            writing.run = writing.policies.len();
            writing.action = None;
        }
    }
    let mut documents = Vec::new();
    let mut names = Names::default();
    let mut last = 0;
    for place in &orders {
        let tier = tier_name(*place, tiers);
        let policies: Vec<&Policy> =
            writing.policies.iter().filter(|policy| policy.tier == place.1).collect();
        if policies.is_empty() {
            continue;
        }
        let order = place.1.max(last + 1);
        let order = if TAKEN.contains(&order) { order + 1 } else { order };
        last = order;
        documents.push(json!({
            "apiVersion": API, "kind": "Tier",
            "metadata": { "name": tier, "labels": { "app.kubernetes.io/managed-by": "bookend" } },
            "spec": { "order": order, "defaultAction": "Pass" },
        }));
        for (position, policy) in policies.into_iter().enumerate() {
            documents.push(policy.document(&tier, (position + 1) * STEP, &mut names));
        }
    }
    documents
}

/// What is tried in a tier at an end, in order.
fn steps(program: &Program, order: u32, end: End) -> Vec<Step<'_>> {
    let mut rules: Vec<&Rule> =
        program.rules().iter().filter(|rule| rule.tier == order && rule.at.contains(end)).collect();
    rules.sort_by(|a, b| {
        let place = |rule: &Rule| (rule.priority, rule.action);
        place(a).cmp(&place(b)).then_with(|| naturally(&a.id, &b.id))
    });
    let isolations = program.isolations().iter().filter(|i| i.tier == order && i.covers(end));
    let isolations = isolations.map(Step::Isolation);
    // What a rule for everybody passes on meets nothing else of the tier.
    let all = rules.iter().position(|rule| passes_all(rule));
    let rules = rules.into_iter().map(Step::Rule);
    match all {
        Some(position) => rules.take(position).collect(),
        None => rules.chain(isolations).collect(),
    }
}

/// Whether a rule passes on whatever it is asked.
fn passes_all(rule: &Rule) -> bool {
    let any = rule.from.is_any() && rule.to.is_any() && rule.ports.is_any() && rule.not_ports.is_empty();
    rule.action == Action::Pass
        && rule.mode == Mode::Enforce
        && rule.namespace.is_none()
        && any
        && rule.http.is_any()
}

/// What Calico calls a tier.
fn tier_name(place: (Plane, u32), tiers: &BTreeMap<(Plane, u32), String>) -> String {
    let name = tiers.get(&place).cloned().unwrap_or_else(|| format!("tier-{}", place.1));
    match place.0 {
        Plane::Network => name.strip_prefix("calico.").map_or(name.clone(), str::to_owned),
        _ => format!("bookend-{name}"),
    }
}

impl Writing<'_> {
    fn rule(&mut self, rule: &Rule, end: End, gaps: &mut Gaps) {
        let Some(rule) = packet_rule(rule, &self.ground, gaps) else { return };
        let mut locals = peer::locals(rule.peers(end), rule.namespace.as_deref(), &self.ground);
        locals.list.retain(|group| {
            let reason = misread(group);
            locals.missing.extend(reason.clone());
            reason.is_none()
        });
        let (effect, instead) = missing(rule.action);
        for reason in &locals.missing {
            gaps.add(&rule.id, effect, reason.as_str(), instead);
        }
        if locals.list.is_empty() {
            return;
        }
        let mut remotes = peer::remotes(rule.peers(other(end)), &self.ground);
        remotes.list.retain(|remote| {
            let Remote::Group(group) = remote else { return true };
            let reason = misread(group);
            remotes.missing.extend(reason.clone());
            reason.is_none()
        });
        for reason in &remotes.missing {
            gaps.add(&rule.id, effect, reason.as_str(), instead);
        }
        let entities: Vec<Entity> =
            remotes.list.iter().map(|remote| Entity::of(remote, rule.namespace.as_deref())).collect();
        let (written, lost) = entity::rules(rule, end, &entities);
        if let Some(reason) = lost {
            gaps.add(&rule.id, effect, reason, instead);
        }
        for local in &locals.list {
            for value in &written {
                self.push(&rule.id, (rule.action, rule.mode), (rule.tier, end), local, value.clone());
            }
        }
    }

    fn isolation(&mut self, isolation: &Isolation, end: End, gaps: &mut Gaps) {
        let group =
            peer::group(&isolation.workloads, &self.ground.by_labels()).map_err(|reason| reason.to_string());
        match group.and_then(|group| misread(&group).map_or(Ok(group), Err)) {
            Ok(group) => {
                let place = (isolation.tier, end);
                self.push(
                    &isolation.id,
                    (Action::Deny, isolation.mode),
                    place,
                    &group,
                    json!({ "action": "Deny" }),
                );
            }
            Err(reason) => gaps.add(&isolation.id, Effect::Open, reason, "nobody is isolated by it"),
        }
    }

    fn push(
        &mut self,
        id: &str,
        action: (Action, Mode),
        (tier, end): (u32, End),
        subject: &Group,
        rule: Value,
    ) {
        if self.action != Some(action) {
            // The last policy may go on, because what is added to it comes last.
            self.run = self.policies.len().saturating_sub(1).max(self.run);
            self.action = Some(action);
        }
        let of = Id::of(id).policy;
        let open = self.policies.iter_mut().skip(self.run).find(|policy| {
            let same = (policy.tier, policy.end, policy.mode) == (tier, end, action.1);
            same && policy.subject == *subject && Id::of(&policy.first).policy == of
        });
        match open {
            Some(policy) => {
                policy.origins.add(id);
                policy.rules.push(rule);
            }
            None => {
                let mut origins = Origins::default();
                origins.add(id);
                let (mode, first, subject) = (action.1, id.to_owned(), subject.clone());
                self.policies.push(Policy { tier, mode, end, first, subject, origins, rules: vec![rule] });
            }
        }
    }
}

impl Policy {
    fn document(&self, tier: &str, order: usize, names: &mut Names) -> Value {
        let Self { mode, end, first, subject, origins, rules, .. } = self;
        let mut spec = Map::new();
        spec.insert("tier".to_owned(), json!(tier));
        spec.insert("order".to_owned(), json!(order));
        spec.insert("selector".to_owned(), json!(selector::of(&subject.pods)));
        let (kind, namespace) = match &subject.spaces {
            Spaces::Named(name) => ("NetworkPolicy", Some(name.as_str())),
            Spaces::Labelled(labels) => {
                // Without it hosts would be meant as well.
                spec.insert("namespaceSelector".to_owned(), json!(selector::of(labels)));
                ("GlobalNetworkPolicy", None)
            }
        };
        let (field, direction) = match end {
            End::Destination => ("ingress", "Ingress"),
            End::Source => ("egress", "Egress"),
        };
        spec.insert("types".to_owned(), json!([direction]));
        spec.insert(field.to_owned(), json!(rules));
        let kind = match mode {
            Mode::Enforce => kind.to_owned(),
            Mode::Audit => format!("Staged{kind}"),
        };
        // Calico wants the name of the tier before that of the policy.
        let id = Id::of(first);
        let own = id.name.strip_prefix(tier).and_then(|rest| rest.strip_prefix('.')).unwrap_or(id.name);
        // A staged policy of the name of another would be read as what becomes of that one.
        let name = names.give(namespace.unwrap_or_default(), &format!("{tier}.{own}"), id.element);
        document((API, &kind), namespace, &name, origins, Value::Object(spec))
    }
}

/// What becomes of what cannot be written of a rule, and what is there instead.
fn missing(action: Action) -> (Effect, &'static str) {
    match action {
        Action::Allow => (Effect::Stricter, "that is not allowed by it"),
        Action::Deny => (Effect::Open, "that is not denied by it"),
        Action::Pass => (Effect::Open, "the rest of its tier holds for that"),
    }
}

/// Why Calico would take the labels of a group for others.
fn misread(group: &Group) -> Option<String> {
    let spaces = group.spaces.pods();
    let key = selector::misread(&group.pods).or_else(|| selector::misread(&spaces))?;
    Some(format!("Calico takes the label `{key}` for something of its own"))
}

/// The opposite end.
fn other(end: End) -> End {
    match end {
        End::Source => End::Destination,
        End::Destination => End::Source,
    }
}
