//! ClusterNetworkPolicies.

use bookend_engine::{Action, End, Isolation, PortMatch, Protocol, Rule};
use serde_json::{Value, json};

use super::super::address::Range;
use super::super::document::{Origins, document};
use super::super::gap::{Effect, Gaps};
use super::super::ground::Ground;
use super::super::naming::{Id, Names};
use super::super::peer::{self, Group, Remote};
use super::super::port::Ports;
use super::namespaced::{Namespaced, other};

/// The most elements of any list in a ClusterNetworkPolicy (its CustomResourceDefinition).
const MOST: usize = 25;

/// A tier of ClusterNetworkPolicies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tier {
    /// Before NetworkPolicies.
    Admin,
    /// After them, for pods that none of them isolates.
    Baseline,
}

/// ClusterNetworkPolicies while they are put together.
#[derive(Debug)]
pub(super) struct Cluster<'g> {
    ground: &'g Ground<'g>,
    /// Whether any may be written.
    allowed: bool,
    policies: Vec<Policy>,
    /// The first policy to which what follows may be added: rules of one action may change places.
    run: usize,
    action: Option<Action>,
}

#[derive(Debug)]
struct Policy {
    tier: Tier,
    end: End,
    first: String,
    subject: Value,
    origins: Origins,
    rules: Vec<Value>,
}

/// Why something is not denied.
const NOT_ALLOWED: &str = "ClusterNetworkPolicies are not to be written, and NetworkPolicies only allow";

impl<'g> Cluster<'g> {
    pub(super) fn new(ground: &'g Ground<'g>, allowed: bool) -> Self {
        Self { ground, allowed, policies: Vec::new(), run: 0, action: None }
    }

    pub(super) fn ground(&self) -> &'g Ground<'g> {
        self.ground
    }

    /// Ends the rules of a tier at an end.
    pub(super) fn close(&mut self) {
        self.run = self.policies.len();
        self.action = None;
    }

    /// Adds a rule, and tells whether it means somebody outside whom no peer here can mean.
    pub(super) fn rule(&mut self, rule: &Rule, end: End, tier: Tier, gaps: &mut Gaps) -> bool {
        let effect = effect(rule.action);
        let instead = instead(rule.action);
        if !self.allowed {
            // An allow rule is written as a NetworkPolicy all the same.
            if rule.action != Action::Allow {
                gaps.add(&rule.id, Effect::Open, NOT_ALLOWED, instead);
            }
            return rule.action == Action::Allow;
        }
        let locals = peer::locals(rule.peers(end), rule.namespace.as_deref(), self.ground);
        let remotes = peer::remotes(rule.peers(other(end)), self.ground);
        for reason in &locals.missing {
            gaps.add(&rule.id, effect, reason.as_str(), instead);
        }
        if locals.list.is_empty() {
            return false;
        }
        for reason in &remotes.missing {
            gaps.add(&rule.id, effect, reason.as_str(), instead);
        }
        let (peers, outside) = self.peers(rule, end, &remotes.list, gaps);
        let outside = outside && rule.action == Action::Allow;
        let Some(protocols) = self.protocols(rule, end, &remotes.list, gaps) else { return outside };
        for local in &locals.list {
            self.add(rule, (end, tier), local, (&peers, protocols.as_deref()), gaps);
        }
        outside
    }

    /// Allows what a rule allows to those of its workloads who are not isolated, before a later tier denies it.
    pub(super) fn allow_unless_isolated(
        &mut self,
        rule: &Rule,
        end: End,
        namespaced: &Namespaced<'_>,
        gaps: &mut Gaps,
    ) {
        if !self.allowed {
            return;
        }
        let locals = peer::locals(rule.peers(end), rule.namespace.as_deref(), self.ground);
        let remotes = peer::remotes(rule.peers(other(end)), self.ground);
        let open: Vec<&Group> = locals.list.iter().filter(|local| !namespaced.isolates(local, end)).collect();
        if open.is_empty() {
            return;
        }
        let (peers, _) = self.peers(rule, end, &remotes.list, gaps);
        let Some(protocols) = self.protocols(rule, end, &remotes.list, gaps) else { return };
        for local in open {
            self.add(rule, (end, Tier::Baseline), local, (&peers, protocols.as_deref()), gaps);
        }
    }

