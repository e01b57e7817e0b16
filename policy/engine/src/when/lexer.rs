//! The words of an expression.

use alloc::string::String;

use super::{ExpressionError, ExpressionFault};
use crate::text::is_plain;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word<'t> {
    Name(&'t str),
    Text(String),
    Integer(i64),
    Symbol(&'static str),
    End,
}

/// Longer symbols come before those they start with.
const SYMBOLS: [&str; 11] = ["==", "!=", "&&", "||", "!", "(", ")", "[", "]", ",", "."];

pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The next word, and where it starts.
    pub(super) fn word(&mut self) -> Result<(usize, Word<'t>), ExpressionError> {
        let rest = self.rest();
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        self.at += blank;
        let start = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok((start, Word::End)) };
        let word = match first {
            'a'..='z' | 'A'..='Z' | '_' => Word::Name(self.take(|c| c.is_ascii_alphanumeric() || c == '_')),
            '0'..='9' | '-' => {
                let digits = self.take(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
                let number = digits.parse();
                Word::Integer(
                    number.map_err(|_| ExpressionError { at: start, fault: ExpressionFault::BadNumber })?,
                )
            }
            '\'' | '"' => Word::Text(self.quoted(first)?),
            other => {
                let fault = ExpressionFault::BadCharacter(other);
                let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
                let symbol = symbol.ok_or(ExpressionError { at: start, fault })?;
                self.at += symbol.len();
                Word::Symbol(symbol)
            }
        };
        Ok((start, word))
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// A text, whose opening quote is next.
    fn quoted(&mut self, quote: char) -> Result<String, ExpressionError> {
        let start = self.at;
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((offset, character)) = characters.next() {
            let at = start + offset;
            match character {
                _ if character == quote => {
                    self.at = at + 1;
                    return Ok(text);
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('\'' | '"' | '\\'))) => text.push(escaped),
                    _ => return Err(ExpressionError { at, fault: ExpressionFault::BadEscape }),
                },
                _ if u8::try_from(character).is_ok_and(|byte| is_plain(&[byte])) => text.push(character),
                _ => return Err(ExpressionError { at, fault: ExpressionFault::NotPlain }),
            }
        }
        Err(ExpressionError { at: start, fault: ExpressionFault::Unclosed })
    }
}
