//! The decision once more, as `docs/semantics.md` tells it: slow, small, and on the documents as they are written.
//!
//! Nothing here is shared with the engine or with the reader of the language, so that they and this module make
//! different mistakes: documents are taken as untyped YAML, a rule is looked at whole whenever it is asked, who may
//! be at an end is a list of candidates, and every continuation of a rule in doubt is followed.
//!
//! **This module does not** check documents: what the language refuses has no meaning here.

mod condition;
mod document;
mod native;
mod path;
mod peer;
mod plane;
mod service;
mod text;
mod truth;
mod when;

use core::net::IpAddr;
use std::sync::Arc;

use anyhow::Context;
use bookend_engine::{Protocol, Verdict};
use serde_json::Value;

use crate::vehicle::Vehicle;
use crate::{Answer, Judged, Question, Seen, Traffic, World};
use condition::{Request, has_two_ends};
use document::{Action, Documents, Isolation, Rule, Step, Workload, list, text};
use native::Native;
use peer::{Candidate, Party, account, by_address, candidates, selects, within};
use truth::Truth::{self, Doubt, No, Yes};

/// The reference evaluator.
#[derive(Debug, Default)]
pub struct Reference {
    native: Option<Native>,
}

impl Vehicle for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn enter(&mut self, world: &Arc<World>) -> anyhow::Result<()> {
        self.native = Some(Native::read(world)?);
        Ok(())
    }

    fn judge(&mut self, question: &Question) -> anyhow::Result<Judged> {
        let native = self.native.as_ref().context("no world was entered")?;
        let documents = &native.documents;
        let facts = Facts::of(question, documents);
        // S61: behind an address of no workload may be a Service.
        let stranger = documents.at(question.destination.address).is_none();
        if facts.alone == Some(End::Source) && stranger && matches!(question.traffic, Traffic::Stream(_)) {
            return Ok(Answer::left_to_the_kernel().into());
        }
        // Who has an address has it for itself, and filters see who was chosen.
        let at = question.destination.address.to_canonical();
        let dialled = stranger && matches!(question.traffic, Traffic::Packet);
        let behind = match dialled {
            true => service::behind(documents, at, question.protocol, question.port),
            false => Vec::new(),
        };
        let decide = |rehearsal| match behind.as_slice() {
            [] => facts.decide(rehearsal),
            behind => facts.through(behind, at, rehearsal),
        };
        let (enforced, rehearsed) = (decide(false), decide(true));
        let audit = (rehearsed != enforced).then_some((rehearsed.verdict, rehearsed.id));
        Ok(native.named(Answer::new(enforced.verdict, enforced.id).with(audit)).into())
    }
}

/// A connection, what travels on it, and everything that can be told about both.
#[derive(Clone)]
struct Facts<'q> {
    documents: &'q Documents,
    source: Party<'q>,
    destination: Party<'q>,
    /// The workload at whose address traffic comes that proves nothing (S25).
    convict: Option<Party<'q>>,
    protocol: Protocol,
    port: u16,
    /// Whether the destination has a filter.
    proxied: bool,
    /// The end whose filter judges for this end only (S60); nothing where both are judged.
    alone: Option<End>,
    /// Whether deny rules count only where they name the destination's address (S72).
    naming: bool,
    traffic: &'q Traffic,
}

/// What is decided at an end, or at both.
#[derive(Clone, PartialEq)]
struct Ruling {
    verdict: Verdict,
    id: String,
}

const UNRULED: &str = "default-allow";

impl Ruling {
    fn new(verdict: Verdict, id: &str) -> Self {
        Self { verdict, id: id.to_owned() }
    }

    fn default() -> Self {
        Self::new(Verdict::Allow, UNRULED)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Source,
    Destination,
}

impl<'q> Facts<'q> {
    fn of(question: &'q Question, documents: &'q Documents) -> Self {
        let by_address = |address| by_address(documents, address);
        let mut source = by_address(question.source.address);
        let mut convict = None;
        let alone = (question.end == bookend_engine::End::Source).then_some(End::Source);
        if let (Some(Seen { uri_sans, address }), None) = (question.seen(), alone) {
            let seen = address.map(by_address);
            let trusted = documents.trust_addresses && uri_sans.is_empty();
            source = match (account(documents, uri_sans), seen) {
                (Some((namespace, account)), seen) => {
                    let mut candidates = candidates(documents, &namespace, &account, seen);
                    if candidates.is_empty() {
                        candidates.push(Candidate::Account(namespace, account));
                    }
                    Party { candidates, address: *address, principals: Some(uri_sans.clone()) }
                }
                (None, Some(seen)) if trusted => seen,
                (None, seen) => {
                    let principals = (!uri_sans.is_empty()).then(|| uri_sans.clone());
                    convict = seen.filter(|party| party.namespace().is_some());
                    convict = convict.map(|party| Party { principals: principals.clone(), ..party });
                    Party { candidates: vec![Candidate::Anybody], address: *address, principals }
                }
            };
        }
        Self {
            documents,
            source,
            destination: by_address(question.destination.address),
            convict,
            protocol: question.protocol,
            port: question.port,
            proxied: documents.at(question.destination.address).is_some_and(|workload| workload.proxied),
            traffic: &question.traffic,
            alone,
            naming: false,
        }
    }

