//! Sightings that are read again: only the manifests that changed are.

use std::{collections::HashMap, sync::Arc};

use super::source::Unit;
use crate::{
    Code, Sighting, Source, Span,
    diagnostic::Report,
    document::{Document, Kind, Spanned, WorkloadDocument},
    yaml,
};

/// Sightings as they were when they were last read.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    pub(super) all: Vec<Seen>,
}

/// A sighting, read.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) sighting: Sighting,
    pub(super) unit: Arc<Unit>,
}

/// How sightings differ from those before.
#[derive(Debug)]
pub(super) enum Difference {
    /// In who there is.
    Who,
    /// In nothing but where those at these positions, ascending, run.
    Where(Vec<usize>),
}

impl Sightings {
    /// Reads the sightings, as far as they changed.
    pub(super) fn read(&mut self, sightings: &[Sighting], next: &mut usize) -> Difference {
        let same = self.all.len() == sightings.len()
            && self.all.iter().zip(sightings).all(|(seen, sighting)| seen.sighting.is_who(sighting));
        if same {
            let mut moved = Vec::new();
            for (position, (seen, sighting)) in self.all.iter_mut().zip(sightings).enumerate() {
                if !seen.sighting.is_where(sighting) {
                    moved.push(position);
                }
                // The pointers too, by which the next look is faster.
                seen.sighting.clone_from(sighting);
            }
            return Difference::Where(moved);
        }
        let mut known: HashMap<Arc<Source>, Vec<Arc<Unit>>> = HashMap::with_capacity(self.all.len());
        for Seen { sighting, unit } in self.all.drain(..) {
            known.entry(sighting.manifest).or_default().push(unit);
        }
        self.all = sightings
            .iter()
            .map(|sighting| {
                let unit = known.get_mut(&sighting.manifest).and_then(Vec::pop);
                let unit = unit.unwrap_or_else(|| {
                    *next += 1;
                    Arc::new(read(*next, &sighting.manifest))
                });
                Seen { sighting: sighting.clone(), unit }
            })
            .collect();
        Difference::Who
    }

    /// What each sighting says, with its name and its instances; nothing if it could not be read, and its unit says why.
    pub(super) fn documents(&self) -> Vec<Option<WorkloadDocument>> {
        self.all.iter().map(Seen::document).collect()
    }
}

impl Seen {
    fn document(&self) -> Option<WorkloadDocument> {
        let [Document::Workload(document)] = self.unit.documents.as_slice() else { return None };
        let span = document.name.span;
        // What uses its node's network has no address of its own, whatever somebody saw.
        let somewhere = document.host_network.is_none();
        Some(WorkloadDocument {
            name: Spanned { value: self.sighting.name.to_string(), span },
            instances: Vec::new(),
            seen: Some(if somewhere { Arc::clone(&self.sighting.instances) } else { Arc::default() }),
            ..document.clone()
        })
    }
}

/// Reads the manifest of a sighting.
fn read(id: usize, manifest: &Source) -> Unit {
    let mut refused = Report::default();
    let Some(text) = yaml::text(id, manifest, &mut refused) else { return Unit::unread(id, refused) };
    let unit = Unit::read(id, text);
    match unit.documents.as_slice() {
        [Document::Workload(document)] if document.kind == Some(Kind::Pod) => unit,
        // It says itself what is wrong.
        _ if unit.report.refuses() => unit,
        _ => {
            let message = "what is seen to run is described by the manifest of one Pod, and this is none";
            refused.add(Code::NoSighting, Span::whole(id), message, "give the manifest of one `v1` Pod");
            Unit::unread(id, refused)
        }
    }
}
