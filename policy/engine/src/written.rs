//! Things that are read from a text, and written as they were.

/// Gives a type with a field `text` and a function `parse` the ways of serde and of [`core::fmt`] to that text.
macro_rules! written {
    ($thing:ty, $error:ty) => {
        impl TryFrom<alloc::string::String> for $thing {
            type Error = $error;

            fn try_from(text: alloc::string::String) -> Result<Self, $error> {
                Self::parse(&text)
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
