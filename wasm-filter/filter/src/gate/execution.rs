//! What follows from a ruling: a stream goes on or is refused, and the books are kept.

use std::net::SocketAddr;

use bookend_engine::{Decision, Ruling, Verdict};

use super::{Gate, Next};
use crate::Fault;
use crate::arrival::Arrival;
use crate::desk::Books;
use crate::headers::RequestHead;
use crate::journal::Entry;
use crate::proxy::{Label, Level, Proxy};
use crate::refusal::Reason;
use crate::tally::{Counters, Layer, Outcome};

/// The stream that is judged, for the books.
pub(super) struct Case<'a> {
    pub(super) layer: Layer,
    pub(super) head: Option<&'a RequestHead<'a>>,
    pub(super) arrival: Option<&'a Arrival>,
    pub(super) upstream: Option<SocketAddr>,
}

impl Gate {
    /// Lets a stream pass or refuses it, and keeps the books. What is only audited goes into the books and nowhere else.
    pub(super) fn carry_out(
        &self,
        books: &mut Books,
        proxy: &impl Proxy,
        case: &Case<'_>,
        judged: Result<Option<Ruling<'_>>, Fault>,
    ) -> Next {
        match judged {
            Ok(Some(ruling)) => self.rule(books, proxy, case, ruling),
            Ok(None) => {
                books.tally.add(Counters::of(case.layer, Outcome::Left));
                Next::Continue
            }
            Err(fault) => {
                books.tally.add(Counters::of(case.layer, Outcome::Fault));
                let reason = Reason::fault(&fault);
                let _unattached = proxy.attach(Label::Rule, &reason.details);
                refuse(proxy, case.layer, &reason);
                self.tell(books, proxy, case, Err(&fault), None);
                Next::Stop
            }
        }
    }

    fn rule(&self, books: &mut Books, proxy: &impl Proxy, case: &Case<'_>, ruling: Ruling<'_>) -> Next {
        let (decision, answer) = (ruling.decision, ruling.answer());
        let outcome = Outcome::from(decision.verdict);
        books.tally.add(Counters::of(case.layer, outcome));
        books.tally.add(self.counters.of_cause(decision.cause, outcome));
        let audit = ruling.audit.map(|(_, rehearsed)| rehearsed);
        if let Some(rehearsed) = audit {
            books.tally.add(Counters::of(case.layer, Outcome::Audited));
            books.tally.add(self.counters.of_cause(rehearsed.cause, Outcome::Audited));
            let label = [rehearsed.verdict.name(), " ", rehearsed.cause.id()].concat();
            let _unattached = proxy.attach(Label::Audit, &label);
        }
        let next = match ruling.permit {
            Some(permit) => {
                if audit.is_some() || self.settings.access_log.allowed {
                    let _unattached = proxy.attach(Label::Rule, decision.cause.id());
                }
                permit.into()
            }
            None => {
                let _unattached = proxy.attach(Label::Rule, decision.cause.id());
                refuse(
                    proxy,
                    case.layer,
                    &Reason::rule(decision.cause.id(), self.settings.answers.rule, answer),
                );
                Next::Stop
            }
        };
        self.tell(books, proxy, case, Ok(decision), audit);
        next
    }

    /// Logs a decision, if it is one of those that are logged.
    fn tell(
        &self,
        books: &mut Books,
        proxy: &impl Proxy,
        case: &Case<'_>,
        decided: Result<Decision<'_>, &Fault>,
        audit: Option<Decision<'_>>,
    ) {
        let log = &self.settings.decision_log;
        let allowed = decided.is_ok_and(|decision| decision.verdict == Verdict::Allow);
        if !books.journal.wants(log, allowed, audit.is_some()) {
            return;
        }
        let Case { layer, head, arrival, upstream } = *case;
        let end = self.settings.end.into();
        let entry = Entry { revision: &self.revision, end, layer, decided, audit, head, arrival, upstream };
        books.log(proxy, log, Level::Info, || entry.line());
    }
}

/// Refuses a stream. Whether or not that works, nothing of it goes on.
fn refuse(proxy: &impl Proxy, layer: Layer, reason: &Reason<'_>) {
    let refused = match layer {
        Layer::Http => proxy.respond(&reason.refusal()),
        Layer::Tcp => proxy.close(&reason.details),
    };
    if let Err(error) = refused {
        let line = format!("bookend: a refusal could not be carried out: {error}");
        proxy.log(Level::Error, &line);
        if layer == Layer::Http {
            // A request that nobody answers would hang: end it. If that fails too it hangs.
            let _unheard = proxy.reset();
        }
    }
}
