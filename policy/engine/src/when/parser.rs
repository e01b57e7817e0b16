//! Reading expressions.

use alloc::{boxed::Box, string::String, vec, vec::Vec};

use super::{
    ExpressionError, ExpressionFault,
    attribute::Attribute,
    lexer::{Lexer, Word},
    node::{Kind, Node, Operand},
};
use crate::Affix;

/// The limits of S58.
const MAX_LENGTH: usize = 1024;
const MAX_DEPTH: usize = 16;
const MAX_OPERATORS: usize = 64;

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Node, ExpressionError> {
    if text.len() > MAX_LENGTH {
        return Err(ExpressionError { at: MAX_LENGTH, fault: ExpressionFault::TooLong });
    }
    let mut lexer = Lexer::new(text);
    let (at, word) = lexer.word()?;
    let mut parser = Parser { lexer, at, word, depth: 0, operators: 0 };
    let node = parser.any()?.condition()?;
    match parser.word {
        Word::End => Ok(node),
        _ => parser.refuse(ExpressionFault::Expected("the end or an operator")),
    }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    /// Where the next word starts.
    at: usize,
    /// The next word.
    word: Word<'t>,
    depth: usize,
    operators: usize,
}

/// A part of an expression, and where it starts.
struct Term {
    at: usize,
    content: Content,
}

enum Content {
    Value(Operand),
    Condition(Node),
}

impl Term {
    fn condition(self) -> Result<Node, ExpressionError> {
        match self.content {
            Content::Condition(node) => Ok(node),
            Content::Value(Operand::Boolean(truth)) => Ok(Node::Constant(truth)),
            Content::Value(Operand::Attribute(claim @ Attribute::Claim(_))) => Ok(Node::True(claim)),
            Content::Value(_) => Err(ExpressionError { at: self.at, fault: ExpressionFault::NotACondition }),
        }
    }

    fn value(self) -> Result<Operand, ExpressionError> {
        match self.content {
            Content::Value(operand) => Ok(operand),
            Content::Condition(_) => Err(ExpressionError { at: self.at, fault: ExpressionFault::NotAValue }),
        }
    }
}

impl<'t> Parser<'t> {
    fn refuse<T>(&self, fault: ExpressionFault) -> Result<T, ExpressionError> {
        Err(ExpressionError { at: self.at, fault })
    }

