//! Tests, judged by everybody who can.

use std::path::Path;

use anyhow::bail;
use bookend_engine::{Configuration, End, Settings, Verdict};
use bookend_lang::Diagnostic;

use super::Packets;
use super::case::{Case, cases, diagnostic, suite_title, title, wrong};
use super::outcome::{Failure, Outcome, PacketReport, Report, Requests, Seen, differences};
use crate::filter::{Ask, Filter};
use crate::output::Format;
use crate::passage::{
    Answer, FIRST_PORT, Judged, Kernel, Layer, Pair, Passage, Places, behind, frame, local,
};
use crate::progress::Progress;
use crate::sources::{Documents, refused};
use crate::subject::Directory;
use crate::traffic::Traffic;
use crate::trial::{self, Packet};

/// Who judges, and on which documents.
pub(super) struct Judge<'j> {
    pub(super) documents: &'j Documents,
    pub(super) format: Format,
    pub(super) packets: Packets,
    pub(super) module: Option<&'j Path>,
    pub(super) enforcer: Option<&'j Path>,
}

/// One connection of a test.
struct Attempt<'c> {
    case: &'c Case<'c>,
    pair: Pair<'c>,
    passage: Passage,
    /// The connections to everybody behind the Service that is dialled, in the order of the passage.
    behind: Vec<(Pair<'c>, Traffic)>,
}

impl<'c> Attempt<'c> {
    /// Every connection that is judged, what travels on it, and what became of it.
    fn all(&self) -> impl Iterator<Item = (&Pair<'c>, &Traffic, &Passage)> {
        let backends = self.passage.service.iter().flat_map(|service| &service.backends);
        let behind = self.behind.iter().zip(backends);
        let behind =
            behind.filter_map(|((pair, traffic), behind)| Some((pair, traffic, behind.passage.as_deref()?)));
        std::iter::once((&self.pair, &self.case.traffic, &self.passage)).chain(behind)
    }
}

