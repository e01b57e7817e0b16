//! Rules and isolations of other systems, on their way into documents.

use std::collections::{BTreeMap, BTreeSet};

use super::gather::{Item, Role};
use crate::{
    Compiled, Source, Span,
    diagnostic::Report,
    document::{Document, NamespacesDocument, PeerDocument, PolicyDocument, RuleDocument},
    lower::{self, Surroundings},
    write::{self, Part, Tree},
};
use bookend_engine::{Action, Clause, Ends, HOST_LABEL, LabelExpression, Mode};

/// A rule or an isolation.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) namespace: Option<String>,
    /// `None`: the tier `default`.
    pub(super) tier: Option<String>,
    pub(super) what: What,
    pub(super) mode: Mode,
    /// For a rule without `at`, for an isolation without `directions`.
    pub(super) body: Vec<(String, Tree)>,
    /// Where it comes from; at least one.
    pub(super) origins: Vec<Origin>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Rule {
        action: Action,
        priority: i32,
        at: Ends,
        /// Ends that it cannot govern whatever `at` says, because they lie in other namespaces.
        idle: Ends,
    },
    Isolation {
        ingress: bool,
        egress: bool,
    },
}

/// Where a rule or an isolation comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    /// The position of its policy among all of them.
    pub(super) policy: usize,
    /// The policy's name, without what its kind puts before it.
    pub(super) name: String,
    /// The same with it, for where the name alone is another's.
    pub(super) full_name: String,
    /// `networkpolicy default/reviews (netpol.yaml:12)`.
    pub(super) label: String,
    /// Which part of the policy it is: `ingress[0]`.
    pub(super) part: String,
    /// What its author calls this part, if anything.
    pub(super) called: Option<String>,
    /// As verdicts name it.
    pub(super) id: String,
    /// Whether something wider says it too, so that it needs no mention.
    pub(super) covered: bool,
}

/// What the policies of other systems say.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// In the order of the sources.
    pub(super) drafts: Vec<Draft>,
    /// How many policies of each kind, by what stands before their names in ids.
    pub(super) kinds: BTreeMap<String, usize>,
    /// Policies that say nothing: neither a rule nor an isolation comes of them.
    pub(super) idle: Vec<String>,
    /// Places and names of policies that say something, and of which nothing would be left.
    pub(super) lost: Vec<(Span, String)>,
    /// What is written as it is today.
    pub(super) today: BTreeSet<Today>,
}

/// What policies may ask for, and Bookend's own cannot: whoever is meant today is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Today {
    /// Labels of service accounts.
    Accounts,
    /// Who is behind a Service.
    Services,
}

impl Today {
    /// In a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accounts => "labels of service accounts",
            Self::Services => "addresses behind Services",
        }
    }
}

/// Everything in the policies of other systems. Priorities are those of the program, because some systems have only an order among
/// all policies.
pub(super) fn drafts(
    items: &[Item],
    compiled: &Compiled,
    surroundings: &Surroundings,
    sources: &[Source],
) -> Found {
    let priorities: BTreeMap<&str, i32> =
        compiled.program.rules().iter().map(|rule| (rule.id.as_str(), rule.priority)).collect();
    let hosts = compiled.inventory.hosts().next().is_some();
    // What is wrong was said when the sources were compiled.
    let mut report = Report::tolerant(true);
    let mut found = Found::default();
    let mut policies = 0;
    for item in items {
        let Role::Foreign(documents) = &item.role else { continue };
        // What is staged only to be learnt or ignored.
        if documents.is_empty() && item.kind.starts_with("staged") {
            found.idle.push(label(item, true, sources));
        }
        for document in documents {
            if let Some((_, name, _)) = lower::policy_name(document) {
                *found.kinds.entry(kind(&name)).or_default() += 1;
            }
            if let Document::Calico(policy) = document {
                found.today.extend(policy.asks_accounts().then_some(Today::Accounts));
                found.today.extend(policy.asks_services().then_some(Today::Services));
            }
            let Some(policy) = lower::settled(document, surroundings, &mut report) else { continue };
            if policy.isolate.is_empty() && policy.rules.is_empty() {
                let label = label(item, policy.namespace.is_some(), sources);
                match document {
                    Document::Calico(policy) if policy.decides(surroundings) => {
                        found.lost.push((item.place, label));
                    }
                    _ => found.idle.push(label),
                }
                continue;
            }
            let mut policy = policy.into_owned();
            if !hosts {
                policy.forget_hosts();
            }
            policy_drafts(item, &policy, policies, &priorities, sources, &mut found.drafts);
            policies += 1;
        }
    }
    found
}

/// What kind of policy it is, by what its name has before it: two systems have a NetworkPolicy.
fn kind(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.split('.').next().unwrap_or(name).to_owned()
}

/// A policy as its author knows it: `networkpolicy default/reviews (netpol.yaml:12)`.
fn label(item: &Item, namespaced: bool, sources: &[Source]) -> String {
    let place = match &item.namespace {
        Some(namespace) => format!("{namespace}/{}", item.name),
        None if namespaced => format!("default/{}", item.name),
        None => item.name.clone(),
    };
    let file = sources.get(item.place.source).map_or("?", |source| source.name.as_str());
    format!("{} {place} ({file}:{})", item.kind, item.place.line)
}

