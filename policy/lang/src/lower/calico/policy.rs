//! A policy of Calico, with all that its meaning depends on, as a policy.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    end::{Ends, Meant, behind, of_version},
    meaning::asks_accounts,
    selection::Selection,
    tier::name_of,
};
use crate::{
    Code, Span,
    diagnostic::Report,
    document::{
        Behind, CalicoEntity, CalicoPolicy, CalicoRule, IsolateDocument, NamespacesDocument, PeerDocument,
        PolicyDocument, RuleDocument, Spanned,
    },
    lower::Surroundings,
};
use bookend_engine::{Action, Clause, Ends as Governed, Mode, PortMatch, Protocol};

/// The direction of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }

    /// The end at which the policy's endpoints are.
    fn governs(self) -> Governed {
        Governed { source: self == Self::Egress, destination: self == Self::Ingress }
    }
}

/// The policy that `document` is among all others.
pub(crate) fn policy(
    document: &CalicoPolicy,
    surroundings: &Surroundings,
    report: &mut Report,
) -> Option<PolicyDocument> {
    let tier = name_of(&document.tier.value);
    if !surroundings.tiers.contains_key(&tier) {
        let message = format!("nobody describes the tier `{}`", document.tier.value);
        let cure = "add its `Tier` document; Calico does not apply policies of a tier that is not there, so nobody is";
        report.add(Code::IdleCalico, document.tier.span, message, cure);
        return Some(PolicyDocument {
            namespace: document.namespace.clone(),
            name: document.name.clone(),
            tier: None,
            isolate: Vec::new(),
            rules: Vec::new(),
        });
    }
    if document.mode == Mode::Audit && replaces(document, surroundings, report) {
        return None;
    }
    let own = document.namespace.as_deref();
    let ends = Ends { surroundings, own, report, told: Vec::new(), inexact: false, meant: 0 };
    let mut reading = Reading {
        document,
        ends,
        base: surroundings.calico.base(own, &document.name.value),
        rules: Vec::new(),
    };
    for (direction, rules) in [(Direction::Ingress, &document.ingress), (Direction::Egress, &document.egress)]
    {
        for rule in rules.iter().flatten() {
            reading.rule(rule, direction)?;
        }
    }
    reading.refuse_forwarded()?;
    let denies = document.isolates && !surroundings.calico.passes(&document.tier.value);
    let isolate =
        if denies { reading.isolations(surroundings.calico.last(&document.tier.value))? } else { Vec::new() };
    let rules = reading.rules;
    Some(PolicyDocument {
        namespace: document.namespace.clone(),
        name: document.name.clone(),
        tier: Some(Spanned { value: tier, span: document.tier.span }),
        isolate,
        rules,
    })
}

impl CalicoPolicy {
    /// Whether it wants something of whom it applies to, whoever that is.
    pub(crate) fn decides(&self, surroundings: &Surroundings) -> bool {
        let directions = [&self.ingress, &self.egress];
        let denies = self.isolates && !surroundings.calico.passes(&self.tier.value);
        directions.into_iter().flatten().any(|rules| denies || !rules.is_empty())
    }

    /// Whether it asks for labels of service accounts: it means the accounts that have them today.
    pub(crate) fn asks_accounts(&self) -> bool {
        let entities = self.entities().flat_map(|entity| [&entity.selector, &entity.not_selector]);
        let selectors = entities.flatten().chain([&self.selector]);
        selectors.into_iter().any(|selector| asks_accounts(&selector.value))
    }

    /// Whether it asks who is behind a Service: it means the addresses of today.
    pub(crate) fn asks_services(&self) -> bool {
        self.entities().any(|entity| entity.service.is_some())
    }

    fn entities(&self) -> impl Iterator<Item = &CalicoEntity> {
        let rules = self.ingress.iter().chain(&self.egress).flatten();
        rules.flat_map(|rule| [&rule.source, &rule.destination])
    }
}

/// Whether a staged policy stands for one that is enforced, which a rehearsal cannot leave out.
fn replaces(document: &CalicoPolicy, surroundings: &Surroundings, report: &mut Report) -> bool {
    let Some(enforced) = document.name.value.strip_prefix("staged") else { return false };
    let enforced = match enforced.strip_prefix("networkpolicy.") {
        Some(name) => format!("caliconetworkpolicy.{name}"),
        None => enforced.to_owned(),
    };
    let found = surroundings.calico.is_enforced(document.namespace.as_deref(), &enforced);
    if found {
        let message = format!(
            "the policy would take the place of the enforced `{}`, which a rehearsal cannot leave out",
            document.own_name
        );
        let cure = "ask `bookend diff` with the policies as they would be; with `--best-effort` the document is left out";
        report.add(Code::InexactCalico, document.name.span, message, cure);
    }
    found
}

