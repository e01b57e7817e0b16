//! Where the demo plays: a world, the documents in force, the enforcer, and the report.

use std::io::Write;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use bookend_lang::Compiled;

use super::documents::{Documents, filter};
use super::enforcer::Enforcer;
use super::event::{Change, Events};
use super::expectation::{Expectation, Layer};
use super::report::{Decision, Line, Report};
use super::traffic::{self, Tally};
use crate::attempt::{Act, Answer, Attempt, Observation};
use crate::error::{Doing, Result};
use crate::packet::Arrival;
use crate::world::World;
use crate::world::pod::Pod;
use crate::world::topology::Proxy;

/// How long an event may take from the kernel to the file.
const EVENT: Duration = Duration::from_secs(1);
/// How often an attempt is made if it went as expected but no layer said a word: the host enforcer tells only so
/// many verdicts per second, and a scan may have used them up.
const TRIES: usize = 3;
/// How long an access log line may take from Envoy to the file.
const LOG: Duration = Duration::from_secs(2);
/// How the filter begins the body of a refusal; the id of the rule follows.
const REFUSED: &str = "denied by policy: ";

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

    /// Whether the policies allow and deny what [`traffic::during`] needs allowed and denied.
    pub fn tells_gaps(&self) -> Result<bool> {
        let [allowed, denied] = traffic::both();
        let reaches = |attempt| Expectation::of(attempt, &self.compiled, true).map(|it| it.reaches);
        Ok(reaches(&allowed)? && !reaches(&denied)?)
    }

    /// Does every attempt and compares with what the policy says; see [`Self::play_one`].
    pub fn play(&mut self, attempts: &[Attempt]) -> Result<()> {
        attempts.iter().try_for_each(|attempt| self.play_one(attempt).map(drop))
    }

    /// Does an attempt and compares with what the policy says. Its line is in order if it got through or not as
    /// expected, was stopped where expected, and whoever stopped it named the expected rule.
    pub fn play_one(&mut self, attempt: &Attempt) -> Result<bool> {
        let expectation = Expectation::of(attempt, &self.compiled, self.enforcer.is_some())?;
        let mut tries = 1;
        let (observation, decided) = loop {
            let (observation, decided) = self.observe(attempt, &expectation)?;
            let as_expected = observation.reached(attempt) == expectation.reaches;
            if decided.is_some() || !as_expected || tries == TRIES {
                break (observation, decided);
            }
            tries += 1;
        };
        let reached = observation.reached(attempt);
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

    /// Does an attempt and asks every layer about it.
    fn observe(
        &self,
        attempt: &Attempt,
        expectation: &Expectation,
    ) -> Result<(Observation, Option<Decision>)> {
        let events = self.enforcer.as_ref().map(Enforcer::events);
        let position = events.map_or(0, Events::position);
        let observation = self.world.attempt(attempt)?;
        let reached = observation.reached(attempt);
        let decided = match (self.ruling(&observation)?, events) {
            (Some(ruling), _) => Some(ruling),
            (None, Some(events)) => verdict(events, position, attempt, reached)?,
            // Nobody watches the packets.
            (None, None) => (reached && expectation.layer == Layer::Nobody).then(|| decision(expectation)),
        };
        Ok((observation, decided))
    }

    /// What the filter of the pod that was asked wrote down about the request.
    fn ruling(&self, observation: &Observation) -> Result<Option<Decision>> {
        let Answer::Http(response) = &observation.answer else { return Ok(None) };
        // What never arrived nobody logged; what did arrive may take a moment to be written down.
        let end = Instant::now() + if observation.arrived.is_empty() { Duration::ZERO } else { LOG };
        // The service that was asked may ask others in turn, with the same mark; they are not meant.
        let asked = |pod: &&Pod| {
            let arrived = |it: &Arrival| pod.workload().addresses().contains(&it.destination);
            pod.workload().proxy == Proxy::Sidecar && observation.arrived.iter().any(arrived)
        };
        let proxied = || self.world.pods().iter().filter(asked);
        let access = loop {
            let found = proxied().find_map(|pod| pod.access(&observation.mark, Duration::ZERO).transpose());
            match found.transpose()? {
                Some(access) => break access,
                None if Instant::now() >= end => return Ok(None),
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        let rule = access.rule.unwrap_or_default();
        let told = response.text().trim_end().strip_prefix(REFUSED).map(str::to_owned);
        // A refusal names its rule to the client as well.
        let agreed = response.status != 403 || told.as_ref() == Some(&rule);
        Ok(agreed.then(|| Decision { layer: Layer::Filter, end: "destination".to_owned(), rule }))
    }

    /// Edits the policy while traffic runs, and puts it in force: in the filters, by giving them a new configuration;
    /// in the kernel, by waiting for the host enforcer, which watches the files by itself.
    ///
    /// # Errors
    /// If the edit cannot be made, or a layer does not answer. A refusal is an outcome.
    pub fn edit(&mut self, replacements: &[[&str; 2]]) -> Result<Edited> {
        let Self { enforcer, world, documents, module, .. } = self;
        let events = enforcer.as_ref().map(Enforcer::events);
        let position = events.map_or(0, Events::position);
        let (answers, tally) = traffic::during(world, || {
            documents.edit(replacements)?;
            let filters = match documents.compiled() {
                Ok(compiled) => world.reconfigure(&filter(module, &compiled)?).map(|()| compiled),
                Err(error) => Err(error),
            };
            let kernel = enforcer.as_ref().map(|enforcer| enforcer.answer(position)).transpose()?;
            Ok((filters, kernel))
        })?;
        let (filters, kernel) = answers;
        let filters = filters.map(|compiled| self.compiled = compiled);
        Ok(Edited { filters, kernel, tally })
    }
}

/// What came of an edit.
#[derive(Debug)]
pub struct Edited {
    /// Whether the filters took it, or why not.
    pub filters: Result<()>,
    /// What the host enforcer said, if it is in force.
    pub kernel: Option<Change>,
    /// What became of the traffic meanwhile.
    pub tally: Tally,
}

fn decision(expectation: &Expectation) -> Decision {
    let Expectation { layer, end, rule, .. } = expectation;
    Decision { layer: *layer, end: (*end).to_owned(), rule: rule.clone() }
}

/// What the kernel said, if it said anything about the attempt.
fn verdict(events: &Events, position: u64, attempt: &Attempt, allowed: bool) -> Result<Option<Decision>> {
    let event = events.verdict(position, attempt, allowed, EVENT)?;
    Ok(event.map(|event| Decision {
        layer: Layer::Kernel,
        end: event.end().to_owned(),
        rule: event.cause().to_owned(),
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