    fn advance(&mut self) -> Result<Word<'t>, ExpressionError> {
        let (at, word) = self.lexer.word()?;
        self.at = at;
        Ok(core::mem::replace(&mut self.word, word))
    }

    /// Takes the next word if it is this symbol.
    fn take(&mut self, symbol: &str) -> Result<bool, ExpressionError> {
        let next = matches!(self.word, Word::Symbol(word) if word == symbol);
        if next {
            self.advance()?;
        }
        Ok(next)
    }

    fn demand(&mut self, symbol: &str, name: &'static str) -> Result<(), ExpressionError> {
        if self.take(symbol)? { Ok(()) } else { self.refuse(ExpressionFault::Expected(name)) }
    }

    /// Counts an operator, which stands at `at`.
    fn count(&mut self, at: usize) -> Result<(), ExpressionError> {
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            return Err(ExpressionError { at, fault: ExpressionFault::TooManyOperators });
        }
        Ok(())
    }

    /// Reads something that stands one deeper.
    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, ExpressionError>,
    ) -> Result<T, ExpressionError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.refuse(ExpressionFault::TooDeep);
        }
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Terms joined by `||`.
    fn any(&mut self) -> Result<Term, ExpressionError> {
        self.joined("||", Node::Any, |parser| parser.joined("&&", Node::All, Self::relation))
    }

    fn joined(
        &mut self,
        symbol: &str,
        join: fn(Vec<Node>) -> Node,
        // Compiled once for both.
        read: fn(&mut Self) -> Result<Term, ExpressionError>,
    ) -> Result<Term, ExpressionError> {
        let first = read(self)?;
        let at = first.at;
        if !matches!(self.word, Word::Symbol(word) if word == symbol) {
            return Ok(first);
        }
        let mut nodes = vec![first.condition()?];
        loop {
            let operator = self.at;
            if !self.take(symbol)? {
                break;
            }
            self.count(operator)?;
            nodes.push(read(self)?.condition()?);
        }
        Ok(Term { at, content: Content::Condition(join(nodes)) })
    }

    /// A comparison, or a term alone.
    fn relation(&mut self) -> Result<Term, ExpressionError> {
        let left = self.unary()?;
        let (at, operator) = (self.at, Relation::of(&self.word));
        let Some(operator) = operator else { return Ok(left) };
        self.advance()?;
        self.count(at)?;
        let (start, left, right) = (left.at, left.value()?, self.unary()?.value()?);
        if Relation::of(&self.word).is_some() {
            return self.refuse(ExpressionFault::Expected("`&&` or `||`"));
        }
        let node = match operator {
            Relation::Equal => Node::equal(left, right),
            Relation::Unequal => Node::equal(left, right).map(|node| Node::Not(Box::new(node))),
            Relation::In => Node::contained(left, right),
        };
        let node = node.map_err(|fault| ExpressionError { at, fault })?;
        Ok(Term { at: start, content: Content::Condition(node) })
    }

    fn unary(&mut self) -> Result<Term, ExpressionError> {
        let at = self.at;
        if !self.take("!")? {
            return self.primary();
        }
        self.count(at)?;
        let inner = self.deeper(Self::unary)?.condition()?;
        Ok(Term { at, content: Content::Condition(Node::Not(Box::new(inner))) })
    }

    fn primary(&mut self) -> Result<Term, ExpressionError> {
        let at = self.at;
        if self.take("(")? {
            let inner = self.deeper(Self::any)?;
            self.demand(")", "`)`")?;
            return Ok(Term { at, ..inner });
        }
        if self.take("[")? {
            return Ok(Term { at, content: Content::Value(self.list(at)?) });
        }
        match self.advance()? {
            Word::Text(text) => self.with_functions(at, Operand::Text(text)),
            Word::Integer(number) => Ok(Term { at, content: Content::Value(Operand::Integer(number)) }),
            Word::Name("true") => Ok(Term { at, content: Content::Value(Operand::Boolean(true)) }),
            Word::Name("false") => Ok(Term { at, content: Content::Value(Operand::Boolean(false)) }),
            Word::Name("has") if self.word == Word::Symbol("(") => {
                self.count(at)?;
                self.advance()?;
                let inside = self.at;
                let attribute = match self.deeper(Self::primary)?.content {
                    Content::Value(Operand::Attribute(attribute)) => attribute,
                    _ => {
                        let fault = ExpressionFault::Expected("an attribute");
                        return Err(ExpressionError { at: inside, fault });
                    }
                };
                self.demand(")", "`)`")?;
                Ok(Term { at, content: Content::Condition(Node::Has(attribute)) })
            }
            Word::Name(_) if self.word == Word::Symbol("(") => {
                Err(ExpressionError { at, fault: ExpressionFault::UnknownFunction })
            }
            Word::Name(root) => self.attribute(at, root),
            Word::Symbol(_) | Word::End => {
                let fault = ExpressionFault::Expected("an attribute, a value or `(`");
                Err(ExpressionError { at, fault })
            }
        }
    }

    /// A list, behind its `[`, which stands at `at`.
    fn list(&mut self, at: usize) -> Result<Operand, ExpressionError> {
        let mut list: Vec<Operand> = Vec::new();
        while !self.take("]")? {
            if !list.is_empty() {
                self.demand(",", "`,` or `]`")?;
            }
            let element = self.at;
            let operand = match self.advance()? {
                Word::Text(text) => Operand::Text(text),
                Word::Integer(number) => Operand::Integer(number),
                _ => {
                    let fault = ExpressionFault::Expected("a text or an integer");
                    return Err(ExpressionError { at: element, fault });
                }
            };
            if list.first().is_some_and(|first| first.kind() != operand.kind()) {
                return Err(ExpressionError { at: element, fault: ExpressionFault::MixedList });
            }
            list.push(operand);
        }
        if list.is_empty() {
            return Err(ExpressionError { at, fault: ExpressionFault::EmptyList });
        }
        Ok(Operand::List(list))
    }

    /// An attribute that starts with `root`, which stands at `at`, and what follows it.
    fn attribute(&mut self, at: usize, root: &str) -> Result<Term, ExpressionError> {
        let mut names: Vec<String> = Vec::new();
        let function = loop {
            if self.take("[")? {
                match self.advance()? {
                    Word::Text(key) => names.push(key),
                    _ => return self.refuse(ExpressionFault::Expected("a name in quotes")),
                }
                self.demand("]", "`]`")?;
            } else if self.take(".")? {
                let start = self.at;
                let name = self.name()?;
                if self.word == Word::Symbol("(") {
                    break Some((start, name));
                }
                names.push(String::from(name));
            } else {
                break None;
            }
        };
        let attribute = Attribute::of(root, names).map_err(|fault| ExpressionError { at, fault })?;
        match function {
            Some((start, name)) => self.function(at, Operand::Attribute(attribute), start, name),
            None => Ok(Term { at, content: Content::Value(Operand::Attribute(attribute)) }),
        }
    }

    fn name(&mut self) -> Result<&'t str, ExpressionError> {
        match self.word {
            Word::Name(name) => {
                self.advance()?;
                Ok(name)
            }
            _ => self.refuse(ExpressionFault::Expected("a name")),
        }
    }

    /// A text that was written out, and a function of it if there is one.
    fn with_functions(&mut self, at: usize, operand: Operand) -> Result<Term, ExpressionError> {
        if !self.take(".")? {
            return Ok(Term { at, content: Content::Value(operand) });
        }
        let start = self.at;
        let name = self.name()?;
        self.function(at, operand, start, name)
    }

    /// A function of `text`, whose name, at `start`, is read already.
    fn function(
        &mut self,
        at: usize,
        text: Operand,
        start: usize,
        name: &str,
    ) -> Result<Term, ExpressionError> {
        let affix = match name {
            "startsWith" => Affix::Start,
            "endsWith" => Affix::End,
            "contains" => Affix::Inside,
            _ => return Err(ExpressionError { at: start, fault: ExpressionFault::UnknownFunction }),
        };
        self.count(start)?;
        self.demand("(", "`(`")?;
        let inside = self.at;
        let part = self.deeper(Self::any)?.value()?;
        self.demand(")", "`)`")?;
        let fault = match (text.kind(), part.kind()) {
            (Kind::Text | Kind::Claim, Kind::Text | Kind::Claim) => None,
            _ => Some(ExpressionFault::NotText),
        };
        let fault = match (&text, &part) {
            _ if fault.is_some() => fault,
            (_, Operand::Text(part)) if part.is_empty() => Some(ExpressionFault::EmptyText),
            (Operand::Text(_), Operand::Text(_)) => Some(ExpressionFault::Constant),
            _ => part.miswrites(&text),
        };
        match fault {
            Some(fault) => Err(ExpressionError { at: inside, fault }),
            None => Ok(Term { at, content: Content::Condition(Node::Affix(affix, text, part)) }),
        }
    }
}

enum Relation {
    Equal,
    Unequal,
    In,
}

impl Relation {
    fn of(word: &Word<'_>) -> Option<Self> {
        match word {
            Word::Symbol("==") => Some(Self::Equal),
            Word::Symbol("!=") => Some(Self::Unequal),
            Word::Name("in") => Some(Self::In),
            _ => None,
        }
    }
}
