//! What a server received, written down by the server itself: the only judge of whether something got through.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Doing, Result};

/// The header by which an attempt is found again in the journals.
pub const ATTEMPT_HEADER: &str = "x-bookend-attempt";

/// One thing received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Record {
    /// An HTTP request.
    Request {
        /// The service that got it.
        service: String,
        /// Who was connected, as the service sees it (behind a sidecar: the sidecar).
        peer: String,
        /// The method.
        method: String,
        /// The request target.
        target: String,
        /// All headers, names in lower case.
        headers: Vec<(String, String)>,
    },
    /// A TCP connection, after the server had sent its banner.
    Accept {
        /// The service that got it.
        service: String,
        /// Who connected.
        peer: String,
    },
    /// Bytes on a TCP connection.
    Bytes {
        /// The service that got them.
        service: String,
        /// Who sent them.
        peer: String,
        /// The bytes, as text.
        text: String,
    },
}

impl Record {
    /// The service that wrote it.
    pub fn service(&self) -> &str {
        match self {
            Self::Request { service, .. } | Self::Accept { service, .. } | Self::Bytes { service, .. } => {
                service
            }
        }
    }

    /// The first value of an HTTP header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let Self::Request { headers, .. } = self else { return None };
        headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether it was caused by the attempt with this mark.
    pub fn bears(&self, mark: &str) -> bool {
        match self {
            Self::Request { .. } => self.header(ATTEMPT_HEADER) == Some(mark),
            Self::Bytes { text, .. } => text.contains(mark),
            Self::Accept { .. } => false,
        }
    }
}

/// The writing end.
#[derive(Debug)]
pub struct Journal {
    file: File,
}

impl Journal {
    /// Opens a journal that exists, for appending.
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().append(true).open(path).doing(format!("open `{}`", path.display()))?;
        Ok(Self { file })
    }

    /// Adds a record; it is visible to readers when this returns.
    pub fn write(&self, record: &Record) -> Result<()> {
        let mut line = serde_json::to_vec(record).doing("write a journal record as JSON")?;
        line.push(b'\n');
        (&self.file).write_all(&line).doing("append to the journal")
    }
}

/// The reading end.
#[derive(Debug, Clone)]
pub struct Reader {
    path: PathBuf,
}

impl Reader {
    /// Makes an empty journal that user `uid` may append to.
    pub fn create(path: PathBuf, uid: u32) -> Result<Self> {
        File::create(&path).doing(format!("create `{}`", path.display()))?;
        nix::unistd::chown(&path, Some(uid.into()), Some(uid.into()))
            .doing(format!("give away `{}`", path.display()))?;
        Ok(Self { path })
    }

    /// Where the journal is now; later records are found from here.
    pub fn position(&self) -> Result<u64> {
        let metadata = std::fs::metadata(&self.path).doing(format!("look at `{}`", self.path.display()))?;
        Ok(metadata.len())
    }

    /// The records after `position`.
    pub fn since(&self, position: u64) -> Result<Vec<Record>> {
        let mut file = File::open(&self.path).doing(format!("open `{}`", self.path.display()))?;
        file.seek(SeekFrom::Start(position)).doing("seek in a journal")?;
        let mut text = String::new();
        file.read_to_string(&mut text).doing(format!("read `{}`", self.path.display()))?;
        let lines = text.lines().filter(|line| line.ends_with('}'));
        lines.map(|line| serde_json::from_str(line).doing("read a journal record")).collect()
    }
}