    /// The same at the source alone, toward somebody else.
    fn toward(&self, address: IpAddr, port: u16) -> Self {
        let destination = by_address(self.documents, address);
        let proxied = self.documents.at(address).is_some_and(|workload| workload.proxied);
        Self { destination, port, proxied, alone: Some(End::Source), naming: false, ..self.clone() }
    }

    /// Both ends, joined (S1, S10).
    fn decide(&self, rehearsal: bool) -> Ruling {
        let decide = |end| match self.governing(end).filter(|_| self.alone.is_none_or(|own| own == end)) {
            None => Ruling::default(),
            Some(_) if self.is_failsafe(end) => Ruling::new(Verdict::Allow, "failsafe"),
            Some(_) => self.planes(end, rehearsal),
        };
        let (source, destination) = (decide(End::Source), decide(End::Destination));
        match (source.verdict, destination.verdict) {
            (Verdict::Deny, _) => source,
            (_, Verdict::Deny) => destination,
            _ if destination.id == UNRULED => source,
            _ => destination,
        }
    }

    /// Whether no policy can deny it there (S75): certain only where it is for everybody who may be there.
    fn is_failsafe(&self, end: End) -> bool {
        let (direction, other) = match end {
            End::Source => ("outbound", &self.destination),
            End::Destination => ("inbound", &self.source),
        };
        let named = |port: &Value| {
            self.has_port(port) == Yes && (port.get("cidr").is_none() || within(port, other.address) == Yes)
        };
        self.judged(end).candidates.iter().all(|candidate| match candidate {
            Candidate::Workload(Workload { failsafe: Some(failsafe), .. }) => {
                list(failsafe, direction).iter().any(named)
            }
            _ => false,
        })
    }

    /// Who is judged at an end.
    fn judged(&self, end: End) -> &Party<'q> {
        match end {
            End::Source => self.convict.as_ref().unwrap_or(&self.source),
            End::Destination => &self.destination,
        }
    }

    /// The namespace whose policies govern an end (S4, S38).
    fn governing(&self, end: End) -> Option<&str> {
        self.judged(end).namespace()
    }

    fn governs(&self, namespace: Option<&String>, end: End) -> bool {
        namespace.is_none_or(|own| self.governing(end) == Some(own))
    }

    /// The decision of the first of `tiers`, or, where it has none, of the others (S2).
    fn tier(&self, end: End, tiers: &[Step], rehearsal: bool) -> Ruling {
        let Some((order, others)) = tiers.split_first() else { return Ruling::default() };
        let name = if end == End::Source { "source" } else { "destination" };
        let at = |rule: &Rule| match list(&rule.body, "at") {
            [] => true,
            ends => ends.iter().any(|e| e.as_str() == Some(name)),
        };
        let all = self.documents.rules.iter().filter(|rule| {
            rule.tier == *order
                && (rehearsal || !rule.audit)
                && at(rule)
                && self.governs(rule.namespace.as_ref(), end)
        });
        let rules: Vec<&Rule> = all.collect();
        self.rules(end, &rules, tiers, others, rehearsal)
    }

    fn rules(&self, end: End, rules: &[&Rule], tiers: &[Step], others: &[Step], rehearsal: bool) -> Ruling {
        let Some((rule, rest)) = rules.split_first() else {
            let isolations = self.documents.isolations.iter().filter(|i| Some(&i.tier) == tiers.first());
            let mut isolations = isolations.filter(|i| rehearsal || !i.audit);
            return match isolations.find(|isolation| self.isolated(end, isolation) != No) {
                Some(isolation) => Ruling::new(Verdict::Deny, &isolation.id),
                None => self.tier(end, others, rehearsal),
            };
        };
        let stays = || self.rules(end, rest, tiers, others, rehearsal);
        if self.naming && rule.action == Action::Deny && !self.is_named(rule) {
            return stays();
        }
        let leaves = || self.tier(end, others, rehearsal);
        // What requests may make of the rule: where something is open to them, it may hold and it may not (S5).
        let outcomes = match self.open() {
            true => vec![self.matches(rule, end, No), self.matches(rule, end, Yes)],
            false => vec![self.matches(rule, end, Doubt)],
        };
        let decided = outcomes.into_iter().map(|matches| match (rule.action, matches) {
            (Action::Deny, Yes | Doubt) => Ruling::new(Verdict::Deny, &rule.id),
            (Action::Allow, Yes) => Ruling::new(Verdict::Allow, &rule.id),
            (Action::Pass, Yes) => leaves(),
            // The more restrictive of both (S35).
            (Action::Pass, Doubt) => match (stays(), leaves()) {
                (stays, leaves) if stays.verdict == Verdict::Allow && leaves.verdict == Verdict::Deny => {
                    leaves
                }
                (stays, _) => stays,
            },
            _ => stays(),
        });
        // Some request can have the best of them.
        let allows = |ruling: &Ruling| ruling.verdict == Verdict::Allow;
        let mut all: Vec<Ruling> = decided.collect();
        let best = all.iter().position(|ruling| allows(ruling) && ruling.id == rule.id);
        let best = best.or_else(|| all.iter().position(allows)).unwrap_or_default();
        all.swap_remove(best)
    }

