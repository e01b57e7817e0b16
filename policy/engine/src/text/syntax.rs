//! Reading regular expressions: the part of the common syntax that every engine reads alike.

use alloc::{boxed::Box, vec::Vec};

use super::regex::{RegexError, RegexFault};

/// How deep groups may nest.
const MAX_DEPTH: usize = 32;
/// How often something may be repeated by number, as in RE2.
const MAX_REPEAT: u32 = 1000;

/// A set of ASCII characters.
pub(super) type Set = u128;

/// Every character that is ever compared (S49): tab, space and what is printable.
const PLAIN: Set = (1 << b'\t') | ((1 << 127) - (1 << 32));

/// What an expression means.
#[derive(Debug)]
pub(super) enum Node {
    One(Set),
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    Repeat { node: Box<Node>, least: u32, most: Option<u32> },
}

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Node, RegexError> {
    let mut parser = Parser { text: text.as_bytes(), at: 0, depth: 0 };
    let node = parser.choice()?;
    // `choice` stops at the end or before a `)` that nothing opened.
    if parser.peek().is_some() { parser.refuse(RegexFault::Unbalanced) } else { Ok(node) }
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn refuse<T>(&self, fault: RegexFault) -> Result<T, RegexError> {
        Err(RegexError { at: self.at, fault })
    }

    fn choice(&mut self) -> Result<Node, RegexError> {
        let mut branches = Vec::from([self.sequence()?]);
        while self.take(b'|') {
            branches.push(self.sequence()?);
        }
        Ok(Node::Choice(branches))
    }

    fn sequence(&mut self) -> Result<Node, RegexError> {
        let mut parts = Vec::new();
        while let Some(byte) = self.peek() {
            let part = match byte {
                b'|' | b')' => break,
                b'*' | b'+' | b'?' | b'{' => return self.refuse(RegexFault::NothingToRepeat),
                b'^' | b'$' => return self.refuse(RegexFault::Anchor),
                _ => self.atom(byte)?,
            };
            parts.push(self.repeated(part)?);
        }
        Ok(Node::Sequence(parts))
    }

    fn atom(&mut self, byte: u8) -> Result<Node, RegexError> {
        if byte == b'(' {
            return self.group();
        }
        let start = self.at;
        self.at += 1;
        Ok(Node::One(match byte {
            b'.' => PLAIN,
            b'[' => self.class(start)?,
            b'\\' => self.escape()?.set(),
            _ => single(byte),
        }))
    }

    fn group(&mut self) -> Result<Node, RegexError> {
        let open = self.at;
        self.at += 1;
        if self.take(b'?') && !self.take(b':') {
            return self.refuse(RegexFault::Unsupported);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.refuse(RegexFault::TooDeep);
        }
        let inside = self.choice()?;
        self.depth -= 1;
        if self.take(b')') { Ok(inside) } else { Err(RegexError { at: open, fault: RegexFault::Unbalanced }) }
    }

    fn repeated(&mut self, node: Node) -> Result<Node, RegexError> {
        let (least, most) = match self.peek() {
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'?') => (0, Some(1)),
            Some(b'{') => self.counts()?,
            _ => return Ok(node),
        };
        self.at += 1;
        // Lazy or greedy is the same for a whole text.
        self.take(b'?');
        Ok(Node::Repeat { node: Box::new(node), least, most })
    }

    /// `{n}`, `{n,}` or `{n,m}`, up to the closing brace.
    fn counts(&mut self) -> Result<(u32, Option<u32>), RegexError> {
        let open = self.at;
        self.at += 1;
        let least = self.number();
        let most = if !self.take(b',') {
            least.map(Some)
        } else if self.peek() == Some(b'}') {
            Some(None)
        } else {
            self.number().map(Some)
        };
        match (least, most, self.peek()) {
            (Some(least), Some(most), Some(b'}')) if most.is_none_or(|most| least <= most) => {
                Ok((least, most))
            }
            _ => Err(RegexError { at: open, fault: RegexFault::BadRepeat }),
        }
    }

    fn number(&mut self) -> Option<u32> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = core::str::from_utf8(self.text.get(start..self.at)?).ok()?;
        digits.parse().ok().filter(|number| *number <= MAX_REPEAT)
    }

    /// A bracketed class, behind its `[`, which stands at `open`.
    fn class(&mut self, open: usize) -> Result<Set, RegexError> {
        let bad = RegexError { at: open, fault: RegexFault::BadClass };
        let negated = self.take(b'^');
        let mut set = 0;
        while !self.take(b']') {
            let first = self.member(bad)?;
            // A `-` before the closing bracket is itself.
            let ranges = self.peek() == Some(b'-') && self.text.get(self.at + 1) != Some(&b']');
            set |= match first {
                Member::One(low) if ranges => {
                    self.at += 1;
                    match self.member(bad)? {
                        // Some engines take a second `-` for an operation on sets.
                        Member::One(b'-') => return Err(bad),
                        Member::One(high) if low <= high => range(low, high),
                        _ => return Err(bad),
                    }
                }
                Member::Many(_) if ranges => return Err(bad),
                member => member.set(),
            };
        }
        // An empty class matches nothing, or, in other dialects, starts with a `]`.
        if set == 0 { Err(bad) } else { Ok(if negated { PLAIN & !set } else { set }) }
    }

    fn member(&mut self, bad: RegexError) -> Result<Member, RegexError> {
        let byte = self.peek().ok_or(bad)?;
        self.at += 1;
        match byte {
            b'\\' => self.escape(),
            // Engines read these in different ways: nested sets, named classes, operations on sets.
            b'[' => Err(bad),
            b'&' | b'~' | b'-' if self.peek() == Some(byte) => Err(bad),
            _ => Ok(Member::One(byte)),
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<Member, RegexError> {
        let digits = range(b'0', b'9');
        let words = digits | range(b'a', b'z') | range(b'A', b'Z') | single(b'_');
        let spaces = single(b' ') | single(b'\t');
        let member = match self.peek() {
            Some(b'd') => Member::Many(digits),
            Some(b'D') => Member::Many(PLAIN & !digits),
            Some(b'w') => Member::Many(words),
            Some(b'W') => Member::Many(PLAIN & !words),
            Some(b's') => Member::Many(spaces),
            Some(b'S') => Member::Many(PLAIN & !spaces),
            Some(b't') => Member::One(b'\t'),
            // `\<` and `\>` are the bounds of words to GNU and to Rust, and characters to RE2.
            Some(byte) if byte.is_ascii_punctuation() && !matches!(byte, b'<' | b'>') => Member::One(byte),
            _ => {
                let at = self.at.saturating_sub(1);
                return Err(RegexError { at, fault: RegexFault::BadEscape });
            }
        };
        self.at += 1;
        Ok(member)
    }
}

enum Member {
    One(u8),
    Many(Set),
}

impl Member {
    fn set(self) -> Set {
        match self {
            Self::One(byte) => single(byte),
            Self::Many(set) => set,
        }
    }
}

/// The text is ASCII, which the caller has seen to.
fn single(byte: u8) -> Set {
    1 << (byte & 127)
}

fn range(low: u8, high: u8) -> Set {
    (low..=high).fold(0, |set, byte| set | single(byte))
}
