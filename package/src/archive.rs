//! Tar archives and gzip that depend on their content alone.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use crate::Epoch;

/// The level of compression. It is part of every digest.
const LEVEL: u32 = 9;

/// What gzip writes for "unknown" into its header's field about the operating system (RFC 1952, 2.3.1).
const UNKNOWN_SYSTEM: u8 = 255;

/// An entry of an archive.
#[derive(Clone, Debug)]
pub(crate) enum Entry<'b> {
    /// A directory, by its path without a slash at either end.
    Directory(String),
    /// A file, by its path, whether it may be run, and its content.
    File(String, bool, &'b [u8]),
}

impl Entry<'_> {
    fn path(&self) -> &str {
        match self {
            Self::Directory(path) | Self::File(path, ..) => path,
        }
    }
}

/// A tar archive in the format ustar: entries sorted by path, all of root, all of one time.
///
/// # Errors
/// When a path is longer than the format has room for.
pub(crate) fn tar(entries: &[Entry<'_>], epoch: Epoch) -> io::Result<Vec<u8>> {
    let mut sorted: Vec<&Entry<'_>> = entries.iter().collect();
    sorted.sort_by(|left, right| left.path().cmp(right.path()));
    let mut builder = Builder::new(Vec::new());
    for entry in sorted {
        let mut header = Header::new_ustar();
        let (kind, mode, bytes): (_, _, &[u8]) = match entry {
            Entry::Directory(_) => (EntryType::Directory, 0o755, &[]),
            Entry::File(_, executable, bytes) => {
                (EntryType::Regular, if *executable { 0o755 } else { 0o644 }, bytes)
            }
        };
        let slash = if kind == EntryType::Directory { "/" } else { "" };
        header.set_path(format!("{}{slash}", entry.path()))?;
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(epoch.seconds());
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, bytes)?;
    }
    builder.into_inner()
}

/// Compresses, with a header that says neither when nor where.
///
/// # Errors
/// Never, as long as memory is written to.
pub(crate) fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let builder = GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM);
    let mut encoder = builder.write(Vec::new(), Compression::new(LEVEL));
    encoder.write_all(bytes)?;
    encoder.finish()
}
