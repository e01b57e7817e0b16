//! Where things are pinned, and of which version they are.
//!
//! Tables of every version have a directory of their own, so that new ones can be made ready beside those in force. Up
//! to version 3 they lay beside `links`.

use super::{KernelError, links, maps};
use aya::maps::MapData;
use bookend_abi::table::{ABI_VERSION, FlowKey, FlowValue};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The last version whose tables had no directory of their own.
const LAST_WITHOUT: u32 = 3;
/// The form of [`FlowKey`] and [`FlowValue`]: raise it whenever their fields or what these mean change. Where it is the
/// same, an enforcer of one version takes connections over from tables of another.
const FLOW_FORM: u32 = 1;

/// The directory of this version's tables.
pub(super) fn tables(pins: &Path) -> PathBuf {
    of_version(pins, ABI_VERSION)
}

fn of_version(pins: &Path, version: u32) -> PathBuf {
    if version <= LAST_WITHOUT { pins.to_owned() } else { pins.join(format!("v{version}")) }
}

/// The tables of other versions that are pinned below `pins`, by version.
pub(super) fn others(pins: &Path) -> Result<BTreeMap<u32, PathBuf>, KernelError> {
    let mut others = BTreeMap::new();
    for entry in entries(pins)? {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(version) = name.strip_prefix('v').and_then(|version| version.parse().ok()) else { continue };
        if version != ABI_VERSION && entry.is_dir() {
            others.insert(version, entry);
        }
    }
    // Version 0 was never written: whoever made them ended before saying whose they are, and nothing was attached by then.
    if let Some(version) = written_version(pins)? {
        others.insert(version, pins.to_owned());
    }
    Ok(others)
}

/// The version that the tables in this directory say they have, if there are any.
fn written_version(tables: &Path) -> Result<Option<u32>, KernelError> {
    let path = tables.join("config");
    if !path.exists() {
        return Ok(None);
    }
    let config = maps::open_config(MapData::from_pin(&path)?)?;
    Ok(Some(config.abi_version))
}

/// Whether there are tables of this version, whole or in part.
pub(super) fn is_there(pins: &Path) -> bool {
    tables(pins).join("config").exists()
}

/// The directory's name for the form of connections, an empty one within that of the tables: what is in a table cannot be
/// known without knowing its version.
pub(super) fn flow_form() -> String {
    format!("flows-{FLOW_FORM}-{}-{}", size_of::<FlowKey>(), size_of::<FlowValue>())
}

/// What lies in a directory; nothing, if there is none.
pub(super) fn entries(directory: &Path) -> Result<Vec<PathBuf>, KernelError> {
    let failed = |source| KernelError::Pins { path: directory.to_owned(), source };
    match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<_>>()
            .map_err(failed),
    }
}

/// Makes a directory, if it is not there.
pub(super) fn make(directory: &Path) -> Result<(), KernelError> {
    std::fs::create_dir_all(directory)
        .map_err(|source| KernelError::Pins { path: directory.to_owned(), source })
}

/// Removes the tables in a directory that [`others`] named.
pub(super) fn remove_tables(pins: &Path, tables: &Path) -> Result<(), KernelError> {
    if tables == pins {
        entries(pins)?.iter().filter(|path| !path.is_dir()).try_for_each(|path| remove_file(path))
    } else {
        remove_all(tables)
    }
}

/// Removes a directory and what is pinned in it.
pub(super) fn remove_all(directory: &Path) -> Result<(), KernelError> {
    for path in entries(directory)? {
        if path.is_dir() { remove_all(&path) } else { remove_file(&path) }?;
    }
    remove_directory(directory)
}

/// Removes a directory, if it is there and empty.
pub(super) fn remove_directory(directory: &Path) -> Result<(), KernelError> {
    match std::fs::remove_dir(directory) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(KernelError::Pins { path: directory.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn remove_file(path: &Path) -> Result<(), KernelError> {
    std::fs::remove_file(path).map_err(|source| KernelError::Pins { path: path.to_owned(), source })
}

/// Whether `pins` is an enforcer's directory: the root of the file system holds everybody's pins.
pub(super) fn is_ours(pins: &Path) -> bool {
    links::directory(pins).is_dir() || is_there(pins) || others(pins).is_ok_and(|others| !others.is_empty())
}
