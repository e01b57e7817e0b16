//! Why a value is refused, and where.

use alloc::{boxed::Box, format, string::String};
use core::fmt;

/// A value is not what it should be.
#[derive(Debug)]
pub(crate) struct Mismatch(Box<Content>);

#[derive(Debug)]
struct Content {
    /// The way to it from the value that was read, such as `ports[0].range`.
    place: String,
    reason: String,
}

impl Mismatch {
    #[cold]
    #[inline(never)]
    pub(crate) fn new(reason: String) -> Self {
        Self(Box::new(Content { place: String::new(), reason }))
    }

    /// Something that a type says of a text or a number that it cannot be read from.
    #[cold]
    #[inline(never)]
    pub(crate) fn because(reason: &dyn fmt::Display) -> Self {
        Self::new(format!("{reason}"))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn kind(found: &str, expected: &str) -> Self {
        Self::new(format!("{found} stands where {expected} is expected"))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn missing(name: &str) -> Self {
        Self::new(format!("missing field `{name}`"))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn unknown(name: &str) -> Self {
        Self::new(format!("unknown field `{}`", name.escape_default()))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn twice(name: &str) -> Self {
        Self::new(format!("duplicate field `{}`", name.escape_default()))
    }

    /// What is wrong is in the member `name` of something.
    #[cold]
    #[inline(never)]
    pub(crate) fn inside(mut self, name: &str) -> Self {
        let Content { place, .. } = &mut *self.0;
        let dot = if place.is_empty() || place.starts_with('[') { "" } else { "." };
        *place = format!("{}{dot}{place}", name.escape_default());
        self
    }

    /// What is wrong is in the element `position` of a list.
    #[cold]
    #[inline(never)]
    pub(crate) fn at(mut self, position: usize) -> Self {
        let Content { place, .. } = &mut *self.0;
        let dot = if place.is_empty() || place.starts_with('[') { "" } else { "." };
        *place = format!("[{position}]{dot}{place}");
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Content { place, reason } = &*self.0;
        f.write_str(reason)?;
        if place.is_empty() { Ok(()) } else { write!(f, ", in `{place}`") }
    }
}