struct Reading<'r> {
    document: &'r CalicoPolicy,
    ends: Ends<'r>,
    base: i32,
    rules: Vec<RuleDocument>,
}

impl Reading<'_> {
    fn rule(&mut self, rule: &CalicoRule, direction: Direction) -> Option<()> {
        let wide = rule.action != Action::Allow;
        self.ends.inexact = false;
        let (local, remote) = match direction {
            Direction::Ingress => (&rule.destination, &rule.source),
            Direction::Egress => (&rule.source, &rule.destination),
        };
        let mut own = self.ends.peers(Some(&self.document.selector), local, wide)?;
        let other = self.ends.peers(None, remote, wide)?;
        if nobody(&own) {
            let message =
                "nobody whom the policy applies to is meant at its own end, so the rule does nothing";
            self.ends.report.add(Code::IdleCalico, rule.span, message, "remove it, or mean somebody there");
            return Some(());
        }
        let mut rule = Cow::Borrowed(rule);
        // Whether it would pass cannot be told, so nothing of it gets further.
        if self.ends.inexact && rule.action == Action::Pass {
            rule.to_mut().action = Action::Deny;
        }
        let rule = rule.as_ref();
        if let Some(version) = rule.version {
            own = Some(of_version(own, version, rule.span));
        }
        let name = format!("{}[{}]", direction.name(), rule.index);
        let (from, to) = if direction == Direction::Ingress { (other, own) } else { (own, other) };
        let services = (&rule.source.service, &rule.destination.service);
        match services {
            (None, None) => self.push(rule, direction, name, from, to, rule.ports.clone()),
            (source, destination) => {
                let from = match source {
                    None => from,
                    Some(service) => narrowed(from, behind(self.behind(service)?.iter(), service.span)),
                };
                let Some(service) = destination else {
                    self.push(rule, direction, name, from, to, rule.ports.clone());
                    return Some(());
                };
                // Who is behind a Service is meant at the port by which he is.
                let mut by_port: BTreeMap<(Protocol, u16), Vec<Behind>> = BTreeMap::new();
                for one in self.behind(service)? {
                    by_port.entry((one.protocol, one.port)).or_default().push(one);
                }
                for (index, ((protocol, port), list)) in by_port.into_iter().enumerate() {
                    let asked = rule.ports.alternatives();
                    if asked.is_some_and(|list| list.iter().all(|port| port.value.protocol() != protocol)) {
                        continue;
                    }
                    let Ok(value) = PortMatch::range(protocol, port, port) else { continue };
                    let ports = Clause::only(Spanned { value, span: service.span });
                    let to = narrowed(to.clone(), behind(list.iter(), service.span));
                    self.push(rule, direction, format!("{name}.to[{index}]"), from.clone(), to, ports);
                }
            }
        }
        Some(())
    }

    /// Refuses a policy for what hosts forward, if there are hosts that it applies to: that is nobody's traffic here (S77), so a rule
    /// that denies it would be lost.
    fn refuse_forwarded(&mut self) -> Option<()> {
        let Some(span) = self.document.forwarded.filter(|_| self.ends.surroundings.calico.hosts) else {
            return Some(());
        };
        let selections = self.ends.selections(&self.document.selector, true)?;
        if !selections.iter().any(Selection::may_be_host) {
            return Some(());
        }
        let message = "what a host forwards is not judged, so a policy cannot be applied to it";
        let cure = "remove `applyOnForward`, or let the policy select only pods (`has(projectcalico.org/namespace)`)";
        self.ends.report.add(Code::Forwarded, span, message, cure);
        None
    }

    /// Who is behind a Service.
    fn behind(&mut self, service: &Spanned<crate::document::ServiceName>) -> Option<Vec<Behind>> {
        let found = self.ends.surroundings.calico.behind(&service.value);
        if found.is_none() {
            let crate::document::ServiceName { namespace, name } = &service.value;
            let message = format!("nobody describes the Service `{namespace}/{name}`");
            let cure = "add its manifest, and its EndpointSlices";
            self.ends.report.add(Code::UnknownService, service.span, message, cure);
        }
        found.map(<[Behind]>::to_vec)
    }

    fn push(
        &mut self,
        rule: &CalicoRule,
        direction: Direction,
        name: String,
        from: Meant,
        to: Meant,
        ports: Clause<Spanned<PortMatch>>,
    ) {
        let clause = |meant: Meant| match meant {
            None => Some(Clause::Any),
            // A rule that means nobody does nothing.
            Some(list) => Clause::one_of(list).ok(),
        };
        let (Some(from), Some(to)) = (clause(from), clause(to)) else { return };
        let priority = self.base.saturating_add(i32::try_from(rule.index).unwrap_or(i32::MAX));
        self.rules.push(RuleDocument {
            name: Spanned { value: name, span: rule.span },
            action: rule.action,
            priority,
            mode: self.document.mode,
            at: direction.governs(),
            at_span: None,
            from,
            to,
            ports,
            not_ports: rule.not_ports.clone(),
            http: rule.http.clone(),
            http_span: rule.http_span,
            answer: None,
            limits: None,
        });
    }

    /// What denies at the end of the tier whoever is meant by the policy: isolations, and rules where an isolation cannot name them.
    fn isolations(&mut self, last: i32) -> Option<Vec<IsolateDocument>> {
        let (ingress, egress) = (self.document.ingress.is_some(), self.document.egress.is_some());
        let own = self.document.namespace.as_deref();
        let selections = self.ends.selections(&self.document.selector, true)?;
        let (plain, others): (Vec<Selection>, Vec<Selection>) =
            selections.into_iter().partition(|selection| selection.is_plain(own));
        let others: Vec<PeerDocument> = others.into_iter().map(Selection::peer).collect();
        for (direction, applies) in [(Direction::Ingress, ingress), (Direction::Egress, egress)] {
            if applies && !others.is_empty() {
                self.rest(direction, others.clone(), last);
            }
        }
        let mode = self.document.mode;
        let isolate =
            |selection: Selection| IsolateDocument { workloads: selection.workloads, ingress, egress, mode };
        Some(plain.into_iter().map(isolate).collect())
    }

    /// A rule that denies the rest.
    fn rest(&mut self, direction: Direction, peers: Vec<PeerDocument>, priority: i32) {
        let span: Span = self.document.selector.span;
        let own = Clause::one_of(peers).unwrap_or(Clause::Any);
        let (from, to) = match direction {
            Direction::Ingress => (Clause::Any, own),
            Direction::Egress => (own, Clause::Any),
        };
        self.rules.push(RuleDocument {
            name: Spanned { value: format!("isolate-{}", direction.name()), span },
            action: Action::Deny,
            priority,
            mode: self.document.mode,
            at: direction.governs(),
            at_span: None,
            from,
            to,
            ports: Clause::Any,
            not_ports: Vec::new(),
            http: Clause::Any,
            http_span: None,
            answer: None,
            limits: None,
        });
    }
}

