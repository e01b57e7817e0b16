//! OCI image layouts: images in a directory or in an archive, without any network
//! (OCI image specification, "Image Layout Specification").

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use serde_json::json;

use crate::archive::{self, Entry};
use crate::document::{Descriptor, Index, annotation};
use crate::input::MOST_BYTES;
use crate::package::json as bytes;
use crate::{Digest, Epoch, Flaw, Package};

const MARK: &str = "oci-layout";
const INDEX: &str = "index.json";
const BLOBS: &str = "blobs/sha256";

/// Writes packages into a new directory, or into a new archive if the path ends in `.tar`, each under its own name.
///
/// It is written beside its place and moved there when it is whole; `stop` ends it early.
///
/// # Errors
/// When something is there already, or it cannot be written, or it was stopped. Nothing is left behind then.
pub fn write(packages: &[Package], to: &Path, epoch: Epoch, stop: &AtomicBool) -> Result<(), Flaw> {
    let files = files(packages)?;
    if to.exists() {
        return Err(Flaw::Exists { path: to.to_owned() });
    }
    let draft = Draft::beside(to)?;
    if is_archive(to) {
        let mut entries: Vec<Entry<'_>> =
            files.iter().map(|(path, bytes)| Entry::File(path.clone(), false, bytes)).collect();
        entries.extend(["blobs", BLOBS].map(|path| Entry::Directory(path.to_owned())));
        let archive = archive::tar(&entries, epoch).map_err(Flaw::unpackable("the archive"))?;
        let mut file = File::create_new(&draft.path).map_err(Flaw::unwritable(to))?;
        for part in archive.chunks(1 << 20) {
            stopped(stop)?;
            file.write_all(part).map_err(Flaw::unwritable(to))?;
        }
        file.sync_all().map_err(Flaw::unwritable(to))?;
    } else {
        fs::create_dir_all(draft.path.join(BLOBS)).map_err(Flaw::unwritable(to))?;
        for (path, bytes) in &files {
            stopped(stop)?;
            fs::write(draft.path.join(path), bytes).map_err(Flaw::unwritable(to))?;
        }
    }
    stopped(stop)?;
    draft.finish(to)
}

/// Whether a path stands for an archive.
#[must_use]
pub fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tar")
}

fn stopped(stop: &AtomicBool) -> Result<(), Flaw> {
    if stop.load(Ordering::Relaxed) { Err(Flaw::Interrupted) } else { Ok(()) }
}

/// The files of a layout, by path.
fn files(packages: &[Package]) -> Result<BTreeMap<String, Bytes>, Flaw> {
    let mut files = BTreeMap::new();
    let mut entries = Vec::new();
    let mut listed = BTreeSet::new();
    for package in packages {
        for blob in package.all_blobs().chain(package.documents()) {
            files.insert(format!("{BLOBS}/{}", blob.descriptor.digest.hex()), blob.bytes.clone());
        }
        let mut root = package.descriptor().clone();
        root.annotations.insert(annotation::REF_NAME.to_owned(), package.name.to_owned());
        entries.push(root);
        let said = package.referrers.iter().map(|referrer| &referrer.manifest.descriptor);
        entries.extend(said.filter(|one| listed.insert(one.digest)).cloned());
    }
    files.insert(INDEX.to_owned(), bytes(&Index::new(entries))?);
    files.insert(MARK.to_owned(), bytes(&json!({"imageLayoutVersion": "1.0.0"}))?);
    Ok(files)
}

