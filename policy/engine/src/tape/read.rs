//! Types that are read from a tape.

use alloc::{boxed::Box, collections::BTreeMap, string::String, sync::Arc, vec::Vec};
use core::{fmt::Display, net::IpAddr, str::FromStr};
use ipnet::IpNet;

use super::{Mismatch, Value};

/// A type that is read from a value.
pub(crate) trait Read: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// When the value is something else.
    fn read(value: Value<'_>) -> Result<Self, Mismatch>;
}

impl Read for bool {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        value.boolean()
    }
}

macro_rules! integers {
    ($($number:ty),*) => { $(
        impl Read for $number {
            fn read(value: Value<'_>) -> Result<Self, Mismatch> {
                let number = value.integer(Self::MIN.into(), Self::MAX.into())?;
                Self::try_from(number).map_err(|error| Mismatch::because(&error))
            }
        }
    )* };
}

integers!(u16, u32, i32);

impl Read for String {
    #[inline(never)]
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        value.text().map(Self::from)
    }
}

impl Read for (String, String) {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let mut pair = value.elements()?;
        match (pair.next(), pair.next(), pair.next()) {
            (Some(first), Some(second), None) => Ok((String::read(first)?, String::read(second)?)),
            _ => Err(Mismatch::kind("another list", "a pair")),
        }
    }
}

impl<T: Read> Read for Option<T> {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        if value.is_null() { Ok(None) } else { T::read(value).map(Some) }
    }
}

impl<T: Read> Read for Box<T> {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        T::read(value).map(Self::new)
    }
}

impl<T: Read> Read for Arc<T> {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        T::read(value).map(Self::new)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let elements = value.elements()?;
        let mut list = Self::with_capacity(elements.len());
        for (position, element) in elements.enumerate() {
            list.push(T::read(element).map_err(|mismatch| mismatch.at(position))?);
        }
        Ok(list)
    }
}

impl<T: Read> Read for BTreeMap<String, T> {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let mut map = Self::new();
        for (name, value) in value.entries()? {
            let value = T::read(value).map_err(|mismatch| mismatch.inside(name))?;
            if map.insert(String::from(name), value).is_some() {
                return Err(Mismatch::twice(name));
            }
        }
        Ok(map)
    }
}

/// Reads what is written as a text, by its own parser.
fn parsed<T: FromStr<Err: Display>>(value: Value<'_>) -> Result<T, Mismatch> {
    value.text()?.parse().map_err(|error| Mismatch::because(&error))
}

impl Read for IpAddr {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        parsed(value)
    }
}

impl Read for IpNet {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        parsed(value)
    }
}
