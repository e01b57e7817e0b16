//! Where the demo plays: a world, the documents in force, the enforcer, and the report.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use bookend_lang::Compiled;

use super::documents::{Documents, filter};
use super::enforcer::Enforcer;
use super::event::Events;
use super::expectation::{Expectation, Layer};
use super::report::{Decision, Line, Report};
use crate::attempt::{Act, Answer, Attempt, Observation};
use crate::error::{Doing, Result};
use crate::world::World;

/// How long an event may take from the kernel to the file.
const EVENT: Duration = Duration::from_secs(2);
/// How the filter begins the body of a refusal; the id of the rule follows.
const REFUSED: &str = "denied by bookend: ";

/// A world in which policies are in force.
#[derive(Debug)]
pub struct Stage<W> {
    /// What happened so far.
    pub report: Report<W>,
    /// The host enforcer, if it is in force.
    pub enforcer: Option<Enforcer>,
    /// The world.
    pub world: World,
    /// The documents, copied so that they can be edited.
    pub documents: Documents,
    /// What they say.
    pub compiled: Compiled,
    module: PathBuf,
}

impl<W: Write> Stage<W> {
    /// Builds the world with `module` as filter and `documents` as policy, without the host enforcer.
    pub fn build(
        services: PathBuf,
        module: PathBuf,
        documents: &Documents,
        report: Report<W>,
    ) -> Result<Self> {
        let compiled = documents.compiled()?;
        let world = World::builder(services).filter(filter(&module, &compiled)?).build()?;
        let documents = documents.copied(&world.run().directory())?;
        Ok(Self { report, enforcer: None, world, documents, compiled, module })
    }

    /// Begins a chapter.
    pub fn chapter(&mut self, title: &str) -> Result<()> {
        self.report.chapter(title).doing("write the report")
    }

    /// States something that is not a single attempt.
    pub fn claim(&mut self, attempt: &str, expected: &str, observed: &str, ok: bool) -> Result<()> {
        let [attempt, expected, observed] = [attempt, expected, observed].map(str::to_owned);
        self.report.line(Line { attempt, expected, observed, decided: None, ok }).doing("write the report")
    }

    /// Does every attempt and compares with what the policy says; see [`Self::play_one`].
    pub fn play(&mut self, attempts: &[Attempt]) -> Result<()> {
        attempts.iter().try_for_each(|attempt| self.play_one(attempt).map(drop))
    }

    /// Does an attempt and compares with what the policy says. Its line is in order if it got through or not as
    /// expected, was stopped where expected, and whoever stopped it named the expected rule.
    pub fn play_one(&mut self, attempt: &Attempt) -> Result<bool> {
        let expectation = Expectation::of(attempt, &self.compiled, self.enforcer.is_some())?;
        let events = self.enforcer.as_ref().map(Enforcer::events).cloned();
        let position = events.as_ref().map_or(0, Events::position);
        let observation = self.world.attempt(attempt)?;
        let reached = observation.reached(attempt);
        let decided = match (reached, &events) {
            (true, _) => Some(decision(&expectation)),
            (false, _) if refusal(&observation).is_some() => refusal(&observation),
            (false, Some(events)) => denial(events, position, attempt)?,
            (false, None) => None,
        };
        let in_place = match expectation.layer {
            Layer::Kernel if !expectation.reaches => observation.arrived.is_empty(),
            _ => true,
        };
        let ok = reached == expectation.reaches && in_place && decided == Some(decision(&expectation));
        self.report
            .line(Line {
                attempt: attempt.to_string(),
                expected: expected(&expectation),
                observed: observed(attempt, &observation),
                decided,
                ok,
            })
            .doing("write the report")?;
        Ok(ok)
    }

    /// Puts the edited documents in force in every filter. The host enforcer reads them by itself.
    ///
    /// # Errors
    /// If they are refused; nothing has changed then.
    pub fn put_in_force(&mut self) -> Result<()> {
        let compiled = self.documents.compiled()?;
        self.world.reconfigure(&filter(&self.module, &compiled)?)?;
        self.compiled = compiled;
        Ok(())
    }
}

fn decision(expectation: &Expectation) -> Decision {
    let Expectation { layer, end, rule, .. } = expectation;
    Decision { layer: *layer, end: (*end).to_owned(), rule: rule.clone() }
}

/// What the filter said, if it was the filter that answered.
fn refusal(observation: &Observation) -> Option<Decision> {
    let Answer::Http(response) = &observation.answer else { return None };
    let text = response.text();
    let rule = text.trim_end().strip_prefix(REFUSED).filter(|_| response.status == 403)?;
    Some(Decision { layer: Layer::Filter, end: "destination".to_owned(), rule: rule.to_owned() })
}

/// What the kernel said, if it said anything about the attempt.
fn denial(events: &Events, position: u64, attempt: &Attempt) -> Result<Option<Decision>> {
    let event = events.denial(position, attempt, EVENT)?;
    Ok(event.map(|event| {
        let rule = event.cause().to_owned();
        Decision { layer: Layer::Kernel, end: event.end, rule }
    }))
}

fn expected(expectation: &Expectation) -> String {
    match (expectation.reaches, expectation.layer) {
        (true, _) => "gets through".to_owned(),
        (false, Layer::Filter) => "HTTP 403".to_owned(),
        (false, _) => "no packet arrives".to_owned(),
    }
}

fn observed(attempt: &Attempt, observation: &Observation) -> String {
    let reached = observation.reached(attempt);
    match (&attempt.act, &observation.answer) {
        (Act::Http { .. }, Answer::Http(response)) if reached => {
            let server = observation.received.first().map_or("?", |record| record.service());
            format!("HTTP {} from {server}", response.status)
        }
        (Act::Http { .. }, Answer::Http(response)) if !observation.arrived.is_empty() => {
            format!("HTTP {}", response.status)
        }
        (Act::Scan { .. }, _) if reached => format!("{} probes arrived", observation.arrived.len()),
        (_, answer) if reached => format!("arrived ({answer})"),
        _ if !observation.arrived.is_empty() => "packets arrived".to_owned(),
        _ => "nothing arrived".to_owned(),
    }
}
