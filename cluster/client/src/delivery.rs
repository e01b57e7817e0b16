//! Making a cluster hold a set of objects, and no longer what an earlier set held: applying in order, waiting, pruning, going back.
//!
//! What is applied is remembered in a [ledger](Ledger), so that whoever comes next knows what is theirs: nothing that is not in
//! it, or lacks the installation's label, is ever deleted.
//!
//! **This module does not** know what Bookend consists of, and prints nothing: it tells [`Step`]s.

mod change;
mod clean;
mod course;
mod extract;
mod key;
mod ledger;
mod neighbour;
mod progress;
mod pruning;
mod removal;
mod retreat;
mod waiting;

pub use self::change::{Change, Outcome};
pub use self::clean::clean;
pub use self::course::{Delivered, Failed};
pub use self::key::Key;
pub use self::ledger::{Entry, Ledger, State};
pub use self::neighbour::Neighbour;
pub use self::progress::{Goal, Progress};
pub use self::removal::{Remains, Removal};
pub use self::waiting::{Stuck, Waiting};

use std::time::Duration;

use serde_json::Value;

use crate::{Applying, Cluster, Kind};

/// Objects that are applied together, and what has to be so before what comes after them.
#[derive(Clone, Debug)]
pub struct Stage {
    /// What they are, for whoever watches: `the definitions`.
    pub title: &'static str,
    /// The objects, in order.
    pub objects: Vec<Value>,
    /// What is waited for.
    pub goal: Goal,
    /// Whether they are left as they became when something after them fails: nothing older understands what newer definitions
    /// hold.
    pub stays: bool,
}

/// Something that was done, or is waited for.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A stage begins.
    Stage(&'static str),
    /// An object was applied.
    Applied(Key, Outcome),
    /// What is waited for is so far.
    Waiting(Waiting),
    /// An object was deleted, because it is no longer wanted.
    Pruned(Key),
    /// An object is no longer wanted, and stays.
    Left(Key, &'static str),
    /// An object is as it was before.
    Restored(Key),
    /// An object could not be set back, for this reason.
    NotRestored(Key, String),
    /// Something that is good to know.
    Note(String),
}

/// Who is told.
pub type Tell<'t> = &'t mut dyn FnMut(Step);

/// A delivery of objects to a cluster.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The cluster.
    pub cluster: Cluster,
    /// The name of the installation; the ledger is called `<name>-deploy`.
    pub install: String,
    /// The label of everything that belongs to the installation, whose value is its name.
    pub label: &'static str,
    /// The namespace of the ledger.
    pub namespace: String,
    /// Who delivers, and whether what others manage is taken.
    pub applying: Applying,
    /// Who this is, among all that ever deliver: told to whoever finds the delivery unfinished.
    pub holder: String,
    /// The kinds that this delivery is about; what was delivered of others is left alone, whatever is wanted.
    pub about: Vec<Kind>,
    /// Whether what is no longer wanted is deleted.
    pub prune: bool,
    /// How often the cluster is asked while something is waited for.
    pub pace: Duration,
    /// How long everything may take.
    pub timeout: Duration,
}

#[cfg(test)]
mod tests;
