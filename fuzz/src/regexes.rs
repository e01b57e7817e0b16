//! A regular expression matches what it matches elsewhere.
//!
//! An input is an expression and a text, a line each.

use bookend_engine::{TextPattern, TextPatternError, Truth};
use regex::bytes::RegexBuilder;

use crate::first_line;

/// * What is refused is refused at a place inside the expression.
/// * What is accepted is accepted by the crate `regex`, and matches the same whole texts.
pub fn law(bytes: &[u8]) {
    let (expression, text) = first_line(bytes);
    let Ok(expression) = str::from_utf8(expression) else { return };
    let pattern = match TextPattern::regex(expression) {
        Ok(pattern) => pattern,
        Err(TextPatternError::Regex(error)) => return assert!(error.at <= expression.len(), "{error:?}"),
        Err(error) => unreachable!("not about a regular expression: {error}"),
    };
    assert!(expression.len() <= 256);
    let json = serde_json::to_string(&pattern).expect("it is text");
    assert_eq!(serde_json::from_str::<TextPattern>(&json).expect("it was just written"), pattern);

    let text = &text[..text.len().min(4096)];
    let holds = pattern.holds(text);
    let elsewhere = RegexBuilder::new(&format!("\\A(?:{expression})\\z"))
        .unicode(false)
        .dot_matches_new_line(true)
        .build()
        .expect("accepted here, refused elsewhere");
    match holds {
        Truth::Unknown => assert!(text.iter().any(|byte| !matches!(byte, b'\t' | b' '..=b'~'))),
        certain => assert_eq!(certain, elsewhere.is_match(text).into(), "{expression}"),
    }
}
