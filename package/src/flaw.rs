//! Why an image cannot be made, written or read.

use std::io;
use std::path::{Path, PathBuf};

/// Why an image cannot be made of the files that were given, or not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// A file cannot be read.
    #[error("cannot read {what} `{}`: {source}; {cure}", path.display())]
    Unreadable {
        /// What it should have been: `the module`.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
        /// What to do.
        cure: &'static str,
    },
    /// A file is larger than anybody takes.
    #[error(
        "`{}` has {size} bytes, and no more than {most} are taken; is it {what}, and built in the release profile?",
        path.display()
    )]
    TooLarge {
        /// What it should have been.
        what: &'static str,
        /// Where it lies.
        path: PathBuf,
        /// How many bytes it has.
        size: u64,
        /// How many it may have.
        most: u64,
    },
    /// A file is not what it should be.
    #[error("`{}` cannot be {what}: {reason}; {cure}", path.display())]
    Wrong {
        /// What it should have been.
        what: &'static str,
        /// Where it lies.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        cure: String,
    },
    /// What was asked for makes no sense.
    #[error("{0}")]
    Senseless(String),
    /// Something cannot be written.
    #[error("cannot write `{}`: {source}; is there room, and may it be written there?", path.display())]
    Unwritable {
        /// What was to be written.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something is there already.
    #[error("`{}` exists already, and nothing is written over; remove it, or give another name", path.display())]
    Exists {
        /// What was to be written.
        path: PathBuf,
    },
    /// It was told to stop.
    #[error("interrupted; nothing was left behind")]
    Interrupted,
    /// What was read is not an OCI image layout, or not a whole one.
    #[error("`{}` is not a whole OCI image layout: {reason}; write it again with `bookend package --out`", path.display())]
    NotALayout {
        /// What was read.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Bytes that cannot be packed.
    #[error("cannot pack {what}: {source}")]
    Unpackable {
        /// What was packed.
        what: String,
        /// Why not.
        source: io::Error,
    },
}

impl Flaw {
    pub(crate) fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Unwritable { path, source }
    }

    pub(crate) fn unpackable(what: &str) -> impl FnOnce(io::Error) -> Self {
        let what = what.to_owned();
        move |source| Self::Unpackable { what, source }
    }
}
