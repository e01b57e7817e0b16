//! Compiling the same sources again and again, at the cost of what changed.

use super::{Compiled, Options, Refused, policies::Policies, source::Readings};
use crate::{
    Code, Source,
    check::{self, Index},
    diagnostic::Report,
    dialect,
    document::{Document, Probe, Service, Verifier},
    lower::{self, Facts, Surroundings, World},
};
use bookend_engine::{FAILSAFE, FAILSAFE_TIER, MESH_AGENT, MESH_AGENT_TIER, Plane, Rule};

/// Compiles sources that change now and then. It keeps what it read, and reads and lowers only the documents that are
/// not as they were; the result is what [`compile`](crate::compile) gives for the same sources.
///
/// Documents are told apart by their text and the name of their source, so an edit costs most where a source is one
/// large document.
#[derive(Debug, Default)]
pub struct Compiler {
    options: Options,
    readings: Readings,
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
    /// Their places name units.
    services: Vec<Service>,
    /// Their places name units.
    verifiers: Vec<Verifier>,
    /// Their places name units.
    probes: Vec<Probe>,
    /// What hosts must never lose.
    failsafe: Vec<Rule>,
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

    /// Reads all documents of all sources as one whole, as far as they changed since the last time.
    ///
    /// # Errors
    /// When anything is wrong anywhere, with everything that is. The next sources may be compiled all the same.
    pub fn compile(&mut self, sources: &[Source]) -> Result<&Compiled, Refused> {
        self.readings.read(sources);
        let places = self.readings.places();
        let mut report = Report::tolerant(self.options.best_effort);
        self.readings.report(&places, &mut report);

        self.lower_world();
        report.append(&self.world.report, |span| places.of(span));
        let complete = !report.refuses();
        // What follows speaks of units.
        let mut later = Report::default();
        self.policies.lower(&self.readings, &self.world.surroundings, &mut later);
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
        self.compiled.warnings = diagnostics;
        self.compiled.settings = settings;
        self.compiled.tests = tests.into_iter().map(|suite| places.of_suite(suite)).collect();
        let probes = self.world.probes.iter();
        self.compiled.probes =
            probes.map(|probe| Probe { place: places.of(probe.place), ..probe.clone() }).collect();
        let services = self.world.services.iter();
        self.compiled.services =
            services.map(|service| Service { place: places.of(service.place), ..service.clone() }).collect();
        let verifiers = self.world.verifiers.iter();
        self.compiled.verifiers = verifiers
            .map(|verifier| Verifier { place: places.of(verifier.place), ..verifier.clone() })
            .collect();
        let rules = self.policies.places();
        self.compiled.places =
            rules.into_iter().map(|(id, place)| (id.to_owned(), places.of(place.name))).collect();
        Ok(&self.compiled)
    }

    /// What was compiled last, and what policies referred to.
    pub(super) fn into_compiled(self) -> (Compiled, Surroundings) {
        (self.compiled, self.world.surroundings)
    }

    fn lower_world(&mut self) {
        let mut facts = Facts::default();
        let mut units = Vec::new();
        for unit in self.readings.units() {
            if unit.documents.iter().filter(|document| facts.take(document)).count() > 0 {
                units.push(unit.id);
            }
        }
        if self.world.units.as_ref() == Some(&units) {
            return;
        }
        let mut report = Report::default();
        let World { inventory, surroundings, services, probes, failsafe, verifiers } =
            facts.lower(&mut report);
        let version = self.world.version + 1;
        self.world = WorldState {
            units: Some(units),
            version,
            surroundings,
            services,
            verifiers,
            probes,
            failsafe,
            report,
        };
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
        let (version, inventory) = (self.world.version, &self.compiled.inventory);
        if self.index.0 != version {
            self.index = (version, Index::new(inventory));
        }
        let index = &self.index.1;
        let mut report = Report::default();
        self.policies.check(version, inventory, index, &mut report);
        let places = self.policies.places();
        check::program(&self.compiled.program, &places, inventory, index, &mut report);
        self.checked = Checked { what: Some((self.world.version, self.policies.keys.clone())), report };
    }
}
