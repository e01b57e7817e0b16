//! Policies of other systems, written as Bookend's own before they are read: a second way of reading them, which shares the
//! readers of dialects with the engine and nothing that comes behind.

use std::collections::BTreeMap;

use anyhow::bail;
use bookend_lang::{Importing, Options, Source, import};

use super::document::{Documents, values};
use crate::{Answer, World, answer::Audit};

/// Documents, and what the rules are called that were written in the place of others.
#[derive(Debug, Default)]
pub(super) struct Native {
    pub(super) documents: Documents,
    /// By the id of a rule or an isolation as it is written natively.
    ids: BTreeMap<String, String>,
}

impl Native {
    /// The documents of a world.
    pub(super) fn read(world: &World) -> anyhow::Result<Self> {
        let documents = Documents::read(&world.documents)?;
        if !documents.foreign {
            return Ok(Self { documents, ids: BTreeMap::new() });
        }
        let sources: Vec<Source> =
            world.documents.iter().map(|text| Source::new("case", text.as_str())).collect();
        let import = match import(&sources, Importing { reading: Options::default(), merge: false }) {
            Ok(import) => import,
            Err(refused) => {
                let lines: Vec<_> =
                    refused.diagnostics.iter().map(|d| d.line(&sources).to_string()).collect();
                bail!("it cannot be written natively: {}", lines.join("\n"));
            }
        };
        let native = import.documents.into_iter().map(|document| document.text);
        let texts: Vec<String> =
            native.chain([import.facts]).filter(|text| !text.trim().is_empty()).collect();
        let mut documents = Documents::read(&texts)?;
        // That is no policy, so nothing of it is written.
        documents.verify(&values(&world.documents)?);
        // Where several were written as one, any of their names is as good.
        let ids = import.ids.into_iter().filter_map(|(native, ids)| Some((native, ids.into_iter().next()?)));
        Ok(Self { documents, ids: ids.collect() })
    }

    /// The answer with the names that the sources give what decided.
    pub(super) fn named(&self, answer: Answer) -> Answer {
        let name = |id: String| self.ids.get(&id).cloned().unwrap_or(id);
        let audit = match answer.audit {
            Audit::Would(verdict, id) => Audit::Would(verdict, name(id)),
            other => other,
        };
        Answer { id: name(answer.id), audit, ..answer }
    }
}
