//! An AuthorizationPolicy as a policy: as few rules as its meaning allows.

use super::{
    conjunction::{Condition, both, weight},
    excess::{Budget, Excess, PRODUCT, TooMany},
    expression::any_request,
    mesh::Mesh,
    token,
};
use crate::{
    Code, Span,
    diagnostic::Report,
    document::{
        AuthorizationAction, AuthorizationDocument, AuthorizationRule, IsolateDocument, NamespacesDocument,
        Part, PeerDocument, PolicyDocument, Requirement, RuleDocument, Spanned, WorkloadsDocument,
    },
    limit,
    lower::MESH_TIER,
};
use bookend_engine::{Action, Clause, Ends, HttpMatch, Labels, Mode, PortMatch, PrincipalPattern, Protocol};

/// What a policy means in a mesh, if that is not too much to say. A policy of the root namespace is for all namespaces, unless it
/// names what it is for.
pub(crate) fn policy(
    document: &AuthorizationDocument,
    mesh: &Mesh,
    report: &mut Report,
) -> Option<PolicyDocument> {
    let name = Spanned { value: authorization_name(&document.name.value), span: document.name.span };
    let folding = Folding { document, mesh, allow: document.action == AuthorizationAction::Allow };
    let (mut rules, mut budget) = (Vec::new(), Budget::default());
    for (index, rule) in document.rules.iter().enumerate() {
        if let Err(excess) = folding.rule(index, rule, &mut rules, &mut budget) {
            let (message, cure) = excess.said();
            report.add(Code::TooMany, rule.span, message, cure);
            return None;
        }
    }
    let isolate = if folding.allow {
        let isolation = |labels: &Labels| IsolateDocument {
            workloads: workloads(document.targets.span, labels),
            ingress: true,
            egress: false,
            mode: document.mode,
        };
        targets(document).iter().map(isolation).collect()
    } else {
        Vec::new()
    };
    Some(mesh.housed((&document.namespace, document.targets.named), name, isolate, rules))
}

/// The workloads that a policy is for, by their labels: all of them where nobody can say which.
fn targets(document: &AuthorizationDocument) -> Vec<Labels> {
    match document.targets.unsayable {
        true => vec![Labels::new()],
        false => document.targets.labels.clone(),
    }
}

/// What the policy of an AuthorizationPolicy is called.
pub(crate) fn authorization_name(name: &str) -> String {
    format!("authorizationpolicy.{name}")
}

/// The workloads of a policy's own namespace that have these labels; of all namespaces in one of the root namespace.
pub(super) fn workloads(span: Span, labels: &Labels) -> WorkloadsDocument {
    WorkloadsDocument {
        span,
        namespaces: NamespacesDocument::Own,
        labels: labels.clone(),
        expressions: Vec::new(),
        service_accounts: Clause::Any,
        proxied: None,
    }
}

/// A policy's tier.
pub(super) fn tier(span: Span) -> Spanned<String> {
    Spanned { value: MESH_TIER.to_owned(), span }
}

/// A port as a rule names it.
type PortDocument = Spanned<PortMatch>;

struct Folding<'f> {
    document: &'f AuthorizationDocument,
    mesh: &'f Mesh,
    allow: bool,
}

/// What requirements mean together. An empty list of alternatives is what always holds.
#[derive(Clone, Default)]
struct Meaning {
    peers: Vec<PeerDocument>,
    requests: Vec<HttpMatch>,
    addresses: Vec<PeerDocument>,
    ports: Ports,
}

/// Ports that are meant, if only some are, and ports that are not.
#[derive(Clone, Default, PartialEq, Eq)]
struct Ports {
    some: Option<Vec<u16>>,
    not: Vec<u16>,
}

/// Some elements of `from` or `to`, by their indexes, that can be one rule.
struct Group {
    indexes: Vec<usize>,
    meaning: Meaning,
}