fn policy_drafts(
    item: &Item,
    policy: &PolicyDocument,
    number: usize,
    priorities: &BTreeMap<&str, i32>,
    sources: &[Source],
    found: &mut Vec<Draft>,
) {
    let PolicyDocument { namespace, name, tier, isolate, rules } = policy;
    let own = namespace.as_deref();
    let prefix = match own {
        Some(namespace) => format!("{namespace}/{}", name.value),
        None => name.value.clone(),
    };
    let label = label(item, own.is_some(), sources);
    let full_name = name.value.rsplit('/').next().unwrap_or(&name.value).to_owned();
    let origin = |part: String| Origin {
        policy: number,
        name: item.name.clone(),
        full_name: full_name.clone(),
        label: label.clone(),
        called: item.names.get(&part).cloned(),
        id: format!("{prefix}/{part}"),
        covered: false,
        part,
    };
    let tier = tier.as_ref().map(|tier| tier.value.clone());
    for (index, isolation) in isolate.iter().enumerate() {
        let Part { mode, body, .. } = write::isolation(isolation, own);
        found.push(Draft {
            namespace: namespace.clone(),
            tier: tier.clone(),
            what: What::Isolation { ingress: isolation.ingress, egress: isolation.egress },
            mode,
            body: without(body, "directions"),
            origins: vec![origin(format!("isolate[{index}]"))],
        });
    }
    for rule in rules {
        let Part { mode, body, priority, .. } = write::rule(rule, own);
        let origin = origin(rule.name.value.clone());
        let priority = priorities.get(origin.id.as_str()).copied().unwrap_or(priority);
        let what = What::Rule { action: rule.action, priority, at: rule.at, idle: idle(rule, own) };
        let (namespace, tier) = (namespace.clone(), tier.clone());
        found.push(Draft { namespace, tier, what, mode, body: without(body, "at"), origins: vec![origin] });
    }
}

impl PolicyDocument {
    /// Leaves out of selectors that hosts are not meant, which is nobody anyway where there are none.
    fn forget_hosts(&mut self) {
        fn forget(expressions: &mut Vec<LabelExpression>) {
            expressions.retain(
                |expression| !matches!(expression, LabelExpression::DoesNotExist { key } if key == HOST_LABEL),
            );
        }
        fn forgetting(mut peer: PeerDocument) -> PeerDocument {
            peer.workloads.iter_mut().for_each(|selector| forget(&mut selector.expressions));
            peer.not = peer.not.into_iter().map(forgetting).collect();
            peer
        }
        self.isolate.iter_mut().for_each(|isolation| forget(&mut isolation.workloads.expressions));
        for rule in &mut self.rules {
            for clause in [&mut rule.from, &mut rule.to] {
                let Some(list) = clause.alternatives() else { continue };
                let list = list.iter().cloned().map(forgetting).collect();
                // The list was not empty, so neither is this one.
                *clause = Clause::one_of(list).unwrap_or_default();
            }
        }
    }
}

fn without(body: Vec<(String, Tree)>, key: &str) -> Vec<(String, Tree)> {
    body.into_iter().filter(|(own, _)| own != key).collect()
}

/// The ends that all lie in other namespaces by name.
fn idle(rule: &RuleDocument, own: Option<&str>) -> Ends {
    let elsewhere = |peer: &PeerDocument| match peer.workloads.as_ref().map(|selector| &selector.namespaces) {
        Some(NamespacesDocument::Named(name)) => own.is_some_and(|own| own != name.value),
        _ => false,
    };
    let idle =
        |peers: &Clause<PeerDocument>| peers.alternatives().is_some_and(|list| list.iter().all(elsewhere));
    Ends { source: idle(&rule.from), destination: idle(&rule.to) }
}

impl Draft {
    /// The part of a document that says it.
    pub(super) fn part(&self, name: String, comments: Vec<String>) -> Part {
        let mut body = Vec::new();
        let priority = match self.what {
            What::Rule { action, priority, at, idle } => {
                // An allow rule that holds means an end there, so it cannot govern it (S4), and nothing has to say so.
                let both = Ends {
                    source: at.source || action == Action::Allow && idle.source,
                    destination: at.destination || action == Action::Allow && idle.destination,
                };
                body.extend(write::at(both).map(|at| ("at".to_owned(), at)));
                body.extend(self.body.iter().cloned());
                priority
            }
            What::Isolation { ingress, egress } => {
                body.extend(self.body.iter().cloned());
                if !(ingress && egress) {
                    let direction = if ingress { "ingress" } else { "egress" };
                    let list = Tree::List(vec![Tree::text(direction)]);
                    body.push(("directions".to_owned(), list));
                }
                0
            }
        };
        Part { comments, name, priority, mode: self.mode, body }
    }

    /// The ids of what it stands for.
    pub(super) fn ids(&self) -> BTreeSet<String> {
        self.origins.iter().map(|origin| origin.id.clone()).collect()
    }
}