    /// Denies those who are isolated by a tier behind the one of NetworkPolicies.
    pub(super) fn isolation(&mut self, isolation: &Isolation, end: End, gaps: &mut Gaps) {
        let id = &isolation.id;
        if !self.allowed {
            return gaps.add(id, Effect::Open, NOT_ALLOWED, "nobody is isolated by it");
        }
        let group = match peer::group(&isolation.workloads, self.ground) {
            Ok(group) => group,
            Err(reason) => return gaps.add(id, Effect::Open, reason, "nobody is isolated by it"),
        };
        let Some(subject) = selected(&group) else {
            let reason = "label selectors do not know an operator of it";
            return gaps.add(id, Effect::Open, reason, "nobody is isolated by it");
        };
        let everybody = match end {
            End::Source => json!([{ "networks": ["0.0.0.0/0", "::/0"] }]),
            End::Destination => {
                let reason = "a ClusterNetworkPolicy of the tier `Baseline` cannot deny those outside";
                gaps.add(id, Effect::Open, reason, "only what pods open to its workloads is denied");
                json!([{ "namespaces": {} }])
            }
        };
        let field = if end == End::Destination { "from" } else { "to" };
        self.push(
            id,
            Action::Deny,
            (end, Tier::Baseline),
            subject,
            json!({ "action": "Deny", field: everybody }),
        );
    }

    /// Whom a rule means at its other end, and whether somebody outside is missing.
    fn peers(&self, rule: &Rule, end: End, remotes: &[Remote], gaps: &mut Gaps) -> (Vec<Value>, bool) {
        let (effect, instead) = (effect(rule.action), instead(rule.action));
        let mut outside = false;
        let mut peers = Vec::new();
        let mut networks: Vec<String> = Vec::new();
        for remote in remotes {
            match (remote, end) {
                (Remote::Everybody, End::Source) => {
                    networks.extend(["0.0.0.0/0".to_owned(), "::/0".to_owned()])
                }
                (Remote::Everybody, End::Destination) => {
                    peers.push(json!({ "namespaces": {} }));
                    outside = true;
                }
                (Remote::Addresses(range), End::Source) => match self::networks(range) {
                    Some(found) => networks.extend(found),
                    None => {
                        let reason = "the addresses without their exceptions are too many networks";
                        gaps.add(&rule.id, effect, reason, instead);
                    }
                },
                (Remote::Addresses(_), End::Destination) => outside = true,
                (Remote::Group(group), _) => match selected(group) {
                    Some(peer) => peers.push(peer),
                    None => {
                        gaps.add(&rule.id, effect, "label selectors do not know an operator of it", instead)
                    }
                },
            }
        }
        networks.dedup();
        peers.extend(networks.chunks(MOST).map(|networks| json!({ "networks": networks })));
        if outside && rule.action != Action::Allow {
            let reason = "a ClusterNetworkPolicy cannot name those outside as sources";
            gaps.add(&rule.id, Effect::Open, reason, "only what pods open is denied or passed on");
        }
        (peers, outside)
    }

    /// The protocols of a rule, `None` inside for every one; nothing where none is left.
    fn protocols(
        &self,
        rule: &Rule,
        end: End,
        remotes: &[Remote],
        gaps: &mut Gaps,
    ) -> Option<Option<Vec<Value>>> {
        let (effect, instead) = (effect(rule.action), instead(rule.action));
        let ports = Ports::of(rule).only_with_ports();
        if let Some(reason) = ports.lost {
            gaps.add(&rule.id, effect, reason, instead);
        }
        let Some(list) = ports.list else { return Some(None) };
        let mut protocols = Vec::new();
        for port in &list {
            match port {
                PortMatch::Range(range) => {
                    let protocol = range.protocol().name().to_lowercase();
                    let ports = match (range.first().max(1), range.last()) {
                        (first, last) if first == last => json!({ "number": first }),
                        (first, last) => json!({ "range": { "start": first, "end": last } }),
                    };
                    protocols.push(json!({ protocol: { "destinationPort": ports } }));
                }
                PortMatch::Named(named) => {
                    let only_pods = remotes.iter().all(|remote| matches!(remote, Remote::Group(_)));
                    let every = PORTED
                        .iter()
                        .all(|protocol| list.contains(&PortMatch::named(*protocol, &*named.name)));
                    match (only_pods || end == End::Destination, every, rule.action) {
                        (true, true, _) => {}
                        (true, false, Action::Deny) => {
                            let reason =
                                format!("the port `{}` cannot be named for one protocol", named.name);
                            gaps.add(&rule.id, Effect::Stricter, reason, "it is denied for every protocol");
                        }
                        _ => {
                            let reason = format!("the port `{}` cannot be named here", named.name);
                            gaps.add(&rule.id, effect, reason, instead);
                            continue;
                        }
                    }
                    let named = json!({ "destinationNamedPort": named.name });
                    if !protocols.contains(&named) {
                        protocols.push(named);
                    }
                }
            }
        }
        (!protocols.is_empty()).then_some(Some(protocols))
    }