impl Judge<'_> {
    /// Judges all tests whose name contains the text of `filter`.
    ///
    /// # Errors
    /// When tests name nobody, when something is missing that judges, and when those who judge disagree.
    pub(super) fn report(&self, filter: Option<&str>) -> anyhow::Result<Report> {
        let documents = self.documents;
        let directory = Directory::new(&documents.compiled);
        let cases = cases(documents, &directory, filter).map_err(|wrong| self.refused(wrong))?;
        if cases.is_empty() {
            bail!("no test's name contains `{}`; `-o json` lists the names", filter.unwrap_or_default());
        }
        let everybody = cases.iter().flat_map(|case| case.from.parties.iter().chain(&case.to.parties));
        let everybody = everybody.flat_map(|party| std::iter::once(party).chain(&party.behind));
        let places = Places::new(everybody, documents)?;
        let kernel = Kernel::new(&places, documents)?;
        let attempts = self.attempts(&cases, &places, &kernel)?;
        let requests = Requests { number: self.requests(&attempts)? };
        let packets = self.packets(&attempts, &places)?;
        let tests = self.outcomes(&cases, &attempts, &kernel)?;
        let failed = tests.iter().filter(|outcome| !outcome.passed).count();
        Ok(Report { passed: tests.len() - failed, failed, requests, packets, tests })
    }

    fn refused(&self, mut diagnostics: Vec<Diagnostic>) -> anyhow::Error {
        diagnostics.sort_by_key(|diagnostic| diagnostic.span);
        refused(&diagnostics, &self.documents.sources, self.format)
    }

    /// The engine's answers, and those of the kernel's function.
    fn attempts<'c>(
        &self,
        cases: &'c [Case<'c>],
        places: &Places,
        kernel: &Kernel<'_>,
    ) -> anyhow::Result<Vec<Attempt<'c>>> {
        let number = |case: &Case<'_>| case.from.parties.len() * case.to.parties.len();
        let mut progress = Progress::new("judged", cases.iter().map(number).sum());
        let mut attempts = Vec::new();
        let mut unsound = Vec::new();
        for case in cases {
            let ends =
                case.from.parties.iter().flat_map(|from| case.to.parties.iter().map(move |to| (from, to)));
            for (from, to) in ends {
                progress.step();
                if from.workload.is_none() && to.workload.is_none() {
                    let message =
                        format!("neither `{}` nor `{}` is a workload, so nobody judges", from.name, to.name);
                    let cure = "name a workload of the inventory at one end".to_owned();
                    unsound.push(diagnostic(case.test.from.place, message, cure));
                    continue;
                }
                match Pair::new(from, to, &case.traffic, places) {
                    Err(error) => unsound.push(wrong(case.test.to.place, &error)),
                    Ok(pair) => {
                        let passage = Passage::new(&pair, &case.traffic, self.documents, kernel, false)?;
                        let behind = behind(&pair, &case.traffic, self.documents);
                        attempts.push(Attempt { case, pair, passage, behind });
                    }
                }
            }
        }
        if unsound.is_empty() {
            return Ok(attempts);
        }
        unsound.dedup();
        Err(self.refused(unsound))
    }

    /// Puts every request and every stream through the filter's module; how many there were.
    fn requests(&self, attempts: &[Attempt<'_>]) -> anyhow::Result<usize> {
        let all = attempts.iter().flat_map(|attempt| attempt.all().map(move |one| (attempt.case, one)));
        let asked: Vec<_> = all
            .filter(|(_, (_, _, passage))| at(passage, Layer::Proxy, End::Destination).is_some())
            .collect();
        if asked.is_empty() {
            return Ok(0);
        }
        let filter = Filter::load(self.module, self.documents)?;
        let asks: Vec<_> = asked.iter().map(|(_, (pair, traffic, _))| Ask { pair, traffic }).collect();
        let answers = filter.judge(&asks, "put through the filter")?;
        for ((case, (_, _, passage)), ruled) in asked.iter().zip(answers) {
            let Some(judged) = at(passage, Layer::Proxy, End::Destination) else { continue };
            let rule = ruled.rule.as_deref().unwrap_or("nothing");
            agree("the filter's module", ruled.verdict, rule, judged, case)?;
        }
        Ok(asked.len())
    }

    /// Asks the kernel's programs about every packet that opens a connection.
    fn packets(&self, attempts: &[Attempt<'_>], places: &Places) -> anyhow::Result<PacketReport> {
        let mut asked = Vec::new();
        let mut packets = Vec::new();
        for (attempt, (pair, _, passage)) in
            attempts.iter().flat_map(|attempt| attempt.all().map(move |one| (attempt, one)))
        {
            for end in End::BOTH {
                let interface = places.interface(local(pair, end));
                let judged = at(passage, Layer::Kernel, end);
                if let (Some(interface), Some(judged)) = (interface, judged) {
                    asked.push((attempt, judged));
                    packets.push(Packet::new(interface, end, &frame(pair, FIRST_PORT)));
                }
            }
        }
        let by = |judged_by, because| PacketReport { number: packets.len(), judged_by, because };
        if self.packets == Packets::Function {
            return Ok(by("function", None));
        }
        let configuration = Configuration {
            revision: String::new(),
            program: self.documents.compiled.program.clone(),
            inventory: places.inventory().clone().with_services(Vec::new()),
            settings: Settings::default(),
        };
        let answers = match trial::ask(self.enforcer, &configuration, places.inventory().services(), &packets)
        {
            Ok(answers) => answers,
            Err(error) if self.packets == Packets::Auto => {
                return Ok(by("function", Some(format!("{error:#}"))));
            }
            Err(error) => return Err(error.context("cannot ask the kernel's programs")),
        };
        for ((attempt, judged), answer) in asked.into_iter().zip(answers) {
            let verdict = if answer.allowed { Verdict::Allow } else { Verdict::Deny };
            let rule = answer.rule.as_deref().unwrap_or(&answer.reason);
            agree("the kernel's program", verdict, rule, judged, attempt.case)?;
        }
        Ok(by("kernel", None))
    }

    fn outcomes(
        &self,
        cases: &[Case<'_>],
        attempts: &[Attempt<'_>],
        kernel: &Kernel<'_>,
    ) -> anyhow::Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        let mut attempts = attempts.iter().peekable();
        for case in cases {
            let (mut connections, mut failures) = (Vec::new(), Vec::new());
            while let Some(attempt) = attempts.next_if(|attempt| std::ptr::eq(attempt.case, case)) {
                connections.push(Seen::new(&attempt.passage));
                let because = differences(case.test, &attempt.passage, self.documents);
                if !because.is_empty() {
                    let explanation =
                        Passage::new(&attempt.pair, &case.traffic, self.documents, kernel, true)?;
                    failures.push(Failure { because, explanation });
                }
            }
            outcomes.push(Outcome {
                suite: suite_title(case.suite),
                name: case.test.name.clone(),
                at: self.documents.place_of(case.test.place),
                passed: failures.is_empty(),
                expected: if case.test.expected.allow { "allow" } else { "deny" },
                connections,
                failures,
            });
        }
        Ok(outcomes)
    }
}

/// What a point says, if it is on the way.
fn at(passage: &Passage, layer: Layer, end: End) -> Option<&Judged> {
    let point = passage.points.iter().find(|point| point.layer == layer && point.end == end.name())?;
    match &point.answer {
        Answer::Judged(judged) => Some(judged),
        Answer::Absent { .. } => None,
    }
}

/// One truth: whoever judges says the same.
fn agree(who: &str, verdict: Verdict, rule: &str, engine: &Judged, case: &Case<'_>) -> anyhow::Result<()> {
    if (verdict.name(), rule) != (engine.verdict, engine.id.as_str()) {
        bail!(
            "in `{}` {who} says {} ({rule}) where the policy says {} ({}); this is a bug in Bookend, please report it \
             with the documents",
            title(case.suite, case.test),
            verdict.name(),
            engine.verdict,
            engine.id
        );
    }
    Ok(())
}
