//! JSON (RFC 8259), as far as configurations are written in it.
//!
//! A reader of our own, because it runs in every proxy: the filter is smaller by a sixth than with the one of `serde_json`, whose
//! code for numbers with fractions, for values of any kind and for telling them in errors is of no use here. It accepts what that one
//! accepts, but no fractions and exponents; a test holds them against each other.

mod deserializer;
mod fault;

use alloc::{borrow::Cow, string::String};

pub(crate) use fault::Fault;

/// How deep lists and objects may nest. A rule nests some twenty deep.
const MOST_LEVELS: u8 = 128;

/// A text in JSON, and how far it has been read.
pub(crate) struct Reader<'j> {
    text: &'j str,
    at: usize,
    levels: u8,
}

/// A number without fraction and exponent.
enum Number {
    Unsigned(u64),
    Negative(i64),
}

impl<'j> Reader<'j> {
    /// A reader at the start of a text.
    pub(crate) fn new(text: &'j str) -> Self {
        Self { text, at: 0, levels: 0 }
    }

    /// Where reading came to, as line and column, both from 1.
    pub(crate) fn position(&self) -> (usize, usize) {
        let read = self.text.get(..self.at).unwrap_or(self.text);
        let line = read.rsplit('\n').next().unwrap_or_default();
        (read.split('\n').count(), line.len() + 1)
    }

    /// Refuses whatever is left but white space.
    ///
    /// # Errors
    /// When something is left.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        if self.peek().is_some() { Err(Fault::new("there is something behind the end")) } else { Ok(()) }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space.
    #[inline(never)]
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    /// Goes past `wanted` if it is next.
    fn skip(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    #[inline(never)]
    fn expect(&mut self, wanted: u8) -> Result<(), Fault> {
        if self.skip(wanted) { Ok(()) } else { Err(Fault::expected(char::from(wanted))) }
    }

    /// Goes past a word.
    #[inline(never)]
    fn word(&mut self, word: &str) -> Result<(), Fault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(Fault::new("this is no value"));
        }
        self.at += word.len();
        Ok(())
    }

    #[inline(never)]
    fn boolean(&mut self) -> Result<bool, Fault> {
        let truth = self.peek() == Some(b't');
        self.word(if truth { "true" } else { "false" })?;
        Ok(truth)
    }

    /// Goes into a list or an object.
    #[inline(never)]
    fn enter(&mut self, opening: u8) -> Result<(), Fault> {
        self.expect(opening)?;
        self.levels += 1;
        if self.levels > MOST_LEVELS {
            Err(Fault::new("lists and objects are nested too deep"))
        } else {
            Ok(())
        }
    }

    /// Goes to the next element, of which `first` is the first; false goes out behind the last.
    #[inline(never)]
    fn advance(&mut self, first: bool, closing: u8) -> Result<bool, Fault> {
        if self.skip(closing) {
            self.levels = self.levels.saturating_sub(1);
            return Ok(false);
        }
        if !first {
            self.expect(b',')?;
        }
        Ok(true)
    }

    #[inline(never)]
    fn number(&mut self) -> Result<Number, Fault> {
        self.peek();
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        let digits = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let leading_zero = self.byte_at(digits) == Some(b'0') && self.at > digits + 1;
        if self.at == digits || leading_zero {
            return Err(Fault::new("this is no value"));
        }
        if let Some(b'.' | b'e' | b'E') = self.byte() {
            return Err(Fault::new("numbers are written without fraction and exponent"));
        }
        let written = self.text.get(start..self.at).unwrap_or_default();
        let number = if start == digits {
            written.parse().ok().map(Number::Unsigned)
        } else {
            // A zero with a sign is a fraction to those who know such a thing.
            written.parse().ok().filter(|number| *number != 0).map(Number::Negative)
        };
        number.ok_or(Fault::new("the number is out of range"))
    }

    fn byte_at(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    #[inline(never)]
    fn string(&mut self) -> Result<Cow<'j, str>, Fault> {
        self.expect(b'"')?;
        let mut decoded: Option<String> = None;
        // What lies between here and the next escape is as it is written.
        let mut start = self.at;
        loop {
            let plain = self.text.get(start..self.at).unwrap_or_default();
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(match decoded {
                        None => Cow::Borrowed(plain),
                        Some(decoded) => Cow::Owned(decoded + plain),
                    });
                }
                Some(b'\\') => {
                    self.at += 1;
                    let decoded = decoded.get_or_insert_default();
                    decoded.push_str(plain);
                    decoded.push(self.escape()?);
                    start = self.at;
                }
                Some(0..b' ') => return Err(Fault::new("a control character stands in a text")),
                Some(_) => self.at += 1,
                None => return Err(Fault::new("a text has no end")),
            }
        }
    }

    /// The character behind a backslash.
    fn escape(&mut self) -> Result<char, Fault> {
        let letter = self.byte();
        self.at += 1;
        Ok(match letter {
            Some(letter @ (b'"' | b'\\' | b'/')) => char::from(letter),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let mut units = [self.unit()?, 0];
                let pair = (0xd800..0xdc00).contains(&units[0]);
                if pair {
                    self.word("\\u").map_err(|_| Fault::new(SURROGATE))?;
                    units[1] = self.unit()?;
                }
                let units = units.into_iter().take(1 + usize::from(pair));
                return char::decode_utf16(units).next().and_then(Result::ok).ok_or(Fault::new(SURROGATE));
            }
            _ => return Err(Fault::new("a backslash stands before something that it does not escape")),
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u16, Fault> {
        let digits = self.text.get(self.at..self.at + 4).unwrap_or_default();
        self.at += 4;
        // `from_str_radix` reads a sign too.
        let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16)
            .ok()
            .filter(|_| all)
            .ok_or(Fault::new("`\\u` needs four hexadecimal digits"))
    }
}

/// What is wrong with `\ud800` alone.
const SURROGATE: &str = "half of a surrogate pair";

#[cfg(test)]
mod tests;
