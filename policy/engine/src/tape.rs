//! Values on their way from JSON to types: parsed, and of no type yet.
//!
//! Code that parses is made anew for every type that it parses into; for the types of this crate it was a third of the filter, which
//! every proxy runs. So a value is parsed onto a [`Tape`], whatever it is, and types [`Read`] themselves from there. A tape
//! holds one rule or workload at a time, and its memory serves for the next.

mod mismatch;
mod object;
mod read;
#[cfg(test)]
mod tests;
mod value;

use alloc::{borrow::Cow, vec::Vec};
use core::fmt;
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

pub(crate) use mismatch::Mismatch;
pub(crate) use object::{Member, named, object};
pub(crate) use read::Read;
pub(crate) use value::Value;

/// A value that was parsed: its nodes, each before what is inside it.
#[derive(Debug, Default)]
pub(crate) struct Tape<'j>(Vec<Node<'j>>);

/// One value on a tape, without what is inside it. Members of an object stay in order, and those of one name stay several.
#[derive(Debug)]
enum Node<'j> {
    Null,
    Boolean(bool),
    Integer(i64),
    /// A number with a fraction, or beyond 63 bits: no type asks for one.
    Fraction,
    Text(Cow<'j, str>),
    /// Its elements are in so many nodes behind this one.
    List(usize),
    /// Its members, each a name and a value, are in so many nodes behind this one.
    Object(usize),
}

impl<'j> Tape<'j> {
    /// Where to parse a value to; what is there is overwritten.
    pub(crate) fn record(&mut self) -> Recorder<'_, 'j> {
        self.0.clear();
        Recorder(&mut self.0)
    }

    /// What was recorded.
    pub(crate) fn value(&self) -> Value<'_> {
        Value::of(&self.0)
    }
}

/// Puts values on a tape.
pub(crate) struct Recorder<'t, 'j>(&'t mut Vec<Node<'j>>);

impl Recorder<'_, '_> {
    /// Ends the list or object that starts at `start`.
    fn end(self, start: usize) {
        let count = self.0.len().saturating_sub(start + 1);
        if let Some(Node::List(inside) | Node::Object(inside)) = self.0.get_mut(start) {
            *inside = count;
        }
    }
}

impl<'j> DeserializeSeed<'j> for Recorder<'_, 'j> {
    type Value = ();

    fn deserialize<D: Deserializer<'j>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'j> Visitor<'j> for Recorder<'_, 'j> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.push(Node::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<(), E> {
        self.0.push(Node::Boolean(truth));
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.0.push(i64::try_from(number).map_or(Node::Fraction, Node::Integer));
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.0.push(Node::Integer(number));
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.0.push(Node::Fraction);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.push(Node::Text(Cow::Owned(text.into())));
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'j str) -> Result<(), E> {
        self.0.push(Node::Text(Cow::Borrowed(text)));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'j>>(self, mut list: A) -> Result<(), A::Error> {
        let start = self.0.len();
        self.0.push(Node::List(0));
        while list.next_element_seed(Recorder(self.0))?.is_some() {}
        self.end(start);
        Ok(())
    }

    fn visit_map<A: MapAccess<'j>>(self, mut object: A) -> Result<(), A::Error> {
        let start = self.0.len();
        self.0.push(Node::Object(0));
        while object.next_key_seed(Recorder(self.0))?.is_some() {
            object.next_value_seed(Recorder(self.0))?;
        }
        self.end(start);
        Ok(())
    }
}

/// Deserializes a type that reads itself from a tape.
///
/// # Errors
/// When there is something else.
pub(crate) fn deserialize<'de, T: Read, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let mut tape = Tape::default();
    tape.record().deserialize(deserializer)?;
    T::read(tape.value()).map_err(Error::custom)
}

/// Lets types that read themselves from a tape be deserialized by anybody.
macro_rules! deserialize_alone {
    ($($thing:ty),* $(,)?) => { $(
        impl<'de> serde::Deserialize<'de> for $thing {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserialize(deserializer)
            }
        }
    )* };
}

deserialize_alone!(
    crate::Expression,
    crate::HeaderMatch,
    crate::HostPattern,
    crate::HttpMatch,
    crate::LabelExpression,
    crate::PathPattern,
    crate::Service,
    crate::TextMatch,
    crate::TextPattern,
);