/// Whether every alternative excludes all workloads there are, and only workloads are at the end that a policy applies to.
fn nobody(own: &Meant) -> bool {
    let all = |peer: &PeerDocument| {
        let selects_all = peer.workloads.as_ref().is_some_and(|workloads| {
            let all_namespaces = match &workloads.namespaces {
                NamespacesDocument::Labelled(labels) => labels.value.is_any(),
                NamespacesDocument::Own => true,
                NamespacesDocument::Named(_) => false,
            };
            all_namespaces
                && workloads.labels.is_empty()
                && workloads.expressions.is_empty()
                && workloads.service_accounts.is_any()
        });
        selects_all && peer.block.is_none() && peer.network.is_none() && peer.not.is_empty()
    };
    own.as_ref().is_some_and(|list| !list.is_empty() && list.iter().all(|peer| peer.not.iter().any(all)))
}

/// The same peers, as far as they are at the addresses of `places` too. A Service stands alone, so the others name no addresses.
fn narrowed(peers: Meant, places: Vec<PeerDocument>) -> Meant {
    let Some(peers) = peers else { return Some(places) };
    let both = peers.iter().flat_map(|peer| {
        places.iter().map(move |place| PeerDocument { block: place.block.clone(), ..peer.clone() })
    });
    Some(both.collect())
}
