//! The reader as a source for `serde`: shells as thin as can be, for there is one of each for every type.

use alloc::borrow::Cow;
use serde::{
    Deserializer,
    de::{DeserializeSeed, EnumAccess, Expected, MapAccess, SeqAccess, VariantAccess, Visitor},
    forward_to_deserialize_any,
};

use super::{Fault, Number, Reader};

impl<'de> Reader<'de> {
    /// The next value is not what a visitor expects.
    #[cold]
    #[inline(never)]
    fn mismatch(&mut self, expected: &dyn Expected) -> Fault {
        let found = match self.peek() {
            None => "nothing",
            Some(b'n') => "null",
            Some(b't' | b'f') => "a truth value",
            Some(b'"') => "a text",
            Some(b'[') => "a list",
            Some(b'{') => "an object",
            Some(b'-' | b'0'..=b'9') => "a number",
            Some(_) => "no value",
        };
        Fault::kind(found, expected)
    }

    fn visit_string<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Fault> {
        match self.string()? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn visit_list<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Fault> {
        self.enter(b'[')?;
        let mut elements = Elements { reader: self, first: true, closing: b']' };
        let value = visitor.visit_seq(&mut elements)?;
        elements.end()?;
        Ok(value)
    }

    fn visit_object<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Fault> {
        self.enter(b'{')?;
        // A visitor of maps asks until there is nothing more.
        visitor.visit_map(Elements { reader: self, first: true, closing: b'}' })
    }

    fn visit_number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Fault> {
        match self.number()? {
            Number::Unsigned(number) => visitor.visit_u64(number),
            Number::Negative(number) => visitor.visit_i64(number),
        }
    }
}

/// A method that reads one kind of value, which starts with one of some bytes.
macro_rules! only {
    ($($method:ident)+, $byte:pat, $visit:ident) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.peek() {
                Some($byte) => self.$visit(visitor),
                _ => Err(self.mismatch(&visitor)),
            }
        })+
    };
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Fault;

    only!(deserialize_str deserialize_string deserialize_identifier, b'"', visit_string);
    only!(deserialize_seq, b'[', visit_list);
    only!(deserialize_map, b'{', visit_object);
    only!(
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64,
        b'-' | b'0'..=b'9', visit_number
    );

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.peek() {
            Some(b'n') => {
                self.word("null")?;
                visitor.visit_unit()
            }
            Some(b't' | b'f') => visitor.visit_bool(self.boolean()?),
            Some(b'"') => self.visit_string(visitor),
            Some(b'[') => self.visit_list(visitor),
            Some(b'{') => self.visit_object(visitor),
            Some(b'-' | b'0'..=b'9') => self.visit_number(visitor),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.peek() {
            Some(b't' | b'f') => visitor.visit_bool(self.boolean()?),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.peek() == Some(b'n') {
            self.word("null")?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.peek() {
            Some(b'"') => visitor.visit_enum(Variant { reader: self, alone: true }),
            Some(b'{') => {
                self.enter(b'{')?;
                visitor.visit_enum(Variant { reader: self, alone: false })
            }
            _ => Err(self.mismatch(&visitor)),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct ignored_any
    }
}

/// The elements of a list, or the members of an object.
struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    first: bool,
    closing: u8,
}

impl Elements<'_, '_> {
    #[inline(never)]
    fn next(&mut self) -> Result<bool, Fault> {
        self.reader.advance(core::mem::take(&mut self.first), self.closing)
    }

    /// Refuses elements that nobody asked for.
    #[inline(never)]
    fn end(self) -> Result<(), Fault> {
        // Whoever asked to the end is behind the bracket already.
        if self.closing == 0 || self.reader.skip(self.closing) {
            Ok(())
        } else {
            Err(Fault::new("the list is too long"))
        }
    }
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        if self.closing == 0 || !self.next()? {
            self.closing = 0;
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        if !self.next()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        self.reader.expect(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

/// One of several forms: its name alone, or an object whose only key is its name.
struct Variant<'r, 'de> {
    reader: &'r mut Reader<'de>,
    alone: bool,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let name = seed.deserialize(&mut *self.reader)?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        if self.alone { Ok(()) } else { Err(Fault::new("this name stands alone, as a text")) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        if self.alone {
            return Err(Fault::new("this name is the key of an object"));
        }
        self.reader.expect(b':')?;
        let value = seed.deserialize(&mut *self.reader)?;
        if self.reader.advance(false, b'}')? {
            Err(Fault::new("there is one key too many"))
        } else {
            Ok(value)
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Fault> {
        Err(self.reader.mismatch(&visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        Err(self.reader.mismatch(&visitor))
    }
}
