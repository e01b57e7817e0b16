//! Messages to the kernel, as they are written.

use super::{ATTRIBUTE, HEADER, aligned};

/// `NLM_F_REQUEST`.
const REQUEST: u16 = 0x1;
/// `NLM_F_ACK`.
pub(crate) const ACKNOWLEDGE: u16 = 0x4;
/// `NLM_F_CREATE`.
pub(crate) const CREATE: u16 = 0x400;
/// `NLM_F_APPEND`.
pub(crate) const APPEND: u16 = 0x800;
/// `NLM_F_DUMP`.
const LIST: u16 = 0x300;
/// `NLA_F_NESTED`.
const NESTED: u16 = 0x8000;

/// Messages, one after the other, numbered from 0.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    bytes: Vec<u8>,
    count: u32,
    /// Something got longer than its length can say.
    overlong: bool,
}

impl Draft {
    /// Adds a message that begins with `fixed`; its number.
    pub(crate) fn message(
        &mut self,
        kind: u16,
        flags: u16,
        fixed: &[u8],
        fill: impl FnOnce(&mut Attributes<'_>),
    ) -> u32 {
        let (start, number) = (self.bytes.len(), self.count);
        self.count += 1;
        self.bytes.extend([0; 4]);
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend((REQUEST | flags).to_ne_bytes());
        self.bytes.extend(number.to_ne_bytes());
        self.bytes.extend([0; 4]);
        self.bytes.extend(fixed);
        self.bytes.resize(start + aligned(HEADER + fixed.len()), 0);
        fill(&mut Attributes { bytes: &mut self.bytes, overlong: &mut self.overlong });
        let length = u32::try_from(self.bytes.len() - start);
        self.overlong |= length.is_err();
        write_at(&mut self.bytes, start, &length.unwrap_or_default().to_ne_bytes());
        number
    }

    /// Adds a message that asks for a list.
    pub(crate) fn list(&mut self, kind: u16, fixed: &[u8], fill: impl FnOnce(&mut Attributes<'_>)) {
        self.message(kind, LIST, fixed, fill);
    }

    /// The bytes to send.
    ///
    /// # Errors
    /// If something in them is longer than the form allows.
    pub(super) fn bytes(&self) -> std::io::Result<&[u8]> {
        match self.overlong {
            true => Err(std::io::Error::other("a netlink message would be longer than its form allows")),
            false => Ok(&self.bytes),
        }
    }
}

/// The attributes of a message or of another attribute.
pub(crate) struct Attributes<'a> {
    bytes: &'a mut Vec<u8>,
    overlong: &'a mut bool,
}

impl Attributes<'_> {
    /// Adds one with this value.
    pub(crate) fn put(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.wrap(kind, |inner| inner.bytes.extend(value))
    }

    /// Adds a text, with a zero at its end.
    pub(crate) fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        self.wrap(kind, |inner| {
            inner.bytes.extend(value.as_bytes());
            inner.bytes.push(0);
        })
    }

    /// Adds a number in the order of this host.
    pub(crate) fn number(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put(kind, &value.to_ne_bytes())
    }

    /// Adds a number in the order of the network, as netfilter has them.
    pub(crate) fn big(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put(kind, &value.to_be_bytes())
    }

    /// Adds one that consists of others.
    pub(crate) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Attributes<'_>)) -> &mut Self {
        self.wrap(kind | NESTED, fill)
    }

    fn wrap(&mut self, kind: u16, fill: impl FnOnce(&mut Attributes<'_>)) -> &mut Self {
        let start = self.bytes.len();
        self.bytes.extend([0; 2]);
        self.bytes.extend(kind.to_ne_bytes());
        debug_assert_eq!(self.bytes.len() - start, ATTRIBUTE);
        fill(&mut Attributes { bytes: self.bytes, overlong: self.overlong });
        let length = u16::try_from(self.bytes.len() - start);
        *self.overlong |= length.is_err();
        write_at(self.bytes, start, &length.unwrap_or_default().to_ne_bytes());
        let end = start + aligned(self.bytes.len() - start);
        self.bytes.resize(end, 0);
        self
    }
}

fn write_at(bytes: &mut [u8], start: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(start..start + value.len()) {
        place.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{messages, text};
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut draft = Draft::default();
        draft.message(7, 0, &[1; 4], |attributes| {
            attributes.text(1, "veth0").nest(2, |inner| {
                inner.big(3, 258).number(4, 5);
            });
        });
        draft.message(8, ACKNOWLEDGE, &[], |_| {});
        let bytes = draft.bytes().unwrap();
        let read: Vec<_> = messages(bytes).collect();
        assert_eq!((read.len(), read[0].kind, read[1].kind, read[1].flags), (2, 7, 8, 5));
        let attributes: Vec<_> = read[0].attributes(4).collect();
        assert_eq!((attributes[0].0, text(attributes[0].1)), (1, "veth0".to_owned()));
        assert_eq!((attributes[1].0, &attributes[1].1[4..8]), (2, &[0, 0, 1, 2][..]));
    }

    #[test]
    fn what_is_too_long_for_its_form_is_not_sent() {
        let mut draft = Draft::default();
        draft.message(7, 0, &[], |attributes| {
            attributes.put(1, &[0; 1 << 16]);
        });
        assert!(draft.bytes().is_err());
    }
}
