//! Documents that were opened.

use std::collections::BTreeMap;

use bookend_answers::Documents;
use bookend_answers::check::{self, Answer};
use bookend_lang::{Compiled, Diagnostic, Options, Refused, Source, compile_with};
use serde::Serialize;

use crate::mark::{Mark, Part, Ruler};

/// Documents, and what is known of them.
#[derive(Debug)]
pub(crate) enum Version {
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
    /// Reads and compiles documents.
    pub(crate) fn open(sources: Vec<Source>, options: Options) -> Self {
        match compile_with(&sources, options) {
            Ok(compiled) => Self::Accepted(Box::new(Documents::new(compiled, sources))),
            Err(Refused { diagnostics }) => Self::Refused { sources, diagnostics },
        }
    }

    /// What compiling found.
    pub(crate) fn compiling(&self) -> Checked<'_> {
        match self {
            Self::Accepted(documents) => {
                let Documents { compiled, sources, .. } = documents.as_ref();
                Checked::new(Some(compiled), &compiled.warnings, sources)
            }
            Self::Refused { sources, diagnostics } => Checked::new(None, diagnostics, sources),
        }
    }

    /// What is found of the whole, too, `told` to somebody.
    pub(crate) fn checking<T>(&self, told: impl FnOnce(Checked<'_>) -> T) -> T {
        match self {
            Self::Accepted(documents) => {
                let Documents { compiled, sources, .. } = documents.as_ref();
                told(Checked::new(Some(compiled), &check::findings(compiled), sources))
            }
            Self::Refused { .. } => told(self.compiling()),
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
