//! What a page asks, answered.

use std::collections::BTreeMap;

use anyhow::anyhow;
use bookend_answers::Documents;
use bookend_answers::check::{Answer, meaning};
use bookend_answers::diff::Sides;
use bookend_answers::graph::Graph;
use bookend_answers::import::{Unwritten, briefly, import};
use bookend_answers::names::Names;
use bookend_answers::report::report;
use bookend_answers::test::{self, Unsound};
use bookend_lang::{Diagnostic, Importing, Options, Refused, Source};
use serde::Serialize;
use serde_json::json;

use crate::question::{Form, Question};
use crate::version::{Known, Version};

/// Documents that were opened, by the names that the page gave them.
#[derive(Debug, Default)]
pub struct Playground {
    versions: BTreeMap<String, Version>,
}

/// Why there is no answer.
enum Trouble {
    /// The documents are refused: the answer of `check`, as JSON.
    Refused(String),
    /// Anything else, in words.
    Error(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl Trouble {
    fn refused(diagnostics: &[Diagnostic], sources: &[Source]) -> Self {
        match said(&Answer::new(None, diagnostics, sources)) {
            Ok(check) => Self::Refused(check),
            Err(trouble) => trouble,
        }
    }
}

impl Playground {
    /// Answers a question: `{"answer": …}`; `{"refused": …}` with the answer of `check`, where documents are not sound; or
    /// `{"error": "…"}`.
    #[must_use]
    pub fn ask(&mut self, question: &str) -> String {
        let answer = match serde_json::from_str(question) {
            Ok(question) => self.answer(question),
            Err(error) => Err(anyhow!("the question cannot be read: {error}").into()),
        };
        // What is an answer already is put into the reply as it is, so that its fields keep their order.
        match answer {
            Ok(answer) => format!("{{\"answer\":{answer}}}"),
            Err(Trouble::Refused(check)) => format!("{{\"refused\":{check}}}"),
            Err(Trouble::Error(error)) => json!({ "error": format!("{error:#}") }).to_string(),
        }
    }

    fn answer(&mut self, question: Question) -> Result<String, Trouble> {
        match question {
            Question::Open { version, sources, best_effort } => {
                let sources = sources.into_iter().map(Source::from).collect();
                let before = self.versions.remove(&version);
                let opened = Version::open(before, sources, Options { best_effort });
                let answer = said(&opened.compiling())?;
                self.versions.insert(version, opened);
                Ok(answer)
            }
            Question::Close { version } => {
                self.versions.remove(&version);
                said(&())
            }
            Question::Check { version } => self.version(&version)?.checking(|checked| said(&checked)),
            Question::Meaning { code } => said(&meaning(&code)?),
            Question::Schema {} => said(&bookend_lang::schema()),
            Question::Names { version } => said(&Names::new(&self.documents(&version)?.compiled)),
            Question::Places { version } => said(&Version::places(self.documents(&version)?)),
            Question::Graph { version, namespaces, denied } => {
                let graph = Graph::new(self.documents(&version)?, &namespaces, denied)?;
                said(&graph.placed())
            }
            Question::Drawing { version, form, namespaces, denied } => {
                let graph = Graph::new(self.documents(&version)?, &namespaces, denied)?;
                said(&match form {
                    Form::Svg => graph.svg(),
                    Form::Html => graph.html(),
                    Form::Dot => graph.dot(),
                    Form::Mermaid => graph.mermaid(),
                })
            }
            Question::Explain(asked) => {
                said(&asked.question()?.ask(self.documents(&asked.version)?, &mut ())?)
            }
            Question::Diff { old, new } => self.diff(&old, &new),
            Question::Test { version, filter } => self.test(&version, filter.as_deref()),
            Question::Import { sources, best_effort, merge } => {
                let sources: Vec<_> = sources.into_iter().map(Source::from).collect();
                imported(&sources, Importing { reading: Options { best_effort }, merge })
            }
            Question::Format { source } => {
                let source = Source::from(source);
                match bookend_lang::format(&source) {
                    Ok(text) => said(&text),
                    Err(Refused { diagnostics }) => Err(Trouble::refused(&diagnostics, &[source])),
                }
            }
            Question::Report { version } => said(&report(self.documents(&version)?, &mut ())?),
            Question::About {} => said(&json!({ "version": env!("CARGO_PKG_VERSION") })),
        }
    }

    fn version(&self, name: &str) -> Result<&Version, Trouble> {
        let version = self.versions.get(name);
        version.ok_or_else(|| anyhow!("there is no version `{name}`; open it first").into())
    }

    /// The documents of a version, if they are sound.
    fn documents(&self, name: &str) -> Result<&Documents, Trouble> {
        match self.version(name)?.known() {
            Known::Accepted(documents) => Ok(documents),
            Known::Refused { sources, diagnostics } => Err(Trouble::refused(diagnostics, sources)),
        }
    }

    fn diff(&self, old: &str, new: &str) -> Result<String, Trouble> {
        let sides = Sides { old: self.documents(old)?, new: self.documents(new)? };
        said(&sides.compare().answer())
    }

    fn test(&self, version: &str, filter: Option<&str>) -> Result<String, Trouble> {
        let documents = self.documents(version)?;
        match test::report(documents, filter, &(), &mut ()) {
            Ok(report) => said(&report),
            Err(error) => Err(match error.downcast::<Unsound>() {
                Ok(unsound) => Trouble::refused(&unsound.diagnostics, &documents.sources),
                Err(error) => Trouble::Error(error),
            }),
        }
    }
}

/// A value as JSON.
fn said(value: &impl Serialize) -> Result<String, Trouble> {
    Ok(serde_json::to_string(value)?)
}

fn imported(sources: &[Source], importing: Importing) -> Result<String, Trouble> {
    let mistake = |what: &str| {
        anyhow!(
            "what would be written does not mean the same, so nothing is written ({what}); this is a mistake of Bookend's and not of \
             your documents, please tell its authors"
        )
    };
    match import(sources, importing, briefly) {
        Ok(imported) => said(&imported.answer(sources)),
        Err(Unwritten::Refused(diagnostics)) => Err(Trouble::refused(&diagnostics, sources)),
        Err(Unwritten::OtherRules(_)) => Err(mistake("rules differ").into()),
        Err(Unwritten::Differs(shown)) => Err(mistake(&shown).into()),
        Err(Unwritten::NoPolicy) => Err(anyhow!("there is no policy in these texts").into()),
    }
}
