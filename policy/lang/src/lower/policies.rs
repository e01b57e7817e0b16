//! Policies to a program.

mod peer;

use std::collections::{BTreeMap, BTreeSet};

use super::{DEFAULT_TIER, Surroundings};
use crate::{
    Code, Span,
    diagnostic::Report,
    document::{IsolateDocument, NamespacesDocument, PeerDocument, PolicyDocument, RuleDocument, Spanned},
};
use bookend_engine::{Clause, End, Isolation, PeerMatch, Plane, Program, Rule, Selector};

/// Where the parts of a rule or an isolation were written.
#[derive(Clone, Debug)]
pub(crate) struct RulePlace {
    /// Its name, or the isolation's selector.
    pub(crate) name: Span,
    /// Its HTTP conditions.
    pub(crate) http: Option<Span>,
    /// Each selector in it.
    pub(crate) selectors: Vec<(Selector, Span)>,
}

/// Lowers a policy.
pub(crate) fn policy(
    document: PolicyDocument,
    surroundings: &Surroundings,
    report: &mut Report,
) -> (Program, BTreeMap<String, RulePlace>) {
    let mut lowering =
        Lowering { surroundings, report, rules: Vec::new(), isolations: Vec::new(), places: BTreeMap::new() };
    lowering.policy(document);
    (Program::new(lowering.rules, lowering.isolations), lowering.places)
}

struct Lowering<'l> {
    surroundings: &'l Surroundings,
    report: &'l mut Report,
    rules: Vec<Rule>,
    isolations: Vec<Isolation>,
    places: BTreeMap<String, RulePlace>,
}

/// What all parts of a policy share.
struct Scope {
    /// `None`: of the whole cluster.
    namespace: Option<String>,
    plane: Plane,
    tier: u32,
}

