//! Trying one rule at one end.

use crate::{
    Action, Condition, Connection, End, Endpoint, Exchange, Identity, Outcome, Principal, Protocol, Rule,
    Truth,
};

/// Whether the rule's policy has a say at this end: over ends in its own namespace, or everywhere (S4, S38), and only at
/// the ends it is for (S37).
pub(super) fn governs(rule: &Rule, end: End, local: &Endpoint<'_>) -> Truth {
    if !rule.at.contains(end) {
        return Truth::No;
    }
    match &local.identity {
        Identity::Outside | Identity::Anonymous | Identity::Claimed(_) => Truth::No,
        Identity::Workload(workload) => rule.speaks_of(&workload.namespace).into(),
        Identity::Candidates(list) => Truth::agreed(list.iter().map(|w| rule.speaks_of(&w.namespace).into())),
        Identity::Account { namespace, .. } => rule.speaks_of(namespace).into(),
    }
}

/// Tries one rule that governs the `end`, or may.
pub(super) fn attempt(
    rule: &Rule,
    governed: Truth,
    connection: &Connection<'_>,
    exchange: Exchange<'_>,
) -> Outcome {
    let mut course = Attempt { action: rule.action, doubt: None, open: false };
    let from = rule.from.means(&connection.source);
    let from = if awaits_proof(connection, exchange) && from == Truth::Unknown {
        // Nobody has seen a certificate yet: as open as an HTTP condition (S41).
        course.open = true;
        Truth::Yes
    } else {
        from
    };
    let steps = course
        .takes(Condition::From, || from.and(governed))
        .and_then(|()| course.takes(Condition::To, || rule.to.means(&connection.destination).and(governed)))
        .and_then(|()| course.takes(Condition::Ports, || ports_hold(rule, connection)))
        .and_then(|()| course.takes(Condition::NotPorts, || not_ports_hold(rule, connection)))
        .and_then(|()| course.http(rule, connection, exchange));
    match (steps, course.open, course.doubt) {
        (Err(missed), _, _) => missed,
        // Every request will find it not matching, or in doubt and then the stricter of both ways: none is let
        // through that would not be let through without it.
        (Ok(()), true, Some(condition)) if rule.action == Action::Pass => {
            Outcome::Missed(condition, Truth::Unknown)
        }
        (Ok(()), true, _) if rule.action != Action::Allow => Outcome::LeftToTheRequest,
        (Ok(()), _, None) => Outcome::Decided,
        (Ok(()), _, Some(condition)) => Outcome::DecidedInDoubt(condition),
    }
}

/// How far a rule has been tried.
struct Attempt {
    action: Action,
    /// The first condition that is in doubt.
    doubt: Option<Condition>,
    /// Whether something waits for what the packet layer cannot see.
    open: bool,
}

impl Attempt {
    /// Takes a condition into account, or ends the attempt (S3).
    fn takes(&mut self, condition: Condition, truth: impl FnOnce() -> Truth) -> Result<(), Outcome> {
        match (truth(), self.action) {
            (Truth::Yes, _) => {}
            (Truth::Unknown, Action::Deny | Action::Pass) => self.doubt = self.doubt.or(Some(condition)),
            (truth, _) => return Err(Outcome::Missed(condition, truth)),
        }
        Ok(())
    }

    fn http(
        &mut self,
        rule: &Rule,
        connection: &Connection<'_>,
        exchange: Exchange<'_>,
    ) -> Result<(), Outcome> {
        if rule.http.is_any() {
            return Ok(());
        }
        match (filtered(&connection.destination), exchange) {
            // Nobody could enforce the conditions: an allow rule must not widen to the whole connection, and a
            // deny rule must not vanish (S9).
            (Truth::No | Truth::Unknown, _) => self.takes(Condition::Proxy, || Truth::Unknown),
            (Truth::Yes, Exchange::Packet) => {
                self.open = true;
                Ok(())
            }
            // What travels on it may be a request that the proxy did not take for one (S34).
            (Truth::Yes, Exchange::Stream) => self.takes(Condition::Http, || Truth::Unknown),
            (Truth::Yes, Exchange::Http(request)) => {
                let (truth, condition) = rule.http.judge(connection, request);
                self.takes(condition, || truth)
            }
        }
    }
}

/// A rule without `ports` means every protocol; one with HTTP conditions means TCP (S6, S12).
fn ports_hold(rule: &Rule, connection: &Connection<'_>) -> Truth {
    let carries_http = rule.http.is_any() || connection.protocol == Protocol::Tcp;
    Truth::from(carries_http).and(rule.ports.holds(|port| port.holds(connection)))
}

fn not_ports_hold(rule: &Rule, connection: &Connection<'_>) -> Truth {
    Truth::any(&rule.not_ports, |port| port.holds(connection)).negated()
}

/// Whether the source will yet prove who it is, to the filter at the destination.
fn awaits_proof(connection: &Connection<'_>, exchange: Exchange<'_>) -> bool {
    matches!(exchange, Exchange::Packet)
        && connection.source.principal == Principal::Open
        && connection.source.identity == Identity::Outside
        && connection.protocol == Protocol::Tcp
        && filtered(&connection.destination) == Truth::Yes
}

/// Whether the destination has a Bookend filter that sees its requests.
pub(crate) fn filtered(destination: &Endpoint<'_>) -> Truth {
    match &destination.identity {
        Identity::Workload(workload) => workload.proxied.into(),
        Identity::Candidates(list) => Truth::agreed(list.iter().map(|w| w.proxied.into())),
        Identity::Outside | Identity::Account { .. } | Identity::Anonymous | Identity::Claimed(_) => {
            Truth::No
        }
    }
}
