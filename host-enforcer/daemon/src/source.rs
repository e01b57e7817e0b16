//! Where policies and facts come from.

mod any;
mod files;
mod kubernetes;
mod texts;

pub use any::Any;
pub use files::Files;
pub use kubernetes::{ClusterOptions, Kubernetes};

use crate::input::Complaint;
use crate::report::Known;
use bookend_lang::Compiled;
use std::time::{Duration, SystemTime};

/// A place that policies and facts are read from, and that says when they have changed: files, or a cluster's API.
///
/// What is read is the whole of it, never a difference: a source that lost count reads everything again. What differs from the
/// time before is said beside it.
pub trait Source {
    /// Waits until what the source says may have changed. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    /// If the source can tell nothing any more.
    fn next(&mut self) -> impl Future<Output = std::io::Result<()>>;

    /// Reads what the source says now, without waiting.
    fn read(&mut self) -> Reading<'_>;

    /// What the source said when it was read last.
    fn last(&self) -> Reading<'_>;

    /// What it took to put in force what was read last, so that a source which never rests leaves time for other things.
    fn worked(&mut self, _took: Duration) {}

    /// How the source does now.
    fn health(&mut self) -> &Health;

    /// What a cluster is told about what is in force of it.
    fn known(&mut self) -> Option<Known> {
        None
    }
}

/// What a source said.
#[derive(Clone, Debug)]
pub struct Reading<'s> {
    /// Counts the readings that differ from the one before, from 1.
    pub revision: u64,
    /// What that means.
    pub said: Said<'s>,
}

/// What a source means.
#[derive(Clone, Debug)]
pub enum Said<'s> {
    /// Nothing is known yet, and why. What is in force stays so.
    Nothing(String),
    /// This.
    Documents(&'s Compiled, Warnings),
    /// Something is wrong; everything that is.
    Wrong(Vec<Complaint>),
}

/// What is probably not meant, and whether nothing may be meant at all.
#[derive(Clone, Debug, Default)]
pub struct Warnings {
    /// One each.
    pub complaints: Vec<Complaint>,
    /// No policies are no accident: somebody is asked for them who would know.
    pub may_be_empty: bool,
}

/// How a source does.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// The [revision](Reading::revision) that was read last; 0 before the first.
    pub revision: u64,
    /// When the source was last read without an error.
    pub last_read: Option<SystemTime>,
    /// Why it could not be read the last time it was tried.
    pub error: Option<String>,
    /// How a cluster is followed.
    pub following: Option<Following>,
}

/// How a cluster is followed. Every time in it is by a clock that only goes forward.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Following {
    /// What does not work.
    pub error: Option<String>,
    /// For how long it has not worked.
    pub failing: Option<Duration>,
    /// How long ago that kind of objects was heard of which was not heard of for the longest time.
    pub silence: Option<Duration>,
    /// How many events were told.
    pub events: u64,
    /// How often everything of a kind was listed again.
    pub relists: u64,
    /// How many objects are known.
    pub objects: usize,
    /// The revision of the policies in force.
    pub policies: String,
    /// Objects in whose place something else is in force.
    pub refused: usize,
}

impl Health {
    /// Takes note of what was read, and whether it `differs` from what was read before.
    fn note(&mut self, complaints: Option<&[Complaint]>, differs: bool) {
        self.revision += u64::from(differs);
        match complaints {
            None => {
                self.last_read = Some(SystemTime::now());
                self.error = None;
            }
            Some(complaints) => self.error = complaints.first().map(|complaint| complaint.text.clone()),
        }
    }
}