impl Folding<'_> {
    /// One of `from`, one of `to`, and all of `when`: elements that differ in one thing only are alternatives of one rule.
    fn rule(
        &self,
        index: usize,
        rule: &AuthorizationRule,
        rules: &mut Vec<RuleDocument>,
        budget: &mut Budget,
    ) -> Result<(), TooMany> {
        let Some(always) = self.meaning(&rule.when, budget)? else { return Ok(()) };
        let mut read = |list: &[Vec<Requirement>]| -> Result<Vec<(usize, Meaning)>, Excess> {
            let mut all = Vec::new();
            for (index, requirements) in list.iter().enumerate() {
                all.extend(self.meaning(requirements, budget)?.map(|meaning| (index, meaning)));
            }
            Ok(all)
        };
        let from = grouped(
            read(&rule.from)?,
            |a, b| a.requests == b.requests,
            |a, b| {
                any_of(&mut a.peers, b.peers);
            },
        );
        let to =
            grouped(read(&rule.to)?, |a, b| a.ports == b.ports, |a, b| any_of(&mut a.requests, b.requests));
        // Over a stream Istio leaves out every rule of an allow policy in which anything is asked of requests.
        let parts = rule.from.iter().chain(&rule.to).chain([&rule.when]).flatten();
        let over_http = self.allow && parts.map(|requirement| &requirement.part).any(Part::is_http);
        let (many_from, many_to) = (from.len() > 1, to.len() > 1);
        let product = from.len().saturating_mul(to.len());
        if product > PRODUCT {
            return Err(TooMany::Groups(from.len(), to.len()));
        }
        if rules.len().saturating_add(product) > limit::RULES {
            return Err(TooMany::Rules(rules.len().saturating_add(product)));
        }
        for source in &from {
            for operation in &to {
                let mut name = format!("rules[{index}]");
                for (several, kind, group) in [(many_from, "from", source), (many_to, "to", operation)] {
                    if let (true, Some(first)) = (several, group.indexes.first()) {
                        name.push_str(&format!(".{kind}[{first}]"));
                    }
                }
                let parts = [&source.meaning, &operation.meaning, &always];
                if product > 1 {
                    budget.spend(parts.map(Meaning::weight).iter().sum())?;
                }
                let [from, to, always] = parts.map(Meaning::clone);
                let meaning = from.and(to, budget)?.and(always, budget)?;
                rules.extend(self.one(name, rule.span, meaning, over_http, budget)?);
            }
        }
        Ok(())
    }

    fn one(
        &self,
        name: String,
        span: Span,
        meaning: Meaning,
        over_http: bool,
        budget: &mut Budget,
    ) -> Result<Option<RuleDocument>, Excess> {
        let Meaning { peers, mut requests, addresses, ports } = meaning;
        if over_http && requests.is_empty() {
            requests.push(any_request());
        }
        let Some((ports, not_ports)) = ports.matches(span) else { return Ok(None) };
        let targets = targets(self.document);
        let targets = targets.iter().filter(|labels| !labels.is_empty()).map(|labels| PeerDocument {
            workloads: Some(workloads(self.document.targets.span, labels)),
            ..PeerDocument::any(self.document.targets.span)
        });
        Ok(Some(RuleDocument {
            name: Spanned { value: name, span },
            action: if self.allow { Action::Allow } else { Action::Deny },
            priority: 0,
            mode: match self.document.action {
                AuthorizationAction::Audit => Mode::Audit,
                _ => self.document.mode,
            },
            at: Ends { source: false, destination: true },
            at_span: None,
            from: clause(peers),
            to: clause(both(targets.collect(), addresses, budget)?),
            ports,
            not_ports,
            http_span: (!requests.is_empty()).then_some(span),
            http: clause(requests),
            answer: None,
            limits: None,
        }))
    }

    /// What requirements mean together; nothing where nobody ever meets them. What cannot be said narrows what is allowed and
    /// widens what is denied.
    fn meaning(&self, requirements: &[Requirement], budget: &mut Budget) -> Result<Option<Meaning>, Excess> {
        let mut meaning = Meaning::default();
        for requirement in requirements {
            let Requirement { span, negated, part, unsayable } = requirement;
            match (unsayable, self.allow, negated) {
                (true, true, true) => return Ok(None),
                (true, false, false) => continue,
                _ => {}
            }
            meaning = match self.part(part, *span, *negated) {
                Some(said) => meaning.and(said, budget)?,
                // None of no values is everybody, and one of none is nobody.
                None if *negated => meaning,
                None => return Ok(None),
            };
        }
        Ok(Some(meaning))
    }

    /// What one of the values means, or none of them; nothing where there are no values.
    fn part(&self, part: &Part, span: Span, negated: bool) -> Option<Meaning> {
        let mut meaning = Meaning::default();
        match part {
            Part::Principals(values) => {
                meaning.peers = said(principals(span, self.mesh.trust_domains.principals(values)), negated)?;
            }
            Part::TrustDomains(values) => {
                meaning.peers = said(principals(span, self.mesh.trust_domains.domains(values)), negated)?;
            }
            Part::Peers(peers) => meaning.peers = said(peers.clone(), negated)?,
            Part::Addresses(blocks) => {
                let block = |value: &bookend_engine::Block| PeerDocument {
                    block: Some(Spanned { value: value.clone(), span }),
                    ..PeerDocument::any(span)
                };
                meaning.addresses = said(blocks.iter().map(block).collect(), negated)?;
            }
            Part::Ports(ports) if ports.is_empty() => return None,
            Part::Ports(ports) if negated => meaning.ports.not.clone_from(ports),
            Part::Ports(ports) => meaning.ports.some = Some(ports.clone()),
            Part::Requests(requests) => meaning.requests = said(requests.clone(), negated)?,
            Part::Claim(names, texts) => {
                let split = self.mesh.splits(&self.document.namespace, names, self.allow == negated);
                let request = token::with_claim(names, texts.as_ref()?, split)?;
                meaning.requests = said(vec![request], negated)?;
            }
        }
        Some(meaning)
    }
}

