//! The decision.

use crate::{
    Action, Condition, Connection, End, Endpoint, Exchange, Identity, Isolation, Outcome, Program, Protocol,
    Rule, Trace, Truth,
};

/// Allowed or denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The traffic must not pass.
    Deny,
    /// The traffic may pass.
    Allow,
}

impl Verdict {
    /// `allow` or `deny`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// What brought a verdict about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause<'p> {
    /// A rule matched.
    Rule(&'p Rule),
    /// No rule matched, and the workload is isolated (S7).
    Isolation(&'p Isolation),
    /// No rule matched, and the workload is not isolated (S8).
    Default,
}

impl<'p> Cause<'p> {
    /// The id that every layer reports: the rule's, the isolation's, or `default-allow`.
    pub fn id(self) -> &'p str {
        match self {
            Self::Rule(rule) => &rule.id,
            Self::Isolation(isolation) => &isolation.id,
            Self::Default => "default-allow",
        }
    }
}

/// The verdict at one end, and its cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'p> {
    /// The verdict.
    pub verdict: Verdict,
    /// What brought it about.
    pub cause: Cause<'p>,
}

/// Permission to let traffic pass. Only an allowing [`Judgement`] hands one out.
#[derive(Debug)]
pub struct Permit(());

/// The verdicts at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement<'p> {
    /// At the source.
    pub source: Decision<'p>,
    /// At the destination.
    pub destination: Decision<'p>,
}

impl<'p> Judgement<'p> {
    /// Allowed only where both ends allow (S1).
    pub fn verdict(&self) -> Verdict {
        self.source.verdict.min(self.destination.verdict)
    }

    /// The end whose decision stands for the whole (S10): the first that denies; where both allow, the
    /// destination, unless only the source has a rule to name.
    pub fn deciding(&self) -> (End, Decision<'p>) {
        let unruled = self.destination.cause == Cause::Default && self.source.cause != Cause::Default;
        match (self.source.verdict, self.destination.verdict) {
            (Verdict::Deny, _) => (End::Source, self.source),
            (Verdict::Allow, Verdict::Allow) if unruled => (End::Source, self.source),
            (Verdict::Allow, _) => (End::Destination, self.destination),
        }
    }

    /// The permission, when both ends allow.
    pub fn permit(&self) -> Option<Permit> {
        (self.verdict() == Verdict::Allow).then_some(Permit(()))
    }
}

/// Judges a connection, and what is known of the traffic on it, at both ends.
///
/// With [`Exchange::Packet`] this is the projection: it allows iff some request could be allowed, every
/// HTTP condition being unknown (S5).
pub fn decide<'p>(
    program: &'p Program,
    connection: &Connection<'_>,
    exchange: Exchange<'_>,
    trace: &mut impl Trace,
) -> Judgement<'p> {
    Judgement {
        source: decide_end(program, End::Source, connection, exchange, trace),
        destination: decide_end(program, End::Destination, connection, exchange, trace),
    }
}

/// Judges a connection, and what is known of the traffic on it, at one end.
pub fn decide_end<'p>(
    program: &'p Program,
    end: End,
    connection: &Connection<'_>,
    exchange: Exchange<'_>,
    trace: &mut impl Trace,
) -> Decision<'p> {
    if let (End::Source, Identity::Claimed(workload)) = (end, &connection.source.identity) {
        let source = Endpoint { identity: Identity::Workload(workload), ..connection.source };
        let own = Connection { source, ..connection.clone() };
        return decide_end(program, end, &own, exchange, trace);
    }
    for rule in program.rules() {
        if governs(rule, connection.at(end)) == Truth::No {
            continue;
        }
        let outcome = attempt(rule, end, connection, exchange);
        trace.rule(end, rule, outcome);
        if matches!(outcome, Outcome::Decided | Outcome::DecidedInDoubt(_)) {
            let verdict = match rule.action {
                Action::Allow => Verdict::Allow,
                Action::Deny => Verdict::Deny,
            };
            return Decision { verdict, cause: Cause::Rule(rule) };
        }
    }
    let local = &connection.at(end).identity;
    let isolation = program
        .isolations()
        .iter()
        .filter(|isolation| isolation.covers(end))
        .find(|isolation| known(local) && isolation.workloads.holds(local) != Truth::No);
    match isolation {
        Some(isolation) => {
            trace.isolation(end, isolation);
            Decision { verdict: Verdict::Deny, cause: Cause::Isolation(isolation) }
        }
        None => Decision { verdict: Verdict::Allow, cause: Cause::Default },
    }
}

