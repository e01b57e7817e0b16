//! What another policy would allow or deny.

mod beside;
pub mod crossings;
mod json;
mod services;

use std::collections::BTreeSet;

use bookend_analysis::{Difference, Name, Rerouted, Side};

pub use json::Answer;

use crate::documents::Documents;
use beside::Beside;

/// Both sides.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'d> {
    /// The documents before.
    pub old: &'d Documents,
    /// The documents after.
    pub new: &'d Documents,
}

/// All that differs between two sides.
pub struct Comparison<'s> {
    sides: Sides<'s>,
    /// The verdicts on connections and requests.
    pub difference: Difference<'s>,
    rerouted: Vec<Rerouted<'s>>,
    beside: Beside<'s>,
}

impl<'d> Sides<'d> {
    /// Compares what they mean.
    #[must_use]
    pub fn compare(self) -> Comparison<'d> {
        Comparison {
            sides: self,
            difference: bookend_analysis::diff(side(self.old), side(self.new)),
            rerouted: bookend_analysis::rerouted(side(self.old), side(self.new)),
            beside: Beside::new(self),
        }
    }
}

/// Documents, for those who compare.
fn side(documents: &Documents) -> Side<'_> {
    Side { program: &documents.compiled.program, inventory: &documents.compiled.inventory }
}

impl Comparison<'_> {
    /// Whether anything that is denied becomes allowed, or may.
    #[must_use]
    pub fn opens(&self) -> bool {
        self.difference.changes.iter().any(|change| change.detail.kind.opens())
            || !self.difference.crossings.is_empty()
            || self.rerouted.iter().any(Rerouted::opens)
    }

    /// For programs.
    #[must_use]
    pub fn answer(&self) -> Answer<'_> {
        Answer::new(self)
    }

    /// Whether what is dialled to Services changes.
    #[must_use]
    pub fn reroutes(&self) -> bool {
        !self.rerouted.is_empty()
    }

    /// For people, all but the changes of verdicts; empty if there is nothing: what changes beside verdicts, crossings, and what is
    /// dialled to Services, of each as many as `limit`.
    #[must_use]
    pub fn beside_verdicts(&self, limit: usize) -> String {
        let crossing = crossings::text(&self.difference, self.sides, limit);
        self.beside.text() + &crossing + &services::text(&self.rerouted, self.sides, limit)
    }
}

/// The workloads that only one side knows; to the other they are somebody outside.
#[must_use]
pub fn known_to_one<'s>(difference: &Difference<'s>) -> (BTreeSet<Name<'s>>, BTreeSet<Name<'s>>) {
    let (mut old, mut new) = (BTreeSet::new(), BTreeSet::new());
    for party in difference.ground.parties() {
        match (party.identity(0), party.identity(1)) {
            (Some(_), None) => old.extend(party.workloads.iter().copied()),
            (None, Some(_)) => new.extend(party.workloads.iter().copied()),
            _ => {}
        }
    }
    (old, new)
}