/// Something half-written, which vanishes unless it is finished.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn beside(to: &Path) -> Result<Self, Flaw> {
        let Some(name) = to.file_name() else {
            let message = format!(
                "`{}` is no name for something new; name a directory, or a file that ends in `.tar`",
                to.display()
            );
            return Err(Flaw::Senseless(message));
        };
        let name = format!(".{}.{}", name.to_string_lossy(), std::process::id());
        Ok(Self { path: to.with_file_name(name) })
    }

    fn finish(self, to: &Path) -> Result<(), Flaw> {
        fs::rename(&self.path, to).map_err(Flaw::unwritable(to))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After it was finished, there is nothing of that name. A failure here has nobody to be told to: the first one is told.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A layout that is read.
#[derive(Debug)]
pub struct Layout {
    path: PathBuf,
    /// Of an archive: all of it.
    files: Option<BTreeMap<String, Bytes>>,
    index: Index,
}

impl Layout {
    /// Opens a directory, or an archive if the path ends in `.tar`.
    ///
    /// # Errors
    /// When it is not there, or is no layout.
    pub fn open(path: &Path) -> Result<Self, Flaw> {
        let files = if is_archive(path) { Some(unpacked(path)?) } else { None };
        let mut layout = Self { path: path.to_owned(), files, index: Index::new(Vec::new()) };
        layout.file(MARK)?;
        let text = layout.file(INDEX)?;
        layout.index = serde_json::from_slice(&text)
            .map_err(|error| layout.bad(format!("`{INDEX}` is broken: {error}")))?;
        Ok(layout)
    }

    /// The image of a name; without one, the only image.
    ///
    /// # Errors
    /// When there is none, or without a name more than one.
    pub fn image(&self, name: Option<&str>) -> Result<Descriptor, Flaw> {
        let named = |entry: &&Descriptor| entry.annotations.contains_key(annotation::REF_NAME);
        let names: Vec<&Descriptor> = self.index.manifests.iter().filter(named).collect();
        let all = || {
            names
                .iter()
                .filter_map(|entry| entry.annotations.get(annotation::REF_NAME))
                .cloned()
                .collect::<Vec<_>>()
        };
        match name {
            None => match names.as_slice() {
                [only] => Ok((*only).clone()),
                _ => {
                    let message = format!(
                        "`{}` holds the images `{}`; say which one, by `{}:NAME`",
                        self.path.display(),
                        all().join("`, `"),
                        self.path.display()
                    );
                    Err(Flaw::Senseless(message))
                }
            },
            Some(name) => names
                .iter()
                .find(|entry| entry.annotations.get(annotation::REF_NAME).is_some_and(|other| other == name))
                .map(|entry| (*entry).clone())
                .ok_or_else(|| {
                    let (path, all) = (self.path.display(), all().join("`, `"));
                    Flaw::Senseless(format!("there is no image `{name}` in `{path}`; there are `{all}`"))
                }),
        }
    }

    /// Content, which is what the descriptor says.
    ///
    /// # Errors
    /// When it is missing or other content.
    pub fn content(&self, descriptor: &Descriptor) -> Result<Bytes, Flaw> {
        let bytes = self.file(&format!("{BLOBS}/{}", descriptor.digest.hex()))?;
        if bytes.len() as u64 != descriptor.size || Digest::of(&bytes) != descriptor.digest {
            return Err(self.bad(format!("`{}` has other content than its name says", descriptor.digest)));
        }
        Ok(bytes)
    }

    fn file(&self, name: &str) -> Result<Bytes, Flaw> {
        if let Some(files) = &self.files {
            return files.get(name).cloned().ok_or_else(|| self.bad(format!("it has no `{name}`")));
        }
        let told = |error: std::io::Error| self.bad(format!("`{name}` cannot be read: {error}"));
        let file = File::open(self.path.join(name)).map_err(told)?;
        let mut bytes = Vec::new();
        file.take(2 * MOST_BYTES).read_to_end(&mut bytes).map_err(told)?;
        Ok(bytes.into())
    }

    fn bad(&self, reason: String) -> Flaw {
        Flaw::NotALayout { path: self.path.clone(), reason }
    }
}

fn unpacked(path: &Path) -> Result<BTreeMap<String, Bytes>, Flaw> {
    let bad = |error: std::io::Error| Flaw::NotALayout { path: path.to_owned(), reason: error.to_string() };
    let file = File::open(path).map_err(bad)?;
    let mut archive = tar::Archive::new(file.take(8 * MOST_BYTES));
    let mut files = BTreeMap::new();
    for entry in archive.entries().map_err(bad)? {
        let mut entry = entry.map_err(bad)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(bad)?;
        files.insert(name, bytes.into());
    }
    Ok(files)
}
