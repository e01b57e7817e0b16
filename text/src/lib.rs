//! Text for people: what somebody else wrote, so that a terminal shows it and does nothing else; not longer than it should be; in
//! columns.
//!
//! Whoever may write a label, an annotation, a status or a log line chooses characters. A terminal takes some of them for orders: to
//! move, to hide, to answer, to go backwards. Everything that is shown and was not written by this project goes through here, once,
//! where it is put into a line.
//!
//! **This crate does not** know what any text is about. JSON is not its business: programs get what was written.
#![forbid(unsafe_code)]

mod table;

use std::borrow::Cow;

pub use table::table;

/// A text in one line of plain characters: what a terminal would obey or not show is written as `\n` or `\u{1b}`.
pub fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// The same of several lines, whose ends stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |character| character == '\n')
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let wrong = |character: char| is_order(character) && !stays(character);
    if !text.contains(wrong) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match wrong(character) {
            true => plain.extend(character.escape_default()),
            false => plain.push(character),
        }
    }
    Cow::Owned(plain)
}

/// Whether a character is not shown, but does something: controls (ECMA-48, C0 and C1), what changes the direction of what follows
/// (Unicode UAX #9), ends of lines, and what is as wide as nothing and joins no letters.
fn is_order(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// At most so many characters of a text, the last of them `…` if there were more.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most || text.chars().nth(most).is_none() {
        return Cow::Borrowed(text);
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.extend((most > 0).then_some('…'));
    Cow::Owned(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(plain("\u{1b}[2J\u{9b}31m\u{7f}\r\n"), r"\u{1b}[2J\u{9b}31m\u{7f}\r\n");
        assert_eq!(plain("a\u{202e}b\u{2066}c\u{200f}\u{61c}"), r"a\u{202e}b\u{2066}c\u{200f}\u{61c}");
        assert_eq!(plain("\u{feff}\u{200b}\u{2028}\u{e0041}"), r"\u{feff}\u{200b}\u{2028}\u{e0041}");
        assert_eq!(lines("one\n\u{1b}two\r\n"), "one\n\\u{1b}two\\r\n");
    }

    #[test]
    fn what_is_written_in_letters_stays_as_it_is() {
        for text in ["shop/web → shop/db tcp/5432", "`Größe` क्\u{200d}ष 値 שלום", ""] {
            assert!(matches!(plain(text), Cow::Borrowed(same) if same == text), "{text}");
        }
        assert!(matches!(lines("a\nb"), Cow::Borrowed("a\nb")));
    }

    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        assert_eq!(cut("häuser", 6), "häuser");
        assert_eq!(cut("häuser", 5), "häus…");
        assert_eq!((cut("häuser", 1), cut("häuser", 0), cut("", 0)), ("…".into(), "".into(), "".into()));
    }
}
