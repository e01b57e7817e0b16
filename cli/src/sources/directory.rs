//! Which files of a directory are documents.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The files that a path on the command line means: itself, or of a directory all documents in it and below, in order
/// of their paths.
///
/// # Errors
/// When a directory cannot be read, and when it holds no documents.
pub(super) fn expand(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if path == Path::new("-") || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    walk(path, &mut BTreeSet::new(), &mut files)?;
    if files.is_empty() {
        bail!(
            "the directory `{}` and what is below it hold no `*.yaml`, `*.yml` or `*.json`; name the files, or another directory",
            path.display()
        );
    }
    files.sort();
    Ok(files)
}

/// Collects the documents of a directory. `seen` are the directories that were looked at, by their canonical paths:
/// links may lead back to where they come from.
fn walk(directory: &Path, seen: &mut BTreeSet<PathBuf>, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let unreadable = || format!("cannot read the directory `{}`", directory.display());
    if !seen.insert(directory.canonicalize().with_context(unreadable)?) {
        return Ok(());
    }
    let entries = directory.read_dir().with_context(unreadable)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<Result<Vec<_>, _>>().with_context(unreadable)?;
    // Which of two links to one directory is followed must not depend on the file system.
    paths.sort();
    for path in paths {
        // Where Kubernetes mounts a ConfigMap, the files are links into a hidden directory, and must not be read twice.
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
            continue;
        }
        let is_document = || path.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json");
        if path.is_dir() {
            walk(&path, seen, files)?;
        } else if is_document() && (path.is_file() || !path.exists()) {
            // A link that leads nowhere is an error and no file fewer.
            files.push(path);
        }
    }
    Ok(())
}
