//! Why a configuration cannot be read.

use alloc::string::{String, ToString};
use core::fmt::{self, Display, Write};
use serde::de::{Error, Expected, Unexpected};

/// What is wrong, for whoever wrote it.
#[derive(Debug)]
pub(crate) struct Fault(String);

impl Fault {
    #[cold]
    #[inline(never)]
    pub(super) fn new(reason: &str) -> Self {
        Self(String::from(reason))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn expected(wanted: char) -> Self {
        let mut reason = String::from("expected `");
        reason.push(wanted);
        reason.push('`');
        Self(reason)
    }

    /// Something of another kind than `expected`.
    #[cold]
    #[inline(never)]
    pub(super) fn kind(found: &str, expected: &dyn Expected) -> Self {
        let mut reason = String::new();
        // A `String` takes everything.
        let _taken = write!(reason, "expected {expected}, found {found}");
        Self(reason)
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Fault {}

impl Error for Fault {
    #[cold]
    fn custom<T: Display>(reason: T) -> Self {
        Self(reason.to_string())
    }

    /// Not by way of `Unexpected`'s own words, which bring along the code that writes fractions.
    #[cold]
    #[inline(never)]
    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match unexpected {
            Unexpected::Bool(_) => "a truth value",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a number",
            Unexpected::Str(text) => return Self::kind(text, expected),
            Unexpected::Unit | Unexpected::Option => "null",
            Unexpected::Seq => "a list",
            Unexpected::Map => "an object",
            Unexpected::UnitVariant => "a name alone",
            Unexpected::NewtypeVariant | Unexpected::TupleVariant | Unexpected::StructVariant => {
                "a name with a value"
            }
            _ => "something else",
        };
        Self::kind(found, expected)
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }
}
