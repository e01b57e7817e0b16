//! What the meaning of Calico's policies depends on, besides what all policies' does.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Code, Span,
    diagnostic::Report,
    document::{Behind, CalicoPolicy, CalicoSet, NetworkDocument, ServiceName},
    lower::{Facts, facts::unique, services, surroundings::Network},
};
use bookend_engine::{Block, HOST_LABEL, Inventory, Labels, Mode};

/// The tier of policies that name none.
const DEFAULT: &str = "default";

/// The order at which NetworkPolicies of Kubernetes stand in the default tier, and what their names begin with there (Calico,
/// `K8sNetworkPolicyToCalico`). Their rules have the priority 0.
const KUBERNETES: (f64, &str) = (1_000.0, "knp.default.");

/// What is known of all policies, tiers, accounts and Services together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context {
    /// The priority of the first rule of each policy, by namespace and name.
    bases: BTreeMap<(Option<String>, String), i32>,
    /// The priority of what is tried after all policies, by tier.
    lasts: BTreeMap<String, i32>,
    /// The tiers at whose end nobody is denied.
    passing: BTreeSet<String>,
    /// The policies that are enforced, by namespace and name.
    enforced: BTreeSet<(Option<String>, String)>,
    /// The labels of service accounts, by namespace and name.
    pub(super) accounts: BTreeMap<(String, String), Labels>,
    /// An account of some workload that no document describes.
    pub(super) undescribed: Option<(String, String)>,
    /// Whether there are endpoints of hosts.
    pub(super) hosts: bool,
    /// Who is behind the Services that rules name.
    behind: BTreeMap<ServiceName, Vec<Behind>>,
}

impl Context {
    /// The priority of the first rule of a policy.
    pub(super) fn base(&self, namespace: Option<&str>, name: &str) -> i32 {
        self.bases.get(&(namespace.map(str::to_owned), name.to_owned())).copied().unwrap_or_default()
    }

    /// The priority of what is tried after all rules of a tier.
    pub(super) fn last(&self, tier: &str) -> i32 {
        self.lasts.get(tier).copied().unwrap_or(1)
    }

    /// Whether nobody is denied at the end of a tier.
    pub(super) fn passes(&self, tier: &str) -> bool {
        self.passing.contains(tier)
    }

    /// Whether there is such a policy, and it is enforced.
    pub(super) fn is_enforced(&self, namespace: Option<&str>, name: &str) -> bool {
        self.enforced.contains(&(namespace.map(str::to_owned), name.to_owned()))
    }

    /// Who is behind a Service; `None` where nobody describes it.
    pub(super) fn behind(&self, service: &ServiceName) -> Option<&[Behind]> {
        self.behind.get(service).map(Vec::as_slice)
    }
}

/// All of it, as documents say.
pub(in super::super) fn context(facts: &Facts<'_>, inventory: &Inventory) -> Context {
    let policies = &facts.calico_policies;
    let (bases, lasts) = ranked(policies);
    let passing = facts.calico_tiers.iter().filter(|tier| tier.passes).map(|tier| tier.name.value.clone());
    let enforced = policies.iter().filter(|policy| policy.mode == Mode::Enforce).map(|policy| key(policy));
    let accounts: BTreeMap<(String, String), Labels> = facts
        .accounts
        .iter()
        .map(|account| ((account.namespace.clone(), account.name.value.clone()), account.labels.clone()))
        .collect();
    let mut undescribed = None;
    // Without policies nobody asks.
    if !policies.is_empty() {
        let run = inventory.workloads().iter().map(|workload| &workload.identity);
        let run = run.filter(|identity| !identity.labels.contains_key(HOST_LABEL));
        let run = run.map(|identity| (identity.namespace.clone(), identity.service_account.clone()));
        undescribed = run.filter(|account| !accounts.contains_key(account)).min();
    }
    let rules = policies.iter().flat_map(|policy| [&policy.ingress, &policy.egress]).flatten().flatten();
    let named = rules.flat_map(|rule| [&rule.source.service, &rule.destination.service]).flatten();
    let named: BTreeSet<ServiceName> = named.map(|service| service.value.clone()).collect();
    Context {
        bases,
        lasts,
        passing: passing.collect(),
        enforced: enforced.collect(),
        accounts,
        undescribed,
        hosts: inventory.workloads().iter().any(|workload| workload.identity.labels.contains_key(HOST_LABEL)),
        behind: services::behind(&facts.services, &facts.slices, inventory, &named),
    }
}

fn key(policy: &CalicoPolicy) -> (Option<String>, String) {
    (policy.namespace.clone(), policy.name.value.clone())
}

type Bases = BTreeMap<(Option<String>, String), i32>;

