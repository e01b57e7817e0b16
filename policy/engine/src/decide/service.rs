//! The decision at the source about a connection through a Service.

use alloc::vec::Vec;

use super::course::Rehearsal;
use super::{Cause, Decision, Question, Verdict};
use crate::{Action, Clause, Connection, Dialled, End, Endpoint, Exchange, PeerMatch, Program, Rule, Trace};

/// What is decided at the source about a connection through a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceDecision<'p> {
    /// About the connection: it is allowed only where every backend is (S71), and where no deny rule names the address that was
    /// dialled (S72).
    pub decision: Decision<'p>,
    /// What would be decided if what is only audited were enforced, where that differs (S36).
    pub audit: Option<Decision<'p>>,
    /// About each backend, in the order of the question.
    pub backends: Vec<Decision<'p>>,
    /// The deny rule that names the address that was dialled, where there is one.
    pub named: Option<Decision<'p>>,
}

impl ServiceDecision<'_> {
    /// Whether some backends would be allowed and others denied.
    pub fn is_mixed(&self) -> bool {
        let allowed = self.backends.iter().filter(|backend| backend.verdict == Verdict::Allow).count();
        allowed > 0 && allowed < self.backends.len()
    }
}

/// Judges at the source what `source` dials, whoever is reached behind the Service. The packets that cross the source's interface
/// show the address that was dialled, and filters see who was chosen, so this is asked of packets only.
pub fn decide_dialled<'p, T: Trace>(
    program: &'p Program,
    source: &Endpoint<'_>,
    dialled: &Dialled<'_>,
    trace: &mut T,
) -> ServiceDecision<'p> {
    let (named, backends) = judge(program, source, dialled, Rehearsal::No, trace);
    let decision = joined(named, &backends);
    let audit = program.rehearses().then(|| {
        let (named, backends) = judge(program, source, dialled, Rehearsal::Yes, &mut crate::NoTrace);
        joined(named, &backends)
    });
    let audit = audit.filter(|rehearsed| *rehearsed != decision);
    ServiceDecision { decision, audit, backends, named }
}

fn judge<'p, T: Trace>(
    program: &'p Program,
    source: &Endpoint<'_>,
    dialled: &Dialled<'_>,
    rehearsal: Rehearsal,
    trace: &mut T,
) -> (Option<Decision<'p>>, Vec<Decision<'p>>) {
    let naming = program.rules().iter().any(|rule| rule.action == Action::Deny && has_blocks(&rule.to));
    let mut named: Option<Decision<'p>> = None;
    let mut backends = Vec::with_capacity(dialled.backends.len());
    for (destination, port) in &dialled.backends {
        let (source, destination, protocol) = (source.clone(), destination.clone(), dialled.protocol);
        let mut connection = Connection { source, destination, protocol, port: *port };
        let question = Question::new::<T>(program, &connection, Exchange::Packet);
        backends.push(question.judge_at(End::Source, rehearsal, trace));
        if naming {
            // The same backend, as if it were where the Service is.
            connection.destination.location = dialled.location;
            connection.port = dialled.port;
            let question = Question::new::<T>(program, &connection, Exchange::Packet);
            let denied = question.judge_naming(rehearsal, trace);
            let denied = denied.filter(|new| named.is_none_or(|old| new.cause.id() < old.cause.id()));
            named = denied.or(named);
        }
    }
    (named, backends)
}

/// The decision that stands for all (S73).
fn joined<'p>(named: Option<Decision<'p>>, backends: &[Decision<'p>]) -> Decision<'p> {
    let first = |wanted: &dyn Fn(&Decision<'p>) -> bool| {
        backends
            .iter()
            .copied()
            .filter(|decision| wanted(decision))
            .min_by_key(|decision| decision.cause.id())
    };
    named
        .or_else(|| first(&|decision| decision.verdict == Verdict::Deny))
        .or_else(|| first(&|decision| decision.cause != Cause::Default))
        .or_else(|| first(&|_| true))
        // A question without backends is none; doubt denies, and there is nothing to name.
        .unwrap_or(Decision { verdict: Verdict::Deny, cause: Cause::Default })
}

/// Whether these peers name any addresses.
fn has_blocks(peers: &Clause<PeerMatch>) -> bool {
    peers.alternatives().unwrap_or_default().iter().any(PeerMatch::names_blocks)
}

/// Whether a rule says something of a destination because of where it is.
pub(super) fn names(rule: &Rule, connection: &Connection<'_>) -> bool {
    let elsewhere = Endpoint { location: crate::Location::Elsewhere, ..connection.destination.clone() };
    rule.to.means(&connection.destination) != rule.to.means(&elsewhere)
}
