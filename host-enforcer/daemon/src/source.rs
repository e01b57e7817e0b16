//! Where policies and facts come from.

mod files;

pub use files::Files;

use crate::input::Complaint;
use bookend_lang::Source as Text;
use std::time::SystemTime;

/// A place that policies and facts are read from, and that says when they have changed: files, or a cluster's API.
///
/// What is read is the whole of it, never a difference: a source that lost count reads everything again, and whoever
/// reads compares.
pub trait Source {
    /// Waits until what the source says may have changed, and reads it. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    /// If the source can tell nothing any more.
    fn next(&mut self) -> impl Future<Output = std::io::Result<Reading>>;

    /// Reads what the source says now, without waiting.
    fn read(&mut self) -> Reading;

    /// How the source does.
    fn health(&self) -> &Health;
}

/// What a source said.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Counts the readings that differ from the one before, from 1.
    pub revision: u64,
    /// The documents, or everything that is wrong with them.
    pub texts: Result<Vec<Text>, Vec<Complaint>>,
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
}

impl Health {
    /// Takes note of what was read, and whether it `differs` from what was read before.
    fn note(&mut self, texts: &Result<Vec<Text>, Vec<Complaint>>, differs: bool) {
        self.revision += u64::from(differs);
        match texts {
            Ok(_) => {
                self.last_read = Some(SystemTime::now());
                self.error = None;
            }
            Err(complaints) => self.error = complaints.first().map(|complaint| complaint.text.clone()),
        }
    }
}
