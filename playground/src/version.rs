//! Documents that were opened.

use std::collections::BTreeMap;

use bookend_answers::Documents;
use bookend_answers::check::{self, Answer};
use bookend_lang::{Compiled, Compiler, Diagnostic, Options, Refused, Source};
use serde::Serialize;

use crate::mark::{Mark, Part, Ruler};

/// Documents, and what is known of them.
#[derive(Debug)]
pub(crate) struct Version {
    options: Options,
    /// It keeps what it read, so that an edit costs what it changes.
    compiler: Compiler,
    known: Known,
}

/// What is known of documents.
#[derive(Debug)]
pub(crate) enum Known {
    /// They are sound.
    Accepted(Box<Documents>),
    /// They are not.
    Refused {
        /// The texts.
        sources: Vec<Source>,
        /// What is wrong.
        diagnostics: Vec<Diagnostic>,
    },
}

impl Version {
    /// Reads and compiles documents, in the place of those that had the name `before`.
    pub(crate) fn open(before: Option<Self>, sources: Vec<Source>, options: Options) -> Self {
        let kept = before.filter(|version| version.options == options);
        let mut compiler = kept.map_or_else(|| Compiler::new(options), |version| version.compiler);
        let known = match compiler.compile(&sources) {
            Ok(compiled) => Known::Accepted(Box::new(Documents::new(compiled.clone(), sources))),
            Err(Refused { diagnostics }) => Known::Refused { sources, diagnostics },
        };
        Self { options, compiler, known }
    }

    /// What is known.
    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    /// What compiling found.
    pub(crate) fn compiling(&self) -> Checked<'_> {
        match &self.known {
            Known::Accepted(documents) => {
                let Documents { compiled, sources, .. } = documents.as_ref();
                Checked::new(Some(compiled), &compiled.warnings, sources)
            }
            Known::Refused { sources, diagnostics } => Checked::new(None, diagnostics, sources),
        }
    }

    /// What is found of the whole, too, `told` to somebody.
    pub(crate) fn checking<T>(&self, told: impl FnOnce(Checked<'_>) -> T) -> T {
        match &self.known {
            Known::Accepted(documents) => {
                let Documents { compiled, sources, .. } = documents.as_ref();
                told(Checked::new(Some(compiled), &check::findings(compiled), sources))
            }
            Known::Refused { .. } => told(self.compiling()),
        }
    }

    /// Where rules and isolations are written, by id.
    pub(crate) fn places(documents: &Documents) -> BTreeMap<&str, Part> {
        let ruler = Ruler::new(&documents.sources);
        let places = documents.compiled.places.iter();
        places.map(|(id, span)| (id.as_str(), ruler.part(*span))).collect()
    }
}

/// The answer of `check`, and its places as an editor counts.
#[derive(Serialize)]
pub(crate) struct Checked<'d> {
    check: Answer<'d>,
    /// Of each diagnostic.
    marks: Vec<Mark>,
}

impl<'d> Checked<'d> {
    fn new(compiled: Option<&'d Compiled>, diagnostics: &'d [Diagnostic], sources: &'d [Source]) -> Self {
        let ruler = Ruler::new(sources);
        let marks = diagnostics.iter().map(|diagnostic| ruler.mark(diagnostic)).collect();
        Self { check: Answer::new(compiled, diagnostics, sources), marks }
    }
}
