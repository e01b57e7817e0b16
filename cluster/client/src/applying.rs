//! How objects are written, and how they are deleted.

/// How an object is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applying {
    /// In whose name: the field manager.
    pub manager: String,
    /// Whether to take fields that somebody else manages.
    pub force: bool,
    /// Whether the server only says what would become of it.
    pub dry_run: bool,
}

impl Applying {
    /// In the name of `manager`; what others manage is left to them.
    pub fn by(manager: impl Into<String>) -> Self {
        Self { manager: manager.into(), force: false, dry_run: false }
    }

    /// Also what others manage.
    #[must_use]
    pub fn forced(self, force: bool) -> Self {
        Self { force, ..self }
    }

    /// Only to see what would become of it.
    #[must_use]
    pub fn dry(self, dry_run: bool) -> Self {
        Self { dry_run, ..self }
    }
}

/// What becomes of the objects that an object owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted some time after it.
    #[default]
    Background,
    /// They are deleted before it is.
    Foreground,
    /// They stay.
    Orphan,
}

/// How an object is deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleting {
    /// What becomes of what it owns.
    pub propagation: Propagation,
    /// Only the object with this UID, and not another one of its name.
    pub uid: Option<String>,
    /// Whether the server only says whether it would.
    pub dry_run: bool,
}
