//! The files that were named: their texts, what changes in them, and what is written back.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::bail;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A file that was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// As it was named.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// Which files there are, and how one is replaced.
pub trait Shelf: Send + Sync + 'static {
    /// The files that there are now, in order, each once.
    ///
    /// # Errors
    /// When a directory cannot be read.
    fn volumes(&self) -> anyhow::Result<Vec<Volume>>;

    /// Puts a text in the place of a file, so that nobody ever sees half of it.
    ///
    /// # Errors
    /// When it cannot be written.
    fn replace(&self, path: &Path, text: &str) -> anyhow::Result<()>;

    /// The most bytes that are read of a file.
    fn most(&self) -> usize;

    /// Whether what cannot be expressed is left out, as the command line asks.
    fn best_effort(&self) -> bool;
}

/// All texts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reading {
    /// Another one whenever anything differs.
    pub(crate) revision: String,
    files: Vec<Text>,
    best_effort: bool,
    /// Why files are missing, if they are.
    error: Option<String>,
}

/// The text of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Text {
    name: String,
    /// None if it cannot be read.
    text: Option<String>,
    /// Of its bytes, in hexadecimal digits.
    hash: Option<String>,
    writable: bool,
    error: Option<String>,
}

/// Why nothing is written.
#[derive(Debug)]
pub(crate) enum Unwritten {
    /// The file was not named.
    Unnamed,
    /// It has another text by now, with this hash; none if it cannot be read.
    Changed(Option<String>),
    /// It cannot be written.
    Failed(anyhow::Error),
}

/// What tells without reading whether a file changed.
type Stamp = Vec<(PathBuf, Option<(u64, u64, i64, i64, u64)>)>;

/// Reads files again when they change.
pub(crate) struct Files {
    shelf: Box<dyn Shelf>,
    last: Mutex<Option<(Stamp, Reading)>>,
}

impl Files {
    pub(crate) fn new(shelf: impl Shelf) -> Self {
        Self { shelf: Box::new(shelf), last: Mutex::default() }
    }

    /// The texts as they are now. Files that look as they did are not read again.
    pub(crate) fn reading(&self) -> Reading {
        let volumes = self.shelf.volumes();
        let known = volumes.as_deref().unwrap_or_default();
        let stamp: Stamp = known.iter().map(|volume| (volume.path.clone(), stamp(&volume.path))).collect();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Ok(_), Some((known, reading))) = (&volumes, &*last)
            && *known == stamp
        {
            return reading.clone();
        }
        let files: Vec<Text> = known.iter().map(|volume| self.text(volume)).collect();
        let error = volumes.err().map(|error| format!("{error:#}"));
        let mut reading =
            Reading { revision: String::new(), files, best_effort: self.shelf.best_effort(), error };
        reading.revision = revision(&reading);
        *last = Some((stamp, reading.clone()));
        reading
    }

    fn text(&self, volume: &Volume) -> Text {
        let (name, path) = (volume.name.clone(), &volume.path);
        let writable = fs::metadata(path).is_ok_and(|metadata| !metadata.permissions().readonly());
        let read = self.read(path).and_then(|bytes| match String::from_utf8(bytes) {
            Ok(text) => Ok(text),
            Err(_) => bail!("it is not UTF-8"),
        });
        match read {
            Ok(text) => {
                Text { name, hash: Some(hash(text.as_bytes())), text: Some(text), writable, error: None }
            }
            Err(error) => {
                let error = Some(format!("cannot read `{}`: {error:#}", volume.name));
                Text { name, text: None, hash: None, writable: false, error }
            }
        }
    }

    fn read(&self, path: &Path) -> anyhow::Result<Vec<u8>> {
        let most = self.shelf.most();
        // Before it is opened: whoever opens a pipe waits for somebody to write.
        if !std::fs::metadata(path)?.is_file() {
            bail!("it is no file");
        }
        let file = File::open(path)?;
        let mut bytes = Vec::new();
        file.take(most as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > most {
            bail!("it has more than {most} bytes");
        }
        Ok(bytes)
    }

    /// Writes a text in the place of the one with the hash `before`, into a file that was named; the hash of what it is now.
    pub(crate) fn write(&self, name: &str, text: &str, before: &str) -> Result<String, Unwritten> {
        let volumes = self.shelf.volumes().map_err(Unwritten::Failed)?;
        // Held, so that of two pages one comes first.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let volume = volumes.iter().find(|volume| volume.name == name).ok_or(Unwritten::Unnamed)?;
        let now = self.read(&volume.path).ok().map(|bytes| hash(&bytes));
        if now.as_deref() != Some(before) {
            return Err(Unwritten::Changed(now));
        }
        self.shelf.replace(&volume.path, text).map_err(Unwritten::Failed)?;
        *last = None;
        Ok(hash(text.as_bytes()))
    }
}

fn stamp(path: &Path) -> Option<(u64, u64, i64, i64, u64)> {
    let of = |m: Metadata| (m.dev(), m.ino(), m.mtime(), m.mtime_nsec(), m.size());
    fs::metadata(path).ok().map(of)
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn revision(reading: &Reading) -> String {
    let all: BTreeMap<&str, _> = reading
        .files
        .iter()
        .map(|file| (file.name.as_str(), (&file.hash, file.writable, &file.error)))
        .collect();
    hash(format!("{all:?}{:?}", reading.error).as_bytes())
}