/// Alternatives, or one condition that none of them holds; nothing where there are none.
fn said<T: Condition>(list: Vec<T>, negated: bool) -> Option<Vec<T>> {
    match (list.is_empty(), negated) {
        (true, _) => None,
        (false, true) => Some(vec![T::none_of(list)]),
        (false, false) => Some(list),
    }
}

/// Whoever proves one of these. What ends so is a SPIFFE id in any case, as Istio's expression for it begins with the scheme.
fn principals(span: Span, patterns: Vec<PrincipalPattern>) -> Vec<PeerDocument> {
    let peer = |principals| PeerDocument { principals, ..PeerDocument::any(span) };
    let (open, closed): (Vec<_>, Vec<_>) =
        patterns.into_iter().partition(|pattern| pattern.as_str().starts_with('*'));
    let closed = Clause::one_of(closed).map(peer);
    let open =
        Clause::one_of(open).ok().zip(PrincipalPattern::parse("spiffe://*").ok()).map(|(open, any)| {
            let other = PeerDocument::none_of(vec![peer(Clause::only(any))]);
            PeerDocument { not: vec![other], ..peer(open) }
        });
    closed.into_iter().chain(open).collect()
}

impl Meaning {
    fn and(self, other: Self, budget: &mut Budget) -> Result<Self, Excess> {
        Ok(Self {
            peers: both(self.peers, other.peers, budget)?,
            requests: both(self.requests, other.requests, budget)?,
            addresses: both(self.addresses, other.addresses, budget)?,
            ports: self.ports.and(other.ports),
        })
    }

    fn weight(&self) -> usize {
        let ports = self.ports.some.as_ref().map_or(0, Vec::len) + self.ports.not.len();
        1 + weight(&self.peers) + weight(&self.requests) + weight(&self.addresses) + ports
    }
}

impl Ports {
    fn and(mut self, other: Self) -> Self {
        self.some = match (self.some, other.some) {
            (Some(some), Some(others)) => {
                Some(some.into_iter().filter(|port| others.contains(port)).collect())
            }
            (some, others) => some.or(others),
        };
        self.not.extend(other.not);
        self
    }

    /// The ports of a rule; nothing where none is left.
    fn matches(self, span: Span) -> Option<(Clause<PortDocument>, Vec<PortDocument>)> {
        let Self { some, not } = self;
        let port =
            |port: u16| Some(Spanned { value: PortMatch::range(Protocol::Tcp, port, port).ok()?, span });
        let sorted = |mut ports: Vec<u16>| {
            ports.sort_unstable();
            ports.dedup();
            ports.into_iter().filter_map(port).collect::<Vec<_>>()
        };
        match some {
            None => Some((Clause::Any, sorted(not))),
            Some(some) => {
                let left = some.into_iter().filter(|port| !not.contains(port)).collect();
                Some((Clause::one_of(sorted(left)).ok()?, Vec::new()))
            }
        }
    }
}

/// Puts elements that are `alike` into one group.
fn grouped(
    all: Vec<(usize, Meaning)>,
    alike: impl Fn(&Meaning, &Meaning) -> bool,
    add: impl Fn(&mut Meaning, Meaning),
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (index, meaning) in all {
        let many = groups.len() > PRODUCT;
        match groups.iter_mut().find(|group| alike(&group.meaning, &meaning)) {
            Some(group) => {
                add(&mut group.meaning, meaning);
                group.indexes.push(index);
            }
            // More than this is refused, whatever the number is.
            None if many => break,
            None => groups.push(Group { indexes: vec![index], meaning }),
        }
    }
    groups
}

/// Adds alternatives. The empty list is what always holds.
fn any_of<T>(list: &mut Vec<T>, more: Vec<T>) {
    if list.is_empty() || more.is_empty() {
        list.clear();
    } else {
        list.extend(more);
    }
}

/// Alternatives; everything where there are none.
fn clause<T>(list: Vec<T>) -> Clause<T> {
    Clause::one_of(list).unwrap_or(Clause::Any)
}