impl Lowering<'_> {
    fn policy(&mut self, document: PolicyDocument) {
        let PolicyDocument { namespace, name, tier, isolate, rules } = document;
        let (plane, tier) = self.tier(tier.as_ref(), namespace.is_some());
        let prefix = match &namespace {
            Some(namespace) => format!("{namespace}/{}", name.value),
            None => name.value,
        };
        let scope = Scope { namespace, plane, tier };
        for (index, isolate) in isolate.into_iter().enumerate() {
            self.isolation(format!("{prefix}/isolate[{index}]"), isolate, &scope);
        }
        let mut names: BTreeMap<String, Span> = BTreeMap::new();
        for rule in rules {
            let name = rule.name.clone();
            if let Some(first) = names.get(&name.value) {
                let message = format!("there are two rules `{}`", name.value);
                let related = (*first, "the first one");
                self.report.add_related(
                    Code::DuplicateRule,
                    name.span,
                    message,
                    "rename one of them",
                    related,
                );
                continue;
            }
            self.rule(format!("{prefix}/{}", name.value), rule, &scope);
            names.insert(name.value, name.span);
        }
    }

    /// The plane and the order of a tier. That of another is as good as any for what is refused anyway.
    fn tier(&mut self, tier: Option<&Spanned<String>>, namespaced: bool) -> (Plane, u32) {
        let name = tier.map_or(DEFAULT_TIER, |tier| tier.value.as_str());
        let found = self.surroundings.tiers.get(name);
        match (found, tier) {
            (None, Some(tier)) => {
                let message = format!("there is no tier `{name}`");
                let similar = similar(name, self.surroundings.tiers.keys().map(String::as_str));
                let cure = similar
                    .unwrap_or_else(|| "write `default`, or describe it in a `Tier` document".to_owned());
                self.report.add(Code::UnknownTier, tier.span, message, cure);
            }
            (Some(found), Some(tier)) if namespaced && !found.namespaced => {
                let message = format!("only a `ClusterPolicy` may be in the tier `{name}`");
                let cure = match super::BUILT_IN_TIERS.iter().any(|(built_in, _)| *built_in == name) {
                    true => "leave `tier` out, or write a `ClusterPolicy`",
                    false => "say `namespaced: true` in its `Tier` document, or write a `ClusterPolicy`",
                };
                self.report.add(Code::ClusterTier, tier.span, message, cure);
            }
            _ => {}
        }
        found.map_or((Plane::Bookend, bookend_engine::DEFAULT_TIER), |tier| (tier.plane, tier.order))
    }

    fn isolation(&mut self, id: String, document: IsolateDocument, scope: &Scope) {
        let IsolateDocument { workloads, ingress, egress, mode } = document;
        let foreign = match (&workloads.namespaces, &scope.namespace) {
            (NamespacesDocument::Named(other), Some(own)) if other.value != *own => {
                Some((other.span, format!("move it into a policy in `{}`", other.value)))
            }
            (NamespacesDocument::Labelled(other), Some(_)) => {
                Some((other.span, "write a `ClusterPolicy`, or leave `namespaces` out".to_owned()))
            }
            _ => None,
        };
        if let (Some((span, cure)), Some(own)) = (foreign, &scope.namespace) {
            let message = format!("a policy in `{own}` cannot isolate workloads of other namespaces");
            self.report.add(Code::ForeignIsolation, span, message, cure);
            return;
        }
        let span = workloads.span;
        let workloads = peer::selector(workloads, scope.namespace.as_deref());
        let place = RulePlace { name: span, http: None, selectors: vec![(workloads.clone(), span)] };
        self.places.insert(id.clone(), place);
        let Scope { plane, tier, .. } = *scope;
        self.isolations.push(Isolation { id, plane, tier, mode, workloads, egress, ingress });
    }

    fn rule(&mut self, id: String, document: RuleDocument, scope: &Scope) {
        let mut selectors = Vec::new();
        let mut peers = |clause, report: &mut Report| {
            let lowering = peer::Lowering {
                surroundings: self.surroundings,
                namespace: scope.namespace.as_deref(),
                report,
                selectors: &mut selectors,
            };
            lowering.clause(clause)
        };
        let from = peers(&document.from, self.report);
        let to = peers(&document.to, self.report);
        let (Some(from), Some(to)) = (from, to) else { return };
        // A selector of Calico means the networks that have its labels too.
        let peers = [&document.from, &document.to].into_iter().filter_map(Clause::alternatives).flatten();
        let addressed: BTreeSet<Span> = peers.flat_map(PeerDocument::places).collect();
        selectors.retain(|(_, span)| !addressed.contains(span));
        self.refuse_idle(&document, &from, &to, scope.namespace.as_deref());
        self.warn_of_lonely_sources(&document, &to, scope.namespace.as_deref());
        let place = RulePlace { name: document.name.span, http: document.http_span, selectors };
        self.places.insert(id.clone(), place);
        self.rules.push(Rule {
            id,
            plane: scope.plane,
            tier: scope.tier,
            priority: document.priority,
            action: document.action,
            mode: document.mode,
            at: document.at,
            namespace: scope.namespace.clone(),
            from,
            to,
            ports: values(document.ports),
            not_ports: document.not_ports.into_iter().map(|port| port.value).collect(),
            http: document.http,
            answer: document.answer.map(|answer| Box::new(answer.value)),
            limits: document.limits.map(|limits| Box::new(limits.value)),
        });
    }

    /// Warns of limits per source where the only source is the workload itself (S67).
    fn warn_of_lonely_sources(
        &mut self,
        document: &RuleDocument,
        to: &Clause<PeerMatch>,
        namespace: Option<&str>,
    ) {
        let Some(limits) = &document.limits else { return };
        if document.at.contains(End::Destination) && peer::may_lie_in(to, namespace) {
            return;
        }
        let both = [
            ("connectionsPerSource", "connections", limits.value.connections_per_source),
            ("packetsPerSource", "packets", limits.value.packets_per_source),
        ];
        for (name, alike, _) in both.into_iter().filter(|(_, _, rate)| rate.is_some()) {
            let message = format!(
                "`{}` governs sources only, and there `{name}` counts what the workload itself opens, as `{alike}` does",
                document.name.value
            );
            let cure = format!("write `{alike}`, or a rule that governs the destination");
            self.report.add(Code::IdleLimit, limits.place(name), message, cure);
        }
    }

    /// Refuses a rule that governs nothing, and an end in `at` that the rule cannot govern.
    fn refuse_idle(
        &mut self,
        document: &RuleDocument,
        from: &Clause<PeerMatch>,
        to: &Clause<PeerMatch>,
        namespace: Option<&str>,
    ) {
        let name = &document.name;
        let at = [(End::Source, from), (End::Destination, to)];
        let governed = |(end, peers): &(End, &Clause<PeerMatch>)| {
            document.at.contains(*end) && peer::may_lie_in(peers, namespace)
        };
        let place = match namespace {
            Some(namespace) => format!("in namespace `{namespace}`"),
            None => "in any namespace".to_owned(),
        };
        if !at.iter().any(governed) {
            let message = match document.at_span {
                None => {
                    format!("neither end of `{}` can lie {place}, so the rule governs nothing", name.value)
                }
                Some(_) => format!("no end in `at` can lie {place}, so `{}` governs nothing", name.value),
            };
            let cure = match (namespace, document.at_span) {
                (_, Some(_)) => "name the other end in `at`, or leave it out",
                (Some(_), None) => "move it into a policy of the namespace of one of its ends",
                (None, None) => "name workloads at one of its ends",
            };
            let span = document.at_span.unwrap_or(name.span);
            self.report.add(Code::GovernsNothing, span, message, cure);
            return;
        }
        let Some(span) = document.at_span else { return };
        for idle in at.iter().filter(|end| document.at.contains(end.0) && !governed(end)) {
            let message = format!("the {} of `{}` cannot lie {place}", idle.0.name(), name.value);
            let cure = format!("remove `{}` from `at`, or leave `at` out", idle.0.name());
            self.report.add(Code::GovernsNothing, span, message, cure);
        }
    }
}

/// The values of a clause, without their places.
fn values<T: Clone>(clause: Clause<Spanned<T>>) -> Clause<T> {
    let Some(list) = clause.alternatives() else { return Clause::Any };
    // The list was not empty, so neither is this one.
    Clause::one_of(list.iter().map(|value| value.value.clone()).collect()).unwrap_or(Clause::Any)
}

/// The cure for a name that was probably misspelt.
pub(crate) fn similar<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    known
        .filter(|known| known.len().abs_diff(name.len()) <= 2)
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .filter(|(distance, known)| *distance <= 2 && distance * 2 <= known.len())
        .min()
        .map(|(_, known)| format!("did you mean `{known}`?"))
}