/// Whether the rule's policy has a say at this end: only over ends in its own namespace (S4).
fn governs(rule: &Rule, local: &Endpoint<'_>) -> Truth {
    match &local.identity {
        Identity::Outside | Identity::Anonymous | Identity::Claimed(_) => Truth::No,
        Identity::Workload(workload) => (workload.namespace == rule.namespace).into(),
        Identity::Candidates(list) => {
            Truth::agreed(list.iter().map(|w| (w.namespace == rule.namespace).into()))
        }
        Identity::Account { namespace, .. } => (*namespace == rule.namespace).into(),
    }
}

/// Whether an end is known to be some workload. The end of somebody unknown is left to the enforcers at
/// that end (S25).
fn known(identity: &Identity<'_>) -> bool {
    !matches!(identity, Identity::Outside | Identity::Anonymous | Identity::Claimed(_))
}

/// Tries one rule that governs the `end`.
fn attempt(rule: &Rule, end: End, connection: &Connection<'_>, exchange: Exchange<'_>) -> Outcome {
    let mut doubt: Option<Condition> = None;
    let governed = governs(rule, connection.at(end));
    let conditions = [
        (Condition::From, rule.from.means(&connection.source).and(governed)),
        (Condition::To, rule.to.means(&connection.destination).and(governed)),
        (Condition::Ports, ports_hold(rule, connection)),
    ];
    for (condition, truth) in conditions {
        match (truth, rule.action) {
            (Truth::Yes, _) => {}
            (Truth::Unknown, Action::Deny) => doubt = doubt.or(Some(condition)),
            (truth, _) => return Outcome::Missed(condition, truth),
        }
    }
    if !rule.http.is_any() {
        match (http_holds(rule, connection, exchange), rule.action) {
            (Http::Open, Action::Allow) | (Http::Known(_, Truth::Yes), _) => {}
            (Http::Open, Action::Deny) => return Outcome::LeftToTheRequest,
            (Http::Known(condition, Truth::Unknown), Action::Deny) => doubt = doubt.or(Some(condition)),
            (Http::Known(condition, truth), _) => return Outcome::Missed(condition, truth),
        }
    }
    doubt.map_or(Outcome::Decided, Outcome::DecidedInDoubt)
}

/// A rule without `ports` means every protocol; one with HTTP conditions means TCP (S6, S12).
fn ports_hold(rule: &Rule, connection: &Connection<'_>) -> Truth {
    let Connection { protocol, port, .. } = connection;
    let carries_http = rule.http.is_any() || *protocol == Protocol::Tcp;
    Truth::from(carries_http).and(rule.ports.holds(|range| range.contains(*protocol, *port).into()))
}

/// What can be said of a rule's HTTP conditions.
enum Http {
    /// They depend on a request that has not been seen.
    Open,
    /// They have this truth, and this part of them made it so.
    Known(Condition, Truth),
}

fn http_holds(rule: &Rule, connection: &Connection<'_>, exchange: Exchange<'_>) -> Http {
    match (filtered(&connection.destination), exchange) {
        // Nobody could enforce the conditions: an allow rule must not widen to the whole connection, and a
        // deny rule must not vanish (S9).
        (Truth::No | Truth::Unknown, _) => Http::Known(Condition::Proxy, Truth::Unknown),
        (Truth::Yes, Exchange::Packet) => Http::Open,
        (Truth::Yes, Exchange::Stream) => Http::Known(Condition::Http, Truth::No),
        (Truth::Yes, Exchange::Http(request)) => {
            let truth = rule.http.holds(|http| http.holds(request));
            let best = |part: fn(&crate::HttpMatch, &crate::Request<'_>) -> Truth| {
                rule.http.holds(|http| part(http, request))
            };
            let condition = if best(crate::HttpMatch::method_holds) == truth {
                Condition::Methods
            } else if best(crate::HttpMatch::path_holds) == truth {
                Condition::Paths
            } else {
                Condition::Http
            };
            Http::Known(condition, truth)
        }
    }
}

/// Whether the destination has a Bookend filter that sees its requests.
fn filtered(destination: &Endpoint<'_>) -> Truth {
    match &destination.identity {
        Identity::Workload(workload) => workload.proxied.into(),
        Identity::Candidates(list) => Truth::agreed(list.iter().map(|w| w.proxied.into())),
        Identity::Outside | Identity::Account { .. } | Identity::Anonymous | Identity::Claimed(_) => {
            Truth::No
        }
    }
}