    fn isolated(&self, end: End, isolation: &Isolation) -> Truth {
        let direction = if end == End::Source { "egress" } else { "ingress" };
        let directions = list(&isolation.body, "directions");
        let named = directions.is_empty() || directions.iter().any(|d| d.as_str() == Some(direction));
        if !named || !self.governs(isolation.namespace.as_ref(), end) {
            return No;
        }
        let own = isolation.namespace.as_deref();
        let selector = isolation.body.get("workloads").unwrap_or(&Value::Null);
        let means = |candidate| selects(selector, candidate, own, self.documents);
        Truth::agreed(self.judged(end).candidates.iter().map(means))
    }

    /// Whether conditions that only the proxy can tell are open, rather than out of anybody's sight.
    fn open(&self) -> bool {
        *self.traffic == Traffic::Packet && self.proxied && self.protocol == Protocol::Tcp
    }

    /// Whether a rule means the destination.
    fn means(&self, rule: &Rule) -> Truth {
        match list(&rule.body, "to") {
            [] => Yes,
            peers => self.destination.among(peers, rule.namespace.as_deref(), self.documents, Doubt),
        }
    }

    /// Whether a rule matches, if what cannot be told at the packet layer is taken to be `open`.
    fn matches(&self, rule: &Rule, end: End, open: Truth) -> Truth {
        let (body, own) = (&rule.body, rule.namespace.as_deref());
        let source = if end == End::Source { self.judged(end) } else { &self.source };
        let peers =
            [("from", source), ("to", &self.destination)].map(|(field, party)| match list(body, field) {
                [] => Yes,
                peers => party.among(peers, own, self.documents, open),
            });
        let any_port = |field| Truth::any(list(body, field).iter().map(|port| self.has_port(port)));
        let ports = if body.get("ports").is_some() { any_port("ports") } else { Yes };
        let http = match list(body, "http") {
            [] => Yes,
            _ if self.protocol != Protocol::Tcp => No,
            _ if !self.proxied => Doubt,
            conditions => match self.traffic {
                Traffic::Packet => open,
                Traffic::Stream(_) => Doubt,
                Traffic::Request { head, .. } if has_two_ends(head) => Doubt,
                Traffic::Request { head, tokens, .. } => {
                    let request = Request { head, tokens, facts: self, source };
                    Truth::any(conditions.iter().map(|condition| request.meets(condition)))
                }
            },
        };
        Truth::all(peers.into_iter().chain([ports, any_port("notPorts").not(), http]))
    }

    /// S12, S44, S45, S46.
    fn has_port(&self, port: &Value) -> Truth {
        let protocol = protocol(port);
        if protocol != self.protocol {
            return No;
        }
        let number = |field| port.get(field).and_then(Value::as_u64);
        let own = u64::from(self.port);
        if let Some(kind) = number("type") {
            return Truth::is(own / 256 == kind && number("code").is_none_or(|code| own % 256 == code));
        }
        let wanted = if port.is_object() { port.get("port") } else { Some(port) };
        match wanted {
            None => Yes,
            Some(Value::String(name)) => Truth::agreed(self.destination.candidates.iter().map(|c| match c {
                Candidate::Workload(workload) => workload.ports.as_ref().map_or(Doubt, |ports| {
                    let wanted = (name.as_str(), own, protocol);
                    Truth::is(ports.iter().any(|port| named(port) == Some(wanted)))
                }),
                Candidate::Outside => No,
                Candidate::Anybody | Candidate::Account(..) => Doubt,
            })),
            Some(first) => {
                let first = first.as_u64().unwrap_or_default();
                Truth::is((first..=number("endPort").unwrap_or(first)).contains(&own))
            }
        }
    }

    /// Whether the destination's proxy verifies tokens (S54).
    fn verifies_tokens(&self) -> bool {
        matches!(self.destination.candidates.first(), Some(Candidate::Workload(workload)) if workload.jwt)
    }
}

/// The protocol of a port (S12).
fn protocol(port: &Value) -> Protocol {
    match text(port, "protocol") {
        "UDP" => Protocol::Udp,
        "SCTP" => Protocol::Sctp,
        "ICMP" => Protocol::Icmp,
        "ICMPv6" => Protocol::Icmpv6,
        _ => Protocol::Tcp,
    }
}

/// Name, number and protocol of a named port.
fn named(port: &Value) -> Option<(&str, u64, Protocol)> {
    Some((port.get("name")?.as_str()?, port.get("port")?.as_u64()?, protocol(port)))
}
