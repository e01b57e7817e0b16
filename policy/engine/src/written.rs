//! Things that are read from a text, and written as they were.

/// Gives a type with a field `text` and a function `parse` the ways of configurations and of [`core::fmt`] to that text.
macro_rules! written {
    ($thing:ty) => {
        impl $crate::tape::Read for $thing {
            fn read(value: $crate::tape::Value<'_>) -> Result<Self, $crate::tape::Mismatch> {
                Self::parse(value.text()?).map_err(|error| $crate::tape::Mismatch::because(&error))
            }
        }

        impl From<$thing> for alloc::string::String {
            fn from(thing: $thing) -> Self {
                thing.text
            }
        }

        impl core::fmt::Display for $thing {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.text)
            }
        }
    };
}

pub(crate) use written;
