//! The whole way from sources to a program and an inventory.

mod compiler;
mod policies;
mod sightings;
mod source;

use core::fmt;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::{
    Diagnostic, Source, Span,
    document::{Probe, Service, TestSuite, Verifier},
    lower::Surroundings,
};
use bookend_engine::{Block, Configuration, FAILSAFE, Inventory, Plane, Program, Settings};

pub use compiler::Compiler;

/// Everything a set of sources says, and the warnings about it.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// The policies.
    pub program: Program,
    /// The workloads.
    pub inventory: Inventory,
    /// How filters work, whatever the policies say.
    pub settings: Settings,
    /// The names of the tiers, by their plane (S83) and order (S2), and of what is before them (S75).
    pub tiers: BTreeMap<(Plane, u32), String>,
    /// The addresses of each Network, by its name (S42).
    pub networks: BTreeMap<String, Vec<Block>>,
    /// The addresses of the cluster's nodes (S43); empty where nobody names any.
    pub nodes: Vec<Block>,
    /// What kubelets ask of workloads, by namespace, workload and port. No part of what is enforced.
    pub probes: Vec<Probe>,
    /// The Services: further names of workloads.
    pub services: Vec<Service>,
    /// Whose tokens proxies verify. What is enforced of it is in the inventory.
    pub verifiers: Vec<Verifier>,
    /// What somebody expects of the policies, by the name of the document.
    pub tests: Vec<TestSuite>,
    /// What is probably not meant.
    pub warnings: Vec<Diagnostic>,
    /// Where each rule's name stands, and each isolation, by id.
    pub places: BTreeMap<String, Span>,
    /// Counts what a [`Compiler`] compiled. It is another one whenever anything may be.
    pub version: u64,
    /// If nothing but places differs from the version before this one: the positions in the inventory of the workloads that moved,
    /// ascending. Those behind Services follow them.
    pub moved: Option<Vec<usize>>,
}

impl Compiled {
    /// Whether no policy says anything. What hosts must never lose is no policy.
    pub fn says_nothing(&self) -> bool {
        self.program.rules().iter().all(|rule| rule.id == FAILSAFE) && self.program.isolations().is_empty()
    }

    /// The configuration that every filter gets.
    pub fn configuration(&self) -> Configuration {
        let mut configuration = Configuration {
            revision: String::new(),
            program: self.program.clone(),
            // Filters see who was chosen behind a Service.
            inventory: self.inventory.clone().with_services(Vec::new()).without_roles(),
            settings: self.settings.clone(),
        };
        configuration.revision = revision(&configuration);
        configuration
    }
}

/// A name for a configuration that is the same wherever and whenever it is made: 12 hexadecimal digits of
/// the SHA-256 of its JSON.
fn revision(configuration: &Configuration) -> String {
    let json = configuration.to_json().unwrap_or_default();
    Sha256::digest(&json).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Sources that were refused; at least one diagnostic is an error. Nothing of them may be applied.
#[derive(Clone, Debug)]
pub struct Refused {
    /// All that is wrong, by place.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} problems in the documents", self.diagnostics.len())
    }
}

impl std::error::Error for Refused {}

/// How documents are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What other systems' policies say and Bookend cannot, is left out, and a warning; nothing becomes allowed that was not.
    /// Without it such documents are refused.
    pub best_effort: bool,
}

/// Reads all documents of all sources as one whole. The order of sources and documents makes no difference.
///
/// # Errors
/// When anything is wrong anywhere, with everything that is.
pub fn compile(sources: &[Source]) -> Result<Compiled, Refused> {
    compile_with(sources, Options::default())
}

/// As [`compile`], and as the options say.
///
/// # Errors
/// As [`compile`].
pub fn compile_with(sources: &[Source], options: Options) -> Result<Compiled, Refused> {
    compile_in(sources, options).map(|(compiled, _)| compiled)
}

/// As [`compile_with`], and what policies referred to.
///
/// # Errors
/// As [`compile`].
pub(crate) fn compile_in(sources: &[Source], options: Options) -> Result<(Compiled, Surroundings), Refused> {
    let mut compiler = Compiler::new(options);
    compiler.compile(sources)?;
    Ok(compiler.into_compiled())
}
