//! Tests, judged by everybody who can.

use anyhow::bail;
use bookend_engine::{Configuration, End, Service, Settings, Verdict};

use super::Unsound;
use super::case::{Case, cases, diagnostic, suite_title, title, wrong};
use super::outcome::{Failure, Outcome, PacketReport, Report, Requests, Seen, differences};
use crate::documents::Documents;
use crate::passage::{
    Answer, FIRST_PORT, Judged, Kernel, Layer, Pair, Passage, Places, behind, frame, local,
};
use crate::progress::Progress;
use crate::subject::Directory;
use crate::traffic::Traffic;

/// Those who judge beside the engine and the function of the kernel's programs, as far as there are any here.
pub trait Judges {
    /// What the filter's own module says of each of these connections; `None` where there is no module.
    ///
    /// # Errors
    /// When it cannot be asked.
    fn requests(&self, asked: &[(&Pair<'_>, &Traffic)]) -> anyhow::Result<Option<Vec<Ruling>>>;

    /// What the kernel's programs say of each of these packets, on the host that the configuration's inventory describes.
    ///
    /// # Errors
    /// When they must be asked, and cannot be.
    fn packets(
        &self,
        configuration: &Configuration,
        services: &[Service],
        packets: &[Packet],
    ) -> anyhow::Result<Ruled>;
}

/// A verdict of somebody who judges.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// What is decided.
    pub verdict: Verdict,
    /// The rule, or the reason where there is none.
    pub rule: String,
}

/// What the kernel's programs say.
#[derive(Clone, Debug)]
pub enum Ruled {
    /// A ruling on each packet.
    Kernel(Vec<Ruling>),
    /// Nothing, as nobody asked for it, or for a reason.
    Nobody(Option<String>),
}

/// A packet at an interface.
#[derive(Clone, Debug)]
pub struct Packet {
    /// The index of the interface of the workload at `end`.
    pub interface: u32,
    /// The end at which it stands.
    pub end: End,
    /// The whole frame.
    pub frame: Vec<u8>,
}

/// There is nobody else.
impl Judges for () {
    fn requests(&self, _: &[(&Pair<'_>, &Traffic)]) -> anyhow::Result<Option<Vec<Ruling>>> {
        Ok(None)
    }

    fn packets(&self, _: &Configuration, _: &[Service], _: &[Packet]) -> anyhow::Result<Ruled> {
        Ok(Ruled::Nobody(None))
    }
}

/// Who judges, on which documents, and who is told how far they are.
pub(super) struct Bench<'j> {
    pub(super) documents: &'j Documents,
    pub(super) judges: &'j dyn Judges,
    pub(super) progress: &'j mut dyn Progress,
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

impl Bench<'_> {
    /// Judges all tests whose name contains the text of `filter`.
    ///
    /// # Errors
    /// When tests name nobody, when something is missing that judges, and when those who judge disagree.
    pub(super) fn report(&mut self, filter: Option<&str>) -> anyhow::Result<Report> {
        let documents = self.documents;
        let directory = Directory::new(&documents.compiled);
        let cases = cases(documents, &directory, filter).map_err(Unsound::new)?;
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

    /// The engine's answers, and those of the kernel's function.
    fn attempts<'c>(
        &mut self,
        cases: &'c [Case<'c>],
        places: &Places,
        kernel: &Kernel<'_>,
    ) -> anyhow::Result<Vec<Attempt<'c>>> {
        let number = |case: &Case<'_>| case.from.parties.len() * case.to.parties.len();
        self.progress.begin("judged", cases.iter().map(number).sum());
        let mut attempts = Vec::new();
        let mut unsound = Vec::new();
        for case in cases {
            let ends =
                case.from.parties.iter().flat_map(|from| case.to.parties.iter().map(move |to| (from, to)));
            for (from, to) in ends {
                self.progress.step();
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
        Err(Unsound::new(unsound).into())
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
        let asks: Vec<_> = asked.iter().map(|(_, (pair, traffic, _))| (*pair, *traffic)).collect();
        let Some(rulings) = self.judges.requests(&asks)? else { return Ok(0) };
        for ((case, (_, _, passage)), ruling) in asked.iter().zip(rulings) {
            let Some(judged) = at(passage, Layer::Proxy, End::Destination) else { continue };
            agree("the filter's module", &ruling, judged, case)?;
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
                    packets.push(Packet { interface, end, frame: frame(pair, FIRST_PORT) });
                }
            }
        }
        let by = |judged_by, because| PacketReport { number: packets.len(), judged_by, because };
        let configuration = Configuration {
            revision: String::new(),
            program: self.documents.compiled.program.clone(),
            inventory: places.inventory().clone().with_services(Vec::new()),
            settings: Settings::default(),
        };
        let rulings = match self.judges.packets(&configuration, places.inventory().services(), &packets)? {
            Ruled::Kernel(rulings) => rulings,
            Ruled::Nobody(because) => return Ok(by("function", because)),
        };
        for ((attempt, judged), ruling) in asked.into_iter().zip(rulings) {
            agree("the kernel's program", &ruling, judged, attempt.case)?;
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
fn agree(who: &str, ruling: &Ruling, engine: &Judged, case: &Case<'_>) -> anyhow::Result<()> {
    let Ruling { verdict, rule } = ruling;
    if (verdict.name(), rule.as_str()) != (engine.verdict, engine.id.as_str()) {
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
