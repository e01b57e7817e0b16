//! Protobuf's binary form: fields, each a number and what it holds.

use super::Malformed;

/// A field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) number: u64,
    pub(super) content: Content<'a>,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// A number of variable length.
    Varint(u64),
    /// Eight bytes.
    Fixed(u64),
    /// Four bytes.
    Short,
    /// Text, bytes or a message.
    Bytes(&'a [u8]),
}

impl<'a> Content<'a> {
    pub(super) fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed),
        }
    }
}

/// The fields of a message, in order. After an error there are no more.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn field(&mut self) -> Result<Field<'a>, Malformed> {
        let tag = self.varint()?;
        let content = match tag & 7 {
            0 => Content::Varint(self.varint()?),
            1 => Content::Fixed(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
                self.rest = rest;
                Content::Bytes(bytes)
            }
            5 => self.array::<4>().map(|_| Content::Short)?,
            // Groups are long gone.
            _ => return Err(Malformed),
        };
        let number = tag >> 3;
        // No field has the number 0, and none one of 30 bits.
        if number == 0 || number >> 29 != 0 { Err(Malformed) } else { Ok(Field { number, content }) }
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// Seven bits a byte, the lowest first, in as few bytes as possible.
    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                return Err(Malformed);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(bytes: &[u8]) -> Result<Vec<Field<'_>>, Malformed> {
        Fields::new(bytes).collect()
    }

    fn one(number: u64, content: Content<'_>) -> Result<Vec<Field<'_>>, Malformed> {
        Ok(vec![Field { number, content }])
    }

    #[test]
    fn every_kind_of_field_is_read() {
        assert_eq!(fields(b""), Ok(vec![]));
        assert_eq!(fields(b"\x08\x96\x01"), one(1, Content::Varint(150)));
        assert_eq!(fields(b"\x11\x01\0\0\0\0\0\0\0"), one(2, Content::Fixed(1)));
        assert_eq!(fields(b"\x1a\x02ab"), one(3, Content::Bytes(b"ab")));
        assert_eq!(fields(b"\x25\0\0\0\0"), one(4, Content::Short));
        assert_eq!(
            fields(b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            one(1, Content::Varint(u64::MAX))
        );
    }

    #[test]
    fn what_is_cut_or_overlong_or_unknown_is_malformed() {
        for bad in [
            b"\x08".as_slice(),
            b"\x08\x80",
            b"\x08\x80\0",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
            b"\x11\0\0\0\0\0\0\0",
            b"\x1a\x02a",
            b"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a",
            b"\x25\0\0\0",
            b"\x0b\x0c",
            b"\x0e",
            b"\x00\x01",
        ] {
            assert_eq!(fields(bad), Err(Malformed), "{}", bad.escape_ascii());
        }
    }
}
