//! Sources that are read again: only the parts that changed are.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

use super::sightings::Sightings;
use crate::{
    Source, Span, decode,
    diagnostic::Report,
    document::{Document, TestSuite},
    yaml,
};

/// A part of a source, read. Places in it name the part by its id, and count from its beginning.
#[derive(Debug)]
pub(super) struct Unit {
    /// Of all units a compiler ever read, only this one has it.
    pub(super) id: usize,
    /// What it says.
    pub(super) documents: Vec<Document>,
    /// What is wrong with it.
    pub(super) report: Report,
    nodes: usize,
    /// How many documents it holds, unsound ones included; `None` if it is not YAML.
    found: Option<usize>,
}

impl Unit {
    /// One that says nothing but what is wrong with it.
    pub(super) fn unread(id: usize, report: Report) -> Self {
        Self { id, documents: Vec::new(), report, nodes: 0, found: None }
    }

    pub(super) fn read(id: usize, text: &str) -> Self {
        let (mut report, mut documents) = (Report::default(), Vec::new());
        let read = yaml::read(id, text, &mut report);
        let found = read.as_ref().map(|read| read.documents.len());
        let yaml::Read { documents: nodes, nodes: values } = read.unwrap_or_default();
        for node in nodes {
            decode::document(&node, &mut report, &mut documents);
        }
        // Most have one, and there may be very many.
        documents.shrink_to_fit();
        Self { id, documents, report, nodes: values, found }
    }
}

/// A source as it was when it was last read.
#[derive(Debug)]
pub(super) struct Reading {
    name: String,
    /// Of all its bytes.
    digest: Digest,
    parts: Vec<Part>,
    /// One for each part.
    pub(super) units: Vec<Arc<Unit>>,
    /// What is wrong with it as a whole; its places name the source 0.
    report: Report,
}

/// Where a part begins.
#[derive(Debug)]
struct Part {
    /// Its first byte.
    start: usize,
    /// How many lines are before it.
    line: usize,
    /// Of its text, if it is not the only part.
    digest: Option<Box<Digest>>,
}

/// What a text is known by again: SHA-256, so that nobody can write two that are taken for one. The text itself need not be kept.
type Digest = [u8; 32];

fn digest(text: &[u8]) -> Digest {
    Sha256::digest(text).into()
}

impl Reading {
    /// Whether it is of this source as it is.
    fn is_of(&self, source: &Source, digest: &Digest) -> bool {
        self.name == source.name && self.digest == *digest
    }

    /// Reads a source, given how it was read before and the next id that nobody has.
    fn again(source: &Source, digest: Digest, before: Option<Self>, next: &mut usize) -> Self {
        if let Some(before) = before {
            return match before.digest == digest {
                true => before,
                false => Self::read(source, digest, before.by_text(), next),
            };
        }
        Self::read(source, digest, HashMap::new(), next)
    }

    fn read(
        source: &Source,
        whole: Digest,
        mut known: HashMap<Digest, VecDeque<Arc<Unit>>>,
        next: &mut usize,
    ) -> Self {
        let mut report = Report::default();
        let (mut places, mut units) = (Vec::new(), Vec::new());
        if let Some(text) = yaml::text(0, source, &mut report) {
            let parts: Vec<_> = yaml::parts(text).into_iter().collect();
            let single = parts.len() == 1;
            // Most have one, and there may be very many.
            units.reserve_exact(parts.len());
            places.reserve_exact(parts.len());
            for part in parts {
                let digest = (!single).then(|| Box::new(digest(part.text.as_bytes())));
                let same = digest.as_deref().and_then(|digest| known.get_mut(digest)?.pop_front());
                units.push(same.unwrap_or_else(|| {
                    *next += 1;
                    Arc::new(Unit::read(*next, part.text))
                }));
                places.push(Part { start: part.start, line: part.line, digest });
            }
            // Of a part that is not YAML it cannot be told what it would have held.
            if let Some(found) = units.iter().map(|unit| unit.found).sum() {
                yaml::check_whole(0, units.iter().map(|unit| unit.nodes).sum(), found, &mut report);
            }
        }
        Self { name: source.name.clone(), digest: whole, parts: places, units, report }
    }

    fn by_text(&self) -> HashMap<Digest, VecDeque<Arc<Unit>>> {
        let mut known: HashMap<Digest, VecDeque<Arc<Unit>>> = HashMap::new();
        for (unit, part) in self.units.iter().zip(&self.parts) {
            if let Some(digest) = &part.digest {
                known.entry(**digest).or_default().push_back(Arc::clone(unit));
            }
        }
        known
    }
}

/// Sources as they were when they were last read, by name.
#[derive(Debug, Default)]
pub(super) struct Readings {
    pub(super) all: Vec<Reading>,
    /// The id of the unit that was read last.
    pub(super) next: usize,
}

impl Readings {
    /// Reads the sources, as far as they changed; whether they did.
    pub(super) fn read(&mut self, sources: &[Source]) -> bool {
        let digests: Vec<Digest> = sources.iter().map(|source| digest(&source.bytes)).collect();
        let told = || sources.iter().zip(&digests);
        let same = self.all.len() == sources.len()
            && self.all.iter().zip(told()).all(|(reading, (source, digest))| reading.is_of(source, digest));
        if same {
            return false;
        }
        let mut before: HashMap<String, VecDeque<Reading>> = HashMap::new();
        for reading in self.all.drain(..) {
            before.entry(reading.name.clone()).or_default().push_back(reading);
        }
        self.all = Vec::with_capacity(sources.len());
        for (source, digest) in told() {
            let before = before.get_mut(&source.name).and_then(VecDeque::pop_front);
            self.all.push(Reading::again(source, *digest, before, &mut self.next));
        }
        true
    }

    /// All units, in the order of the sources.
    pub(super) fn units(&self) -> impl Iterator<Item = &Arc<Unit>> {
        self.all.iter().flat_map(|reading| &reading.units)
    }

    /// Where the units are; behind the sources come the manifests of what is seen.
    pub(super) fn places(&self, sightings: &Sightings) -> Places {
        let mut places = HashMap::new();
        for (position, seen) in sightings.all.iter().enumerate() {
            places.insert(seen.unit.id, (self.all.len() + position, 0, 0));
        }
        for (source, reading) in self.all.iter().enumerate() {
            for (unit, part) in reading.units.iter().zip(&reading.parts) {
                places.insert(unit.id, (source, part.start, part.line));
            }
        }
        Places(places)
    }

    /// Adds all that is wrong with single documents.
    pub(super) fn report(&self, sightings: &Sightings, places: &Places, report: &mut Report) {
        for (index, reading) in self.all.iter().enumerate() {
            report.append(&reading.report, |span| Span { source: index, ..span });
            for unit in &reading.units {
                report.append(&unit.report, |span| places.of(span));
            }
        }
        for seen in &sightings.all {
            report.append(&seen.unit.report, |span| places.of(span));
        }
    }
}

/// Which source a unit is in, at which byte, and after how many lines.
pub(super) struct Places(HashMap<usize, (usize, usize, usize)>);

impl Places {
    /// A place in a source, given one in a unit.
    pub(super) fn of(&self, span: Span) -> Span {
        let (source, start, line) = self.0.get(&span.source).copied().unwrap_or_default();
        Span { source, start: span.start + start, end: span.end + start, line: span.line + line, ..span }
    }

    /// Tests, with places in sources.
    pub(super) fn of_suite(&self, mut suite: TestSuite) -> TestSuite {
        suite.places_mut(|place| *place = self.of(*place));
        suite
    }
}
