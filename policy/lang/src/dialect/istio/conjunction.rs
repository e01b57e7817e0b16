//! Joining conditions that must all hold.

use bookend_engine::{ClaimMatch, Clause, HttpMatch, TextMatch, TextPattern, TokenMatch, ValueMatch};

use super::excess::{Budget, Excess};
use crate::{Span, document::PeerDocument};

/// How many alternatives come of multiplying out. What would be more is said by excluding what is excluded.
const MOST: usize = 64;
/// How many alternatives of tokens come of multiplying out at the most: they cannot be said otherwise.
const TOKENS: usize = 1_000;

/// Something of which alternatives can be joined.
pub(super) trait Condition: Clone {
    /// What must hold together.
    fn and(self, other: Self, budget: &mut Budget) -> Result<Self, Excess>;

    /// How many conditions and values it has, those inside it included.
    fn weight(&self) -> usize;

    /// What holds where none of these does.
    fn none_of(list: Vec<Self>) -> Self;
}

/// The weight of alternatives.
pub(super) fn weight<T: Condition>(list: &[T]) -> usize {
    list.iter().map(T::weight).sum()
}

/// The alternatives of what must hold together; the empty list is what always holds.
pub(super) fn both<T: Condition>(left: Vec<T>, right: Vec<T>, budget: &mut Budget) -> Result<Vec<T>, Excess> {
    if left.is_empty() || right.is_empty() {
        return Ok(if left.is_empty() { right } else { left });
    }
    // Each is copied for every alternative of the other one, but for the first.
    let copies = |list: &[T], others: &[T]| weight(list).saturating_mul(others.len().saturating_sub(1));
    if left.len().saturating_mul(right.len()) > MOST {
        // The shorter one is said as what its opposite excludes.
        let (kept, other) = if left.len() >= right.len() { (left, right) } else { (right, left) };
        budget.spend(copies(&other, &kept))?;
        let other = T::none_of(vec![T::none_of(other)]);
        return kept.into_iter().map(|one| one.and(other.clone(), budget)).collect();
    }
    budget.spend(copies(&left, &right).saturating_add(copies(&right, &left)))?;
    let mut all = Vec::new();
    for one in &left {
        for other in &right {
            all.push(one.clone().and(other.clone(), budget)?);
        }
    }
    Ok(all)
}

impl Condition for HttpMatch {
    fn and(mut self, other: Self, budget: &mut Budget) -> Result<Self, Excess> {
        let Self { methods, hosts, paths, headers, query, grpc, jwt, clients, when, not } = other;
        // What both say is said the second time as what its opposite excludes.
        let mut again = Self::default();
        (self.methods, again.methods) = first(self.methods, methods);
        (self.hosts, again.hosts) = first(self.hosts, hosts);
        (self.paths, again.paths) = first(self.paths, paths);
        (self.grpc, again.grpc) = first(self.grpc, grpc);
        (self.clients, again.clients) = first(self.clients, clients);
        self.jwt = tokens(self.jwt, jwt, budget)?;
        (self.when, again.when) = earlier(self.when, when);
        self.headers.extend(headers);
        self.query.extend(query);
        self.not.extend(not);
        if again != Self::default() {
            self.not.push(Self::none_of(vec![again]));
        }
        Ok(self)
    }

    fn weight(&self) -> usize {
        let Self { methods, hosts, paths, headers, query: _, grpc: _, jwt, clients, when: _, not } = self;
        let tokens = jwt.alternatives().unwrap_or_default().iter().map(token_weight);
        let headers = headers.iter().map(|header| texts(header.value()));
        let lists = listed(methods) + listed(hosts) + listed(paths) + listed(clients);
        1 + lists + tokens.chain(headers).sum::<usize>() + weight(not)
    }

    fn none_of(list: Vec<Self>) -> Self {
        Self { not: list, ..Self::default() }
    }
}

