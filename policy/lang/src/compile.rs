//! The whole way from sources to a program and an inventory.

use core::fmt;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::{
    Diagnostic, Source, Span, check, decode,
    diagnostic::Report,
    document::{Document, Service, TestSuite},
    lower, yaml,
};
use bookend_engine::{Configuration, Inventory, Program};

/// Everything a set of sources says, and the warnings about it.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The policies.
    pub program: Program,
    /// The workloads.
    pub inventory: Inventory,
    /// The Services: further names of workloads.
    pub services: Vec<Service>,
    /// What somebody expects of the policies, by the name of the document.
    pub tests: Vec<TestSuite>,
    /// What is probably not meant.
    pub warnings: Vec<Diagnostic>,
    /// Where each rule's name stands, and each isolation, by id.
    pub places: BTreeMap<String, Span>,
}

impl Compiled {
    /// The configuration that every filter gets.
    pub fn configuration(&self) -> Configuration {
        let mut configuration = Configuration {
            revision: String::new(),
            program: self.program.clone(),
            inventory: self.inventory.clone(),
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

/// Reads all documents of all sources as one whole. The order of sources and documents makes no difference.
///
/// # Errors
/// When anything is wrong anywhere, with everything that is.
pub fn compile(sources: &[Source]) -> Result<Compiled, Refused> {
    let mut report = Report::default();
    let mut documents = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        for node in yaml::read(index, source, &mut report) {
            decode::document(&node, &mut report, &mut documents);
        }
    }
    let mut facts = lower::Facts::default();
    documents.iter().for_each(|document| facts.take(document));
    let lower::World { inventory, surroundings, services } = facts.lower(&mut report);
    let (mut policies, mut tests) = (Vec::new(), Vec::new());
    for document in documents {
        match document {
            Document::Policy(policy) => policies.push(policy),
            Document::Test(document) => tests.push(document),
            _ => {}
        }
    }
    let (program, places) = lower::policies(policies, &surroundings, &mut report);
    let tests = lower::tests(tests, &mut report);
    // Warnings about documents that are refused anyway would only distract.
    if !report.refuses() {
        check::check(&program, &inventory, &places, &mut report);
    }
    let refuses = report.refuses();
    let diagnostics = report.into_diagnostics();
    if refuses {
        return Err(Refused { diagnostics });
    }
    Ok(Compiled {
        program,
        inventory,
        services,
        tests,
        warnings: diagnostics,
        places: places.into_iter().map(|(id, place)| (id, place.name)).collect(),
    })
}
