//! Words to an expression: `||` binds least, then `&&`, then `!`.

use super::{
    Expression, Fault, MAX_DEPTH, MAX_LENGTH, Test,
    token::{Token, Word, fault, tokens},
};

/// Reads a selector. An empty one means everything, as `all()` does.
///
/// # Errors
/// The first thing that is wrong, and where.
pub(in super::super) fn parse(text: &str) -> Result<Expression, Fault> {
    if text.len() > MAX_LENGTH {
        let message = format!("the selector has {} bytes", text.len());
        return Err(fault(0..text.len(), message, "shorten it; 4,096 are the most"));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, depth: 0 };
    if parser.peek().word == Word::End {
        return Ok(Expression::All);
    }
    let read = parser.alternatives()?;
    match parser.peek() {
        Token { word: Word::End, .. } => Ok(read),
        Token { word: Word::Close, at } => {
            Err(fault(at.clone(), "there is nothing that `)` could close", "remove it"))
        }
        Token { at, .. } => {
            Err(fault(at.clone(), "nothing joins this with what is before it", "write `&&` or `||`"))
        }
    }
}

struct Parser<'t> {
    /// The last one is the end.
    tokens: &'t [Token<'t>],
    depth: usize,
}

/// What comes after the last word.
const END: Token<'static> = Token { word: Word::End, at: 0..0 };

impl<'t> Parser<'t> {
    fn peek(&self) -> &'t Token<'t> {
        self.tokens.first().unwrap_or(&END)
    }

    fn next(&mut self) -> &'t Token<'t> {
        let token = self.peek();
        if token.word != Word::End {
            self.tokens = self.tokens.get(1..).unwrap_or_default();
        }
        token
    }

    fn takes(&mut self, word: &Word<'_>) -> bool {
        let found = self.peek().word == *word;
        if found {
            self.next();
        }
        found
    }

    fn alternatives(&mut self) -> Result<Expression, Fault> {
        let first = self.conjunction()?;
        let mut parts = vec![first];
        while self.takes(&Word::Or) {
            parts.push(self.conjunction()?);
        }
        Ok(one_of(parts, Expression::Or))
    }

    fn conjunction(&mut self) -> Result<Expression, Fault> {
        let first = self.operation()?;
        let mut parts = vec![first];
        while self.takes(&Word::And) {
            parts.push(self.operation()?);
        }
        Ok(one_of(parts, Expression::And))
    }

    fn operation(&mut self) -> Result<Expression, Fault> {
        let mut negated = false;
        while self.takes(&Word::Not) {
            negated = !negated;
        }
        let token = self.next();
        let read = match &token.word {
            Word::Has(key) => Expression::label(*key, Test::Has),
            Word::All => Expression::All,
            Word::Global => Expression::Global,
            Word::Label(key) => self.comparison(key)?,
            Word::Open => self.nested(token)?,
            Word::Text(_) => {
                let cure = "write the label without quotes, on the left of the operator";
                return Err(fault(token.at.clone(), "a text in quotes is no label", cure));
            }
            Word::End => {
                let cure = "add a comparison such as `role == 'db'`, or `all()`";
                return Err(fault(token.at.clone(), "the selector ends too early", cure));
            }
            _ => {
                let cure = "write a comparison such as `role == 'db'`, `has(role)` or `all()`";
                return Err(fault(token.at.clone(), "there should be a label here", cure));
            }
        };
        Ok(if negated { read.negated() } else { read })
    }

    fn nested(&mut self, open: &Token<'_>) -> Result<Expression, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(fault(
                open.at.clone(),
                "parentheses are nested too deeply",
                "flatten them; 32 are the most",
            ));
        }
        let inner = self.alternatives()?;
        self.depth -= 1;
        if !self.takes(&Word::Close) {
            return Err(fault(open.at.clone(), "the parenthesis is not closed", "add `)`"));
        }
        Ok(inner)
    }

    /// What is asked of the label `key`.
    fn comparison(&mut self, key: &str) -> Result<Expression, Fault> {
        let operator = self.next();
        let (test, negated) = match &operator.word {
            Word::Equal => (Test::In(vec![self.text()?]), false),
            Word::Unequal => (Test::In(vec![self.text()?]), true),
            Word::In => (Test::In(self.set()?), false),
            Word::NotIn => (Test::In(self.set()?), true),
            Word::Affix(affix) => (Test::Affix(*affix, self.text()?), false),
            _ => {
                let message = format!("nothing is asked of the label `{key}`");
                let cure = "compare it (`== 'value'`), or ask whether it is there (`has(label)`)";
                return Err(fault(operator.at.clone(), message, cure));
            }
        };
        let read = Expression::label(key, test);
        Ok(if negated { read.negated() } else { read })
    }

    fn text(&mut self) -> Result<String, Fault> {
        match self.next() {
            Token { word: Word::Text(text), .. } => Ok((*text).to_owned()),
            Token { at, .. } => {
                Err(fault(at.clone(), "there should be a value in quotes here", "write it like `'value'`"))
            }
        }
    }

    /// `{'a', 'b'}`, which may be empty.
    fn set(&mut self) -> Result<Vec<String>, Fault> {
        let open = self.next();
        if open.word != Word::OpenSet {
            let cure = "write it like `{'a', 'b'}`";
            return Err(fault(open.at.clone(), "there should be a set of values here", cure));
        }
        let mut values = Vec::new();
        while let Token { word: Word::Text(text), .. } = self.peek() {
            self.next();
            values.push((*text).to_owned());
            if !self.takes(&Word::Comma) {
                break;
            }
        }
        if !self.takes(&Word::CloseSet) {
            let cure = "write values in quotes, commas between them, and `}`";
            return Err(fault(self.peek().at.clone(), "the set of values is not closed", cure));
        }
        values.sort();
        values.dedup();
        Ok(values)
    }
}

/// The only one, or all of them joined.
fn one_of(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            join(parts)
        }
    }
}
