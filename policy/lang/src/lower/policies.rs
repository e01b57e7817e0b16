//! Policies to a program.

use std::collections::BTreeMap;

use crate::{
    Code, Span,
    diagnostic::Report,
    document::{IsolateDocument, PeerDocument, PolicyDocument, RuleDocument, WorkloadsDocument},
};
use bookend_engine::{Clause, Isolation, PeerMatch, Program, Rule, Selector};

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

/// Lowers all policies.
pub(crate) fn policies(
    documents: Vec<PolicyDocument>,
    report: &mut Report,
) -> (Program, BTreeMap<String, RulePlace>) {
    let mut lowering =
        Lowering { report, rules: Vec::new(), isolations: Vec::new(), places: BTreeMap::new() };
    let mut seen: BTreeMap<(String, String), Span> = BTreeMap::new();
    for document in documents {
        let key = (document.namespace.clone(), document.name.value.clone());
        if let Some(first) = seen.get(&key) {
            let message = format!("there are two policies `{}` in namespace `{}`", key.1, key.0);
            let related = (*first, "the first one");
            lowering.report.add_related(
                Code::DuplicatePolicy,
                document.name.span,
                message,
                "rename one of them",
                related,
            );
            continue;
        }
        seen.insert(key, document.name.span);
        lowering.policy(document);
    }
    (Program::new(lowering.rules, lowering.isolations), lowering.places)
}

struct Lowering<'r> {
    report: &'r mut Report,
    rules: Vec<Rule>,
    isolations: Vec<Isolation>,
    places: BTreeMap<String, RulePlace>,
}

impl Lowering<'_> {
    fn policy(&mut self, document: PolicyDocument) {
        let prefix = format!("{}/{}", document.namespace, document.name.value);
        for (index, isolate) in document.isolate.into_iter().enumerate() {
            self.isolation(format!("{prefix}/isolate[{index}]"), isolate, &document.namespace);
        }
        let mut names: BTreeMap<String, Span> = BTreeMap::new();
        for rule in document.rules {
            let name = rule.name.clone();
            if let Some(first) = names.get(&name.value) {
                let message = format!("there are two rules `{}`", name.value);
                self.report.add_related(
                    Code::DuplicateRule,
                    name.span,
                    message,
                    "rename one of them",
                    (*first, "the first one"),
                );
                continue;
            }
            self.rule(format!("{prefix}/{}", name.value), rule, &document.namespace);
            names.insert(name.value, name.span);
        }
    }

    fn isolation(&mut self, id: String, document: IsolateDocument, namespace: &str) {
        let IsolateDocument { workloads, ingress, egress } = document;
        if let Some(other) = workloads.namespace.as_ref().filter(|other| other.value != namespace) {
            let message = format!("a policy in `{namespace}` cannot isolate workloads of `{}`", other.value);
            let cure = format!("move it into a policy in `{}`", other.value);
            self.report.add(Code::ForeignIsolation, other.span, message, cure);
            return;
        }
        let span = workloads.span;
        let workloads = selector(workloads, namespace);
        let place = RulePlace { name: span, http: None, selectors: vec![(workloads.clone(), span)] };
        self.places.insert(id.clone(), place);
        self.isolations.push(Isolation { id, workloads, egress, ingress });
    }

    fn rule(&mut self, id: String, document: RuleDocument, namespace: &str) {
        let RuleDocument { name, action, from, to, ports, http, http_span } = document;
        let mut selectors = Vec::new();
        let from = peers(from, namespace, &mut selectors);
        let to = peers(to, namespace, &mut selectors);
        if !may_lie_in(&from, namespace) && !may_lie_in(&to, namespace) {
            let message = format!(
                "neither end of `{}` can lie in namespace `{namespace}`, so the rule governs nothing",
                name.value
            );
            let cure = "move it into a policy of the namespace of one of its ends";
            self.report.add(Code::GovernsNothing, name.span, message, cure);
        }
        self.places.insert(id.clone(), RulePlace { name: name.span, http: http_span, selectors });
        self.rules.push(Rule { id, action, namespace: namespace.to_owned(), from, to, ports, http });
    }
}

fn peers(
    clause: Clause<PeerDocument>,
    namespace: &str,
    seen: &mut Vec<(Selector, Span)>,
) -> Clause<PeerMatch> {
    let Some(list) = clause.alternatives() else { return Clause::Any };
    let peers = list
        .iter()
        .map(|peer| match peer.clone() {
            PeerDocument::Block(block) => PeerMatch::Block(block),
            PeerDocument::Workloads(document) => {
                let span = document.span;
                let selector = selector(document, namespace);
                seen.push((selector.clone(), span));
                PeerMatch::Workloads(selector)
            }
        })
        .collect();
    // The list was not empty, so neither is this one.
    Clause::one_of(peers).unwrap_or(Clause::Any)
}

/// A selector without a namespace means the policy's own (S11).
fn selector(document: WorkloadsDocument, namespace: &str) -> Selector {
    let WorkloadsDocument { namespace: named, labels, expressions, service_accounts, .. } = document;
    let namespace = named.map_or_else(|| namespace.to_owned(), |named| named.value);
    Selector { namespace, labels, expressions, service_accounts }
}

/// Whether somebody among `peers` may be a workload of `namespace`.
fn may_lie_in(peers: &Clause<PeerMatch>, namespace: &str) -> bool {
    peers.alternatives().is_none_or(|list| {
        list.iter().any(|peer| match peer {
            PeerMatch::Workloads(selector) => selector.namespace == namespace,
            PeerMatch::Block(_) => true,
        })
    })
}
