//! Compiling the same sources again and again, at the cost of what changed.

use super::{
    Compiled, Options, Refused,
    policies::Policies,
    sightings::{Difference, Sightings},
    source::Readings,
};
use crate::{
    Code, Sighting, Source, Span,
    check::{self, Index},
    diagnostic::Report,
    dialect,
    document::{Document, Probe, Verifier},
    lower::{self, Facts, Moves, Surroundings, World},
};
use std::collections::BTreeSet;

use bookend_engine::{FAILSAFE, FAILSAFE_TIER, Inventory, MESH_AGENT, MESH_AGENT_TIER, Plane, Rule};

/// Compiles sources that change now and then. It keeps what it read, and reads and lowers only the documents that are
/// not as they were; the result is what [`compile`](crate::compile) gives for the same sources.
///
/// Documents are told apart by their text and the name of their source, so an edit costs most where a source is one
/// large document.
#[derive(Debug, Default)]
pub struct Compiler {
    options: Options,
    /// Nothing is looked for that is only probably not meant.
    silent: bool,
    /// What is known of nodes and networks comes and goes.
    passing: bool,
    /// What is compiled is all of what was read last.
    settled: bool,
    readings: Readings,
    sightings: Sightings,
    /// Namespaces of which nobody knows the labels.
    doubted: BTreeSet<String>,
    world: WorldState,
    policies: Policies,
    /// The version of the world that the index is of.
    index: (usize, Index),
    checked: Checked,
    compiled: Compiled,
}

/// What is said of a name that no document explains. Where a document could not be read, it may be the one that would.
const FROM_ELSEWHERE: [Code; 4] =
    [Code::UnknownTier, Code::UnknownNetwork, Code::UnknownEntity, Code::NoNetwork];

/// What the world was lowered from, and what is wrong with it. The inventory is in `compiled`.
#[derive(Debug, Default)]
struct WorldState {
    /// The ids of the units; `None` before the first time.
    units: Option<Vec<usize>>,
    /// Counts the changes.
    version: usize,
    surroundings: Surroundings,
    /// Where each of the services is described; these places name units, and those of the services themselves sources.
    services: Vec<Span>,
    /// Their places name units.
    verifiers: Vec<Verifier>,
    /// Their places name units.
    probes: Vec<Probe>,
    /// What hosts must never lose.
    failsafe: Vec<Rule>,
    /// How those that are seen to run move in it.
    moves: Option<Moves>,
    report: Report,
}

/// What was checked last, and what was found.
#[derive(Debug, Default)]
struct Checked {
    /// The version of the world, and the policies; `None` before the first time.
    what: Option<(usize, Vec<(usize, usize)>)>,
    report: Report,
}

impl Compiler {
    /// One that reads documents as the options say.
    pub fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// The same that warns of nothing: to look for what is probably not meant takes longer than all else where many workloads come and
    /// go, and does not change what is enforced.
    #[must_use]
    pub fn silent(self) -> Self {
        Self { silent: true, ..self }
    }

    /// The same for facts that come and go by themselves, as those of a cluster do: a peer of which no address is left means nobody, and is no
    /// mistake. Whoever wrote it cannot keep a node from getting another address.
    #[must_use]
    pub fn passing(self) -> Self {
        Self { passing: true, ..self }
    }

    /// Has the labels of these namespaces be in doubt from now on (S40), their names included, where no document says what they are. Otherwise
    /// one that is not described has no labels but its name.
    pub fn doubt(&mut self, namespaces: BTreeSet<String>) {
        if self.doubted != namespaces {
            self.doubted = namespaces;
            self.settled = false;
            self.world.units = None;
        }
    }

    /// Reads all documents of all sources as one whole, as far as they changed since the last time.
    ///
    /// # Errors
    /// When anything is wrong anywhere, with everything that is. The next sources may be compiled all the same.
    pub fn compile(&mut self, sources: &[Source]) -> Result<&Compiled, Refused> {
        self.compile_observed(sources, &[])
    }