/// The priorities: in each tier policies are tried by order, then by name, namespace and kind (Felix, `PolKVLess`), and the rules
/// of one policy before all of the next.
fn ranked(policies: &[&CalicoPolicy]) -> (Bases, BTreeMap<String, i32>) {
    let mut tiers: BTreeMap<&str, Vec<&CalicoPolicy>> = BTreeMap::new();
    for policy in policies {
        tiers.entry(&policy.tier.value).or_default().push(policy);
    }
    let (mut bases, mut lasts) = (BTreeMap::new(), BTreeMap::new());
    for (tier, mut policies) in tiers {
        policies.sort_by(|a, b| {
            let names = |policy: &CalicoPolicy| {
                let namespace = policy.namespace.as_deref().unwrap_or_default();
                format!("{}/{namespace}/{}", policy.own_name, policy.name.value)
            };
            a.order.number().total_cmp(&b.order.number()).then_with(|| names(a).cmp(&names(b)))
        });
        let first = |policy: &&CalicoPolicy| {
            let (order, name) = KUBERNETES;
            tier == DEFAULT
                && (policy.order.number() < order
                    || policy.order.number() == order && policy.own_name.as_str() < name)
        };
        let before =
            policies.iter().take_while(|policy| first(policy)).map(|policy| length(policy)).sum::<i32>();
        let mut next = if tier == DEFAULT { -before } else { 0 };
        for policy in policies {
            if tier == DEFAULT && next == 0 {
                next = 1;
            }
            bases.insert(key(policy), next);
            next = next.saturating_add(length(policy));
        }
        lasts.insert(tier.to_owned(), next.max(1));
    }
    (bases, lasts)
}

/// How many priorities a policy takes: one for each place in its lists, in which rules that only log have one too.
fn length(policy: &CalicoPolicy) -> i32 {
    let last = |rules: &Option<Vec<crate::document::CalicoRule>>| {
        rules.iter().flatten().map(|rule| rule.index + 1).max().unwrap_or_default()
    };
    let most = last(&policy.ingress).max(last(&policy.egress)).max(1);
    // A policy has at most 10,000 rules.
    i32::try_from(most).unwrap_or(i32::MAX)
}

/// The label of networks that are sets, whether read or written by `import`. Selectors do not see it.
pub(super) const SET_LABEL: &str = "bookend.dev/calico-set";

/// Sets, as networks beside those that are `taken`: with the labels that Calico gives them beside their own, which are those of their namespaces.
pub(in super::super) fn networks(
    sets: &[&CalicoSet],
    taken: &[&NetworkDocument],
    inventory: &Inventory,
    report: &mut Report,
) -> BTreeMap<String, Network> {
    let names = sets
        .iter()
        .map(|set| ((set.namespace.as_deref().unwrap_or_default(), set.name.value.as_str()), set.name.span));
    unique(names, "set of networks", report);
    let shown = |set: &CalicoSet| match &set.namespace {
        None => format!("globalnetworkset.{}", set.name.value),
        Some(namespace) => format!("networkset.{namespace}.{}", set.name.value),
    };
    let taken: BTreeMap<&str, Span> =
        taken.iter().map(|network| (network.name.value.as_str(), network.name.span)).collect();
    for set in sets {
        let name = shown(set);
        if let Some(first) = taken.get(name.as_str()) {
            let message = format!("the network `{name}`, as which the set is known, is described as well");
            let related = (*first, "the network");
            report.add_related(
                Code::DuplicateObject,
                set.name.span,
                message,
                "remove or rename one",
                related,
            );
        }
    }
    let read = sets.iter().filter(|set| !taken.contains_key(shown(set).as_str())).filter_map(|set| {
        let blocks: Vec<Block> =
            set.nets.iter().filter_map(|net| Block::new(*net, Vec::new()).ok()).collect();
        let mut labels = set.labels.clone();
        let kind = if set.namespace.is_some() { "NetworkSet" } else { "GlobalNetworkSet" };
        labels.insert(SET_LABEL.to_owned(), kind.to_owned());
        if let Some(namespace) = &set.namespace {
            labels.insert("projectcalico.org/namespace".to_owned(), namespace.clone());
            labels.insert("pcns.projectcalico.org/name".to_owned(), namespace.clone());
            let known = inventory.namespaces().get(namespace);
            let known = known.iter().flat_map(|labels| labels.iter());
            labels.extend(known.map(|(key, value)| (format!("pcns.{key}"), value.clone())));
        }
        // A set without addresses is nobody.
        (!blocks.is_empty()).then(|| (shown(set), Network { labels, blocks }))
    });
    read.collect()
}
