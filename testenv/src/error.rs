//! What can go wrong while a world is built or used, in words for the person who asked for it.

use std::fmt;

/// A failure in one sentence, with the cure where one is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    what: String,
    cure: Option<String>,
}

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failure without a known cure.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cure: None }
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cure {
            Some(cure) => write!(f, "{}: {cure}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for Error {}

/// Says what was being done when a foreign error happened.
pub trait Doing<T> {
    /// Turns the error into an [`Error`] that starts with `what`.
    fn doing(self, what: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error::new(format!("cannot {what}: {error}")))
    }
}