    /// As [`compile`](Self::compile), and with the workloads that somebody sees run, in an order of their own. A place in the manifest of one of
    /// them names as its source the number of sources and, added to it, the position of the sighting.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub fn compile_observed(
        &mut self,
        sources: &[Source],
        sightings: &[Sighting],
    ) -> Result<&Compiled, Refused> {
        let read = self.readings.read(sources);
        self.compile_read(read, sightings)
    }

    /// As [`compile_observed`](Self::compile_observed), with the sources of the last time: whoever knows that they are the same need not keep them.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub fn compile_again(&mut self, sightings: &[Sighting]) -> Result<&Compiled, Refused> {
        self.compile_read(false, sightings)
    }

    fn compile_read(&mut self, read: bool, sightings: &[Sighting]) -> Result<&Compiled, Refused> {
        let difference = self.sightings.read(sightings, &mut self.readings.next);
        if let (false, true, Difference::Where(moved)) = (read, self.settled, &difference)
            && (moved.is_empty() || self.follow(moved))
        {
            return Ok(&self.compiled);
        }
        self.settled = false;
        let places = self.readings.places(&self.sightings);
        let mut report = Report::tolerant(self.options.best_effort);
        self.readings.report(&self.sightings, &places, &mut report);

        self.lower_world(&difference);
        report.append(&self.world.report, |span| places.of(span));
        let complete = !report.refuses();
        // What follows speaks of units.
        let mut later = Report::default();
        self.policies.lower(&self.readings, &self.world.surroundings, self.silent, &mut later);
        if !complete {
            later.forget(&FROM_ELSEWHERE);
        }
        let policies =
            self.readings.units().flat_map(|unit| &unit.documents).filter_map(|document| match document {
                Document::Policy(policy) => Some(policy),
                _ => None,
            });
        dialect::warn_of_ties(policies, &mut later);
        let tests =
            self.readings.units().flat_map(|unit| &unit.documents).filter_map(|document| match document {
                Document::Test(test) => Some(test.clone()),
                _ => None,
            });
        let tests = lower::tests(tests.collect(), &mut later);
        let reporting =
            self.readings.units().flat_map(|unit| &unit.documents).filter_map(|document| match document {
                Document::Reporting(reporting) => Some(reporting),
                _ => None,
            });
        let settings = lower::settings(reporting, &mut later);
        report.append(&later, |span| places.of(span));
        // Warnings about documents that are refused anyway would only distract.
        if !report.refuses() {
            self.check();
            report.append(&self.checked.report, |span| places.of(span));
        }
        let refuses = report.refuses();
        let diagnostics = report.into_diagnostics();
        if refuses {
            return Err(Refused { diagnostics });
        }
        self.compiled.warnings = if self.silent { Vec::new() } else { diagnostics };
        self.compiled.settings = settings;
        self.compiled.tests = tests.into_iter().map(|suite| places.of_suite(suite)).collect();
        let probes = self.world.probes.iter();
        self.compiled.probes =
            probes.map(|probe| Probe { place: places.of(probe.place), ..probe.clone() }).collect();
        for (service, place) in self.compiled.services.iter_mut().zip(&self.world.services) {
            service.place = places.of(*place);
        }
        let verifiers = self.world.verifiers.iter();
        self.compiled.verifiers = verifiers
            .map(|verifier| Verifier { place: places.of(verifier.place), ..verifier.clone() })
            .collect();
        let rules = self.policies.places();
        self.compiled.places =
            rules.into_iter().map(|(id, place)| (id.to_owned(), places.of(place.name))).collect();
        self.compiled.version += 1;
        self.compiled.moved = None;
        self.settled = true;
        Ok(&self.compiled)
    }

    /// Moves the workloads of the sightings at these positions, and nothing else; whether that is all there is to do. If not, everything
    /// has to be lowered again.
    fn follow(&mut self, moved: &[usize]) -> bool {
        let Some(moves) = &mut self.world.moves else { return false };
        let seen = moved.iter().filter_map(|position| {
            self.sightings.all.get(*position).map(|seen| (*position, &*seen.sighting.instances))
        });
        let seen: Vec<_> = seen.collect();
        let Some((moved, alike)) = moves.apply(&seen, &mut self.compiled.inventory) else { return false };
        if !alike && !self.silent {
            return false;
        }
        self.compiled.version += 1;
        self.compiled.moved = Some(moved);
        true
    }

    /// What was compiled last. After something was refused it may be of that in part, and must not be applied.
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// What was compiled last, and what policies referred to.
    pub(super) fn into_compiled(self) -> (Compiled, Surroundings) {
        (self.compiled, self.world.surroundings)
    }

    fn lower_world(&mut self, difference: &Difference) {
        let mut facts = Facts::default();
        facts.doubted = Some(&self.doubted);
        let mut units = Vec::new();
        for unit in self.readings.units() {
            if unit.documents.iter().filter(|document| facts.take(document)).count() > 0 {
                units.push(unit.id);
            }
        }
        units.extend(self.sightings.all.iter().map(|seen| seen.unit.id));
        let moved = !matches!(difference, Difference::Where(moved) if moved.is_empty());
        if self.world.units.as_ref() == Some(&units) && !moved {
            return;
        }
        // Not both at once: each is large.
        self.compiled.inventory = Inventory::default();
        self.compiled.services = Vec::new();
        self.world.moves = None;
        let seen = self.sightings.documents();
        facts.workloads.extend(seen.iter().flatten());
        let mut report = Report::default();
        let World { inventory, surroundings, services, probes, failsafe, verifiers, selecting } =
            facts.lower(&mut report);
        let surroundings = Surroundings { passing: self.passing, ..surroundings };
        let moves = Moves::new(&facts, &inventory, selecting, &seen).filter(|_| !seen.is_empty());
        let version = self.world.version + 1;
        self.world = WorldState {
            units: Some(units),
            version,
            surroundings,
            services: services.iter().map(|service| service.place).collect(),
            verifiers,
            probes,
            failsafe,
            moves,
            report,
        };
        self.compiled.services = services;
        self.compiled.inventory = inventory;
        let tiers = self.world.surroundings.tiers.iter();
        let tiers = tiers.map(|(name, tier)| ((tier.plane, tier.order), name.clone()));
        let built_in = [
            ((Plane::Bookend, FAILSAFE_TIER), FAILSAFE.to_owned()),
            ((Plane::Mesh, MESH_AGENT_TIER), MESH_AGENT.to_owned()),
        ];
        self.compiled.tiers = tiers.chain(built_in).collect();
        let networks = self.world.surroundings.networks.iter();
        self.compiled.networks =
            networks.map(|(name, network)| (name.clone(), network.blocks.clone())).collect();
        self.compiled.nodes = self.world.surroundings.nodes.clone();
    }

    /// Puts the program together and looks for what is probably not meant, if anything changed.
    fn check(&mut self) {
        let same = self.checked.what.as_ref().is_some_and(|(version, policies)| {
            *version == self.world.version && *policies == self.policies.keys
        });
        if same {
            return;
        }
        self.compiled.program = self.policies.program(&self.world.failsafe);
        let what = Some((self.world.version, self.policies.keys.clone()));
        if self.silent {
            self.checked = Checked { what, report: Report::default() };
            return;
        }
        let (version, inventory) = (self.world.version, &self.compiled.inventory);
        if self.index.0 != version {
            self.index = (version, Index::new(inventory));
        }
        let index = &self.index.1;
        let mut report = Report::default();
        self.policies.check(version, inventory, index, &mut report);
        let places = self.policies.places();
        check::program(&self.compiled.program, &places, inventory, index, &mut report);
        self.checked = Checked { what, report };
    }
}
