//! A value on a tape.

use alloc::{borrow::Cow, format};

use super::{Member, Mismatch, Node};

/// A value, and what is inside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'t> {
    node: &'t Node<'t>,
    inside: &'t [Node<'t>],
}

impl<'t> Value<'t> {
    /// The value whose nodes these are; no nodes are null.
    pub(super) fn of(nodes: &'t [Node<'t>]) -> Self {
        match nodes.split_first() {
            Some((node, inside)) => Self { node, inside },
            None => Self { node: &Node::Null, inside: &[] },
        }
    }

    /// What it is, for those who expected something else.
    fn kind(self) -> &'static str {
        match self.node {
            Node::Null => "null",
            Node::Boolean(_) => "a boolean",
            Node::Integer(_) => "an integer",
            Node::Fraction => "a number that is no integer of 63 bits",
            Node::Text(_) => "a string",
            Node::List(_) => "a list",
            Node::Object(_) => "an object",
        }
    }

    /// Refuses it: `expected` should stand there.
    #[cold]
    #[inline(never)]
    pub(crate) fn unlike(self, expected: &str) -> Mismatch {
        Mismatch::kind(self.kind(), expected)
    }

    pub(crate) fn is_null(self) -> bool {
        matches!(self.node, Node::Null)
    }

    pub(crate) fn boolean(self) -> Result<bool, Mismatch> {
        match self.node {
            Node::Boolean(truth) => Ok(*truth),
            _ => Err(self.unlike("a boolean")),
        }
    }

    /// An integer of at least `least` and at most `most`.
    pub(crate) fn integer(self, least: i64, most: i64) -> Result<i64, Mismatch> {
        match self.node {
            Node::Integer(number) if (least..=most).contains(number) => Ok(*number),
            Node::Integer(number) => {
                Err(Mismatch::new(format!("`{number}` is not between {least} and {most}")))
            }
            _ => Err(self.unlike("an integer")),
        }
    }

    pub(crate) fn text(self) -> Result<&'t str, Mismatch> {
        match self.node {
            Node::Text(Cow::Borrowed(text)) => Ok(text),
            Node::Text(Cow::Owned(text)) => Ok(text),
            _ => Err(self.unlike("a string")),
        }
    }

    /// Which of these names it is.
    pub(crate) fn name_among(self, names: &[&str]) -> Result<usize, Mismatch> {
        let text = self.text()?;
        names.iter().position(|name| *name == text).ok_or_else(|| {
            Mismatch::new(format!("`{}` is none of `{}`", text.escape_default(), names.join("`, `")))
        })
    }

    /// The elements of a list.
    pub(crate) fn elements(self) -> Result<Values<'t>, Mismatch> {
        match self.node {
            Node::List(_) => Ok(Values(self.inside)),
            _ => Err(self.unlike("a list")),
        }
    }

    /// The members of an object, by name.
    pub(crate) fn entries(self) -> Result<Entries<'t>, Mismatch> {
        match self.node {
            Node::Object(_) => Ok(Entries(Values(self.inside))),
            _ => Err(self.unlike("an object")),
        }
    }

    /// The members of an object that has no others than these.
    pub(crate) fn members<const N: usize>(
        self,
        names: [&'static str; N],
    ) -> Result<[Member<'t>; N], Mismatch> {
        let mut members = names.map(Member::absent);
        self.fill(&mut members)?;
        Ok(members)
    }

    #[inline(never)]
    fn fill(self, members: &mut [Member<'t>]) -> Result<(), Mismatch> {
        // Members mostly come in the order in which they are asked for.
        let mut next = 0;
        for (name, value) in self.entries()? {
            let here = members.get(next).is_some_and(|member| member.name() == name);
            let found = if here { Some(next) } else { members.iter().position(|m| m.name() == name) };
            let place = found.ok_or_else(|| Mismatch::unknown(name))?;
            if members.get_mut(place).is_some_and(|member| !member.set(value)) {
                return Err(Mismatch::twice(name));
            }
            next = place + 1;
        }
        Ok(())
    }

    /// The name of the only member of an object, and the member: one of several forms of a thing.
    pub(crate) fn variant(self) -> Result<(&'t str, Member<'t>), Mismatch> {
        let mut entries = self.entries()?;
        match (entries.next(), entries.next()) {
            (Some((name, value)), None) => Ok((name, Member::present(name, value))),
            _ => Err(Mismatch::kind("another object", "one with a single member")),
        }
    }
}

/// Values that stand one behind the other.
#[derive(Clone)]
pub(crate) struct Values<'t>(&'t [Node<'t>]);

impl Values<'_> {
    /// How many there are.
    #[inline(never)]
    pub(crate) fn len(&self) -> usize {
        self.clone().count()
    }
}

impl<'t> Iterator for Values<'t> {
    type Item = Value<'t>;

    // Small code, and called where every type is read.
    #[inline(never)]
    fn next(&mut self) -> Option<Value<'t>> {
        let (node, rest) = self.0.split_first()?;
        let count = match node {
            Node::List(inside) | Node::Object(inside) => *inside,
            _ => 0,
        };
        let (inside, others) = rest.split_at_checked(count)?;
        self.0 = others;
        Some(Value { node, inside })
    }
}

/// Members of an object.
pub(crate) struct Entries<'t>(Values<'t>);

impl<'t> Iterator for Entries<'t> {
    type Item = (&'t str, Value<'t>);

    fn next(&mut self) -> Option<(&'t str, Value<'t>)> {
        let name = self.0.next()?;
        // A recorder that is given names gives names.
        Some((name.text().unwrap_or_default(), self.0.next()?))
    }
}