    /// Adds a rule about one group of workloads, divided where lists would be too long.
    fn add(
        &mut self,
        rule: &Rule,
        place: (End, Tier),
        local: &Group,
        (peers, protocols): (&[Value], Option<&[Value]>),
        gaps: &mut Gaps,
    ) {
        let Some(subject) = selected(local) else {
            let reason = "label selectors do not know an operator of it";
            return gaps.add(&rule.id, effect(rule.action), reason, instead(rule.action));
        };
        let action = match rule.action {
            Action::Allow => "Accept",
            Action::Deny => "Deny",
            Action::Pass => "Pass",
        };
        let field = if place.0 == End::Destination { "from" } else { "to" };
        let protocols: Vec<Option<&[Value]>> = match protocols {
            None => vec![None],
            Some(protocols) => protocols.chunks(MOST).map(Some).collect(),
        };
        for peers in peers.chunks(MOST) {
            for protocols in &protocols {
                let mut written = json!({ "action": action, field: peers });
                if let (Some(protocols), Value::Object(written)) = (protocols, &mut written) {
                    written.insert("protocols".to_owned(), json!(protocols));
                }
                self.push(&rule.id, rule.action, place, subject.clone(), written);
            }
        }
    }

    /// Adds a rule to a policy: rules of one action in a row may be in any order.
    fn push(&mut self, id: &str, action: Action, (end, tier): (End, Tier), subject: Value, rule: Value) {
        if self.action != Some(action) {
            // The last policy may go on, because what is added to it comes last.
            self.run = self.policies.len().saturating_sub(1).max(self.run);
            self.action = Some(action);
        }
        let of = Id::of(id).policy;
        let open = self.policies.iter_mut().skip(self.run).find(|policy| {
            let same = (policy.end, policy.tier) == (end, tier) && policy.subject == subject;
            same && Id::of(&policy.first).policy == of && policy.rules.len() < MOST
        });
        match open {
            Some(policy) => {
                policy.origins.add(id);
                policy.rules.push(rule);
            }
            None => {
                let mut origins = Origins::default();
                origins.add(id);
                let first = id.to_owned();
                self.policies.push(Policy { tier, end, first, subject, origins, rules: vec![rule] });
            }
        }
    }

    /// The documents, in the order of trial.
    pub(super) fn documents(self, gaps: &mut Gaps) -> Vec<Value> {
        let mut documents = Vec::new();
        let mut names = Names::default();
        for tier in [Tier::Admin, Tier::Baseline] {
            let policies: Vec<&Policy> = self.policies.iter().filter(|policy| policy.tier == tier).collect();
            // Room between them, as far as there is.
            let step = match policies.len() {
                0..=100 => 10,
                101..=1000 => 1,
                _ => 0,
            };
            for (position, policy) in policies.into_iter().enumerate() {
                let Policy { end, first, subject, origins, rules, .. } = policy;
                if step == 0 {
                    let reason = "there are more than 1000 places in the order of ClusterNetworkPolicies";
                    gaps.add(first, Effect::Open, reason, "nothing of its tier is written");
                    continue;
                }
                let id = Id::of(first);
                let name = names.give("", id.name, id.element);
                let field = if *end == End::Destination { "ingress" } else { "egress" };
                let tier = format!("{tier:?}");
                let spec =
                    json!({ "tier": tier, "priority": position * step, "subject": subject, field: rules });
                let kind = ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy");
                documents.push(document(kind, None, &name, origins, spec));
            }
        }
        documents
    }
}

/// The protocols that have ports.
const PORTED: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];

/// What becomes of a rule where a part of it cannot be written.
fn effect(action: Action) -> Effect {
    match action {
        Action::Allow => Effect::Stricter,
        Action::Deny | Action::Pass => Effect::Open,
    }
}

/// What the target does instead.
fn instead(action: Action) -> &'static str {
    match action {
        Action::Allow => "that is not allowed by it",
        Action::Deny => "that is not denied by it",
        Action::Pass => "the rest of its tier holds for that",
    }
}

/// Workloads, as a subject and as a peer.
fn selected(group: &Group) -> Option<Value> {
    let namespaces = group.spaces.pods().label_selector()?;
    Some(match group.pods.is_any() {
        true => json!({ "namespaces": namespaces }),
        false => {
            json!({ "pods": { "namespaceSelector": namespaces, "podSelector": group.pods.label_selector()? } })
        }
    })
}

/// A range as networks; nothing where they are too many.
fn networks(range: &Range) -> Option<Vec<String>> {
    let nets = range.nets(MOST * MOST)?;
    Some(nets.iter().map(ToString::to_string).collect())
}
