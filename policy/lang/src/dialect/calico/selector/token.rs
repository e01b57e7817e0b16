//! The words of a selector.

use core::ops::Range;

use super::Fault;
use bookend_engine::Affix;

/// A word and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) word: Word<'t>,
    pub(super) at: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word<'t> {
    Label(&'t str),
    Text(&'t str),
    Has(&'t str),
    All,
    Global,
    Equal,
    Unequal,
    In,
    NotIn,
    Affix(Affix),
    Not,
    And,
    Or,
    Open,
    Close,
    OpenSet,
    CloseSet,
    Comma,
    End,
}

/// The most bytes of a label's key in a selector.
const MAX_KEY: usize = 512;

/// Cuts a selector into words, as Calico's tokenizer does: after a label stands an operator, and what would be one elsewhere is
/// a label.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut at = 0;
    loop {
        at = skipped(text, at);
        let rest = text.get(at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else {
            tokens.push(Token { word: Word::End, at: at..at });
            return Ok(tokens);
        };
        let after_label = matches!(tokens.last(), Some(Token { word: Word::Label(_), .. }));
        let (word, length) = match first {
            '(' => (Word::Open, 1),
            ')' => (Word::Close, 1),
            '{' => (Word::OpenSet, 1),
            '}' => (Word::CloseSet, 1),
            ',' => (Word::Comma, 1),
            '"' | '\'' => quoted(text, at, first)?,
            '=' if rest.starts_with("==") => (Word::Equal, 2),
            '=' => return Err(fault(at..at + 1, "`=` alone compares nothing", "write `==`")),
            '!' if rest.starts_with("!=") => (Word::Unequal, 2),
            '!' => (Word::Not, 1),
            '&' if rest.starts_with("&&") => (Word::And, 2),
            '&' => return Err(fault(at..at + 1, "`&` alone joins nothing", "write `&&`")),
            '|' if rest.starts_with("||") => (Word::Or, 2),
            '|' => return Err(fault(at..at + 1, "`|` alone joins nothing", "write `||`")),
            _ if after_label => operator(text, at)?,
            _ => name(text, at)?,
        };
        tokens.push(Token { word, at: at..at + length });
        at += length;
    }
}

pub(super) fn fault(at: Range<usize>, message: impl Into<String>, cure: &'static str) -> Fault {
    Fault { at, message: message.into(), cure }
}

/// The first byte from `at` on that is neither a space nor a tab. A line break is none of both, to Calico neither.
fn skipped(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.len() - rest.trim_start_matches([' ', '\t']).len()
}

/// A text in quotes, which has no escapes, and how long it is with them.
fn quoted(text: &str, at: usize, quote: char) -> Result<(Word<'_>, usize), Fault> {
    let inside = text.get(at + 1..).unwrap_or_default();
    match inside.split_once(quote) {
        Some((value, _)) => Ok((Word::Text(value), value.len() + 2)),
        None => Err(fault(at..text.len(), "the text in quotes does not end", "close the quote")),
    }
}

/// An operator after a label.
fn operator(text: &str, at: usize) -> Result<(Word<'_>, usize), Fault> {
    let rest = text.get(at..).unwrap_or_default();
    let second = |first: &str, second: &str| {
        let after = skipped(text, at + first.len());
        text.get(after..).unwrap_or_default().starts_with(second).then_some(after + second.len() - at)
    };
    let found = if rest.starts_with("contains") {
        Some((Word::Affix(Affix::Inside), "contains".len()))
    } else if rest.starts_with("starts") {
        second("starts", "with").map(|length| (Word::Affix(Affix::Start), length))
    } else if rest.starts_with("ends") {
        second("ends", "with").map(|length| (Word::Affix(Affix::End), length))
    } else if rest.starts_with("not") {
        second("not", "in").map(|length| (Word::NotIn, length))
    } else if rest.starts_with("in") {
        Some((Word::In, "in".len()))
    } else {
        None
    };
    found.ok_or_else(|| {
        let word = rest.split([' ', '\t']).next().unwrap_or_default().len().max(1);
        let word = (word..=rest.len()).find(|end| rest.is_char_boundary(*end)).unwrap_or(rest.len());
        let cure = "write `==`, `!=`, `in`, `not in`, `contains`, `starts with` or `ends with`";
        fault(at..at + word, "there is no operator after the label", cure)
    })
}

/// A label, or one of the functions.
fn name(text: &str, at: usize) -> Result<(Word<'_>, usize), Fault> {
    let rest = text.get(at..).unwrap_or_default();
    if rest.starts_with("has(") {
        let start = skipped(text, at + "has(".len());
        let key = key(text, start);
        if key.is_empty() {
            let message = "there is no label in `has()`";
            return Err(fault(at..at + "has(".len(), message, "write it like `has(role)`"));
        }
        let end = closed(text, at, start + key.len(), "has(")?;
        return Ok((Word::Has(key), end - at));
    }
    for (function, word) in [("all(", Word::All), ("global(", Word::Global)] {
        if rest.starts_with(function) {
            let end = closed(text, at, at + function.len(), function)?;
            return Ok((word, end - at));
        }
    }
    match key(text, at) {
        "" => {
            let length = rest.chars().next().map_or(0, char::len_utf8);
            let cure = "a label has letters, digits, `-`, `_`, `.` and `/`; put a value into quotes";
            Err(fault(at..at + length, "no label begins so", cure))
        }
        key if key.len() > MAX_KEY => {
            let message = format!("the label has {} characters", key.len());
            Err(fault(at..at + key.len(), message, "a label in a selector has at most 512"))
        }
        key => Ok((Word::Label(key), key.len())),
    }
}

/// The characters of a label from `at` on.
fn key(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or_default();
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-');
    let end = rest.find(|c| !inner(c)).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

/// The byte after the parenthesis that closes a function, which should come next.
fn closed(text: &str, function_at: usize, at: usize, function: &str) -> Result<usize, Fault> {
    let close = skipped(text, at);
    if text.get(close..).unwrap_or_default().starts_with(')') {
        return Ok(close + 1);
    }
    let message = format!("`{function}` is not closed");
    Err(fault(function_at..function_at + function.len(), message, "add `)`"))
}
