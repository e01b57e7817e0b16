//! Source texts and places in them.

/// The largest source text that is read, in bytes: 16 MiB.
///
/// A Kubernetes object is at most 1.5 MiB in etcd; a listing of 10,000 pods trimmed to what matters fits.
pub const MAX_SOURCE_BYTES: usize = 16 << 20;

/// A named text that documents are read from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The name to show, usually the path as the user wrote it.
    pub name: String,
    /// Its bytes; that they are UTF-8 is checked when they are read.
    pub bytes: Vec<u8>,
}

impl Source {
    /// A source of this name and content.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let mut bytes = bytes.into();
        bytes.shrink_to_fit();
        Self { name: name.into(), bytes }
    }
}

/// A place in one of the sources given to [`compile`](crate::compile).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Which source, by its index.
    pub source: usize,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// The line of the first byte, from 1.
    pub line: usize,
    /// The column of the first byte in characters, from 1.
    pub column: usize,
}

impl Span {
    /// The very beginning of a source, for what concerns all of it.
    pub fn whole(source: usize) -> Self {
        Self { source, start: 0, end: 0, line: 1, column: 1 }
    }
}
