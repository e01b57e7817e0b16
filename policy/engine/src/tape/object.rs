//! Objects whose members are known by name.

use super::{Mismatch, Read, Value};

/// A member of an object, which may be missing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member<'t> {
    name: &'t str,
    value: Option<Value<'t>>,
}

impl<'t> Member<'t> {
    pub(super) fn absent(name: &'t str) -> Self {
        Self { name, value: None }
    }

    /// A member that says what an object is.
    pub(super) fn present(name: &'t str, value: Value<'t>) -> Self {
        Self { name, value: Some(value) }
    }

    pub(super) fn name(&self) -> &'t str {
        self.name
    }

    /// False if it has a value already.
    pub(super) fn set(&mut self, value: Value<'t>) -> bool {
        self.value.replace(value).is_none()
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is missing, or something else.
    pub(crate) fn read<T: Read>(self) -> Result<T, Mismatch> {
        match self.value {
            Some(value) => T::read(value).map_err(|mismatch| mismatch.inside(self.name)),
            None => Err(Mismatch::missing(self.name)),
        }
    }

    /// Reads it, if it is there.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn read_or<T: Read>(self, absent: T) -> Result<T, Mismatch> {
        if self.value.is_none() { Ok(absent) } else { self.read() }
    }
}

/// How a structure is read from an object: each field from the member of a name. A member that may be missing has a value in its
/// stead behind `or`. Fields that no object holds follow behind `;`, each with its value.
macro_rules! object {
    ($thing:ty {
        $( $field:ident : $name:literal $( or $absent:expr )? ),+
        $(; $unwritten:ident = $value:expr )* $(,)?
    }) => {
        impl $crate::tape::Read for $thing {
            fn read(
                value: $crate::tape::Value<'_>,
            ) -> Result<Self, $crate::tape::Mismatch> {
                let [$( $field ),+] = value.members([$( $name ),+])?;
                Ok(Self {
                    $( $field: $crate::tape::object!(@member $field $( $absent )?), )+
                    $( $unwritten: $value, )*
                })
            }
        }
    };
    (@member $field:ident) => { $field.read()? };
    (@member $field:ident $absent:expr) => { $field.read_or($absent)? };
}

/// How a thing is read that has one of several names.
macro_rules! named {
    ($thing:ty { $( $name:literal => $value:expr ),+ $(,)? }) => {
        impl $crate::tape::Read for $thing {
            fn read(
                value: $crate::tape::Value<'_>,
            ) -> Result<Self, $crate::tape::Mismatch> {
                let values = [$( $value ),+];
                let position = value.name_among(&[$( $name ),+])?;
                values.get(position).copied().ok_or_else(|| value.unlike("a name"))
            }
        }
    };
}

pub(crate) use {named, object};
