//! An HTTP request as the policy sees it.

use crate::{CanonicalPath, PathDoubt};

/// An HTTP request, canonicalized once.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    method: Option<&'a str>,
    path: Result<CanonicalPath, PathDoubt>,
}

impl<'a> Request<'a> {
    /// A request from the bytes of its `:method` and `:path`, absent where it has none.
    pub fn new(method: Option<&'a [u8]>, path: Option<&[u8]>) -> Self {
        Self {
            method: method.and_then(|bytes| core::str::from_utf8(bytes).ok()),
            path: path.ok_or(PathDoubt::Absent).and_then(CanonicalPath::new),
        }
    }

    /// The method, or `None` when it is absent or not UTF-8.
    pub fn method(&self) -> Option<&'a str> {
        self.method
    }

    /// The canonical path, or why there is none.
    pub fn path(&self) -> Result<&CanonicalPath, PathDoubt> {
        self.path.as_ref().map_err(|doubt| *doubt)
    }
}