impl Condition for PeerDocument {
    fn and(mut self, other: Self, _: &mut Budget) -> Result<Self, Excess> {
        let Self { span, workloads, block, network, principals, entities, not } = other;
        let mut again = PeerDocument::any(span);
        (self.workloads, again.workloads) = earlier(self.workloads, workloads);
        (self.block, again.block) = earlier(self.block, block);
        (self.network, again.network) = earlier(self.network, network);
        (self.principals, again.principals) = first(self.principals, principals);
        (self.entities, again.entities) = first(self.entities, entities);
        self.not.extend(not);
        let says_more = again.workloads.is_some()
            || again.block.is_some()
            || again.network.is_some()
            || !again.principals.is_any()
            || !again.entities.is_any();
        if says_more {
            self.not.push(Self::none_of(vec![again]));
        }
        Ok(self)
    }

    fn weight(&self) -> usize {
        1 + listed(&self.principals) + listed(&self.entities) + weight(&self.not)
    }

    fn none_of(list: Vec<Self>) -> Self {
        let span = list.first().map_or(Span::whole(0), |peer| peer.span);
        Self { not: list, ..PeerDocument::any(span) }
    }
}

/// The part that is there first, and the other one.
fn earlier<T>(one: Option<T>, other: Option<T>) -> (Option<T>, Option<T>) {
    if one.is_none() { (other, None) } else { (one, other) }
}

/// The clause that restricts first, and the other one.
fn first<T>(one: Clause<T>, other: Clause<T>) -> (Clause<T>, Clause<T>) {
    if one.is_any() { (other, Clause::Any) } else { (one, other) }
}

/// Conditions on one token (S54): there is only one that Istio looks at.
fn tokens(
    one: Clause<TokenMatch>,
    other: Clause<TokenMatch>,
    budget: &mut Budget,
) -> Result<Clause<TokenMatch>, Excess> {
    let (Some(left), Some(right)) = (one.alternatives(), other.alternatives()) else {
        return Ok(first(one, other).0);
    };
    let found = left.len().saturating_mul(right.len());
    if found > TOKENS && left.len().min(right.len()) > 1 {
        return Err(Excess { found, most: TOKENS });
    }
    let weight = |list: &[TokenMatch]| list.iter().map(token_weight).sum::<usize>();
    let copies = |list: &[TokenMatch], others: usize| weight(list).saturating_mul(others.saturating_sub(1));
    budget.spend(copies(left, right.len()).saturating_add(copies(right, left.len())))?;
    let all = left.iter().flat_map(|a| right.iter().map(|b| joined(a.clone(), b.clone()))).collect();
    Ok(Clause::one_of(all).unwrap_or(Clause::Any))
}

fn token_weight(token: &TokenMatch) -> usize {
    let claims = token.claims.iter().map(|claim| texts(claim.value()));
    1 + listed(&token.issuer) + listed(&token.audiences) + claims.sum::<usize>()
}

fn listed<T>(clause: &Clause<T>) -> usize {
    clause.alternatives().map_or(0, <[T]>::len)
}

fn texts(value: &ValueMatch) -> usize {
    match value {
        ValueMatch::Present(_) => 1,
        ValueMatch::Text(texts) => texts.patterns().len(),
    }
}

fn joined(mut one: TokenMatch, other: TokenMatch) -> TokenMatch {
    let TokenMatch { issuer, subject, audiences, claims } = other;
    let texts = |list: &[String]| {
        let patterns = list.iter().filter_map(|text| TextPattern::exact(text.clone()).ok()).collect();
        TextMatch::one_of(patterns).ok()
    };
    let mut again = Vec::new();
    for (name, mine, theirs) in [("iss", &mut one.issuer, issuer), ("aud", &mut one.audiences, audiences)] {
        match (mine.is_any(), theirs.alternatives().map(texts)) {
            (true, _) => *mine = theirs,
            (false, Some(Some(texts))) => again.push((name, texts)),
            (false, _) => {}
        }
    }
    match (&one.subject, subject) {
        (None, subject) => one.subject = subject,
        (Some(_), Some(subject)) => again.push(("sub", subject)),
        (Some(_), None) => {}
    }
    one.claims.extend(claims);
    let claim = |(name, texts): (&str, TextMatch)| {
        ClaimMatch::new(vec![name.to_owned()], ValueMatch::Text(texts)).ok()
    };
    one.claims.extend(again.into_iter().filter_map(claim));
    one
}
