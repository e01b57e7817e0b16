//! A canonical path holds nothing that servers disagree about, and patterns mean what they say of it.
//!
//! An input is a pattern and a request target, a line each.

use bookend_engine::{CanonicalPath, PathPattern};
use regex::Regex;

use crate::first_line;

/// * A canonical path is its own canonical form, and so it is when every byte of it is percent-encoded.
/// * A pattern matches what the regular expression matches that says the same.
/// * A pattern without placeholders matches itself.
pub fn law(bytes: &[u8]) {
    let (pattern, target) = first_line(bytes);
    let path = CanonicalPath::new(target).ok().inspect(|path| canonical(path, target));
    let Some(pattern) = str::from_utf8(pattern).ok().and_then(|text| PathPattern::parse(text).ok()) else {
        return;
    };
    let text = pattern.as_str();
    let json = serde_json::to_string(&pattern).expect("it is text");
    assert_eq!(serde_json::from_str::<PathPattern>(&json).expect("it was just written"), pattern);
    if !text.contains(['*', '{']) {
        let itself = CanonicalPath::new(text.as_bytes()).expect("a pattern is a path");
        assert!(pattern.matches(&itself), "{text} does not match itself");
    }
    if let Some(path) = path {
        let expected = expression(text).is_match(path.as_str());
        assert_eq!(pattern.matches(&path), expected, "{text} on {}", path.as_str());
        for name in pattern.names().filter(|_| expected) {
            let captured = pattern.capture(&path, name).expect("the pattern matches");
            assert!(!captured.is_empty() && !captured.contains('/') && path.as_str().contains(captured));
        }
    }
}

fn canonical(path: &CanonicalPath, target: &[u8]) {
    let text = path.as_str();
    assert!(text.starts_with('/') && !text.contains(['\\', '?', '#', ';', '%']));
    assert!(!text.contains("//") && !text.split('/').any(|segment| segment == "." || segment == ".."));
    assert!(!text.contains(char::is_control) && !text.split('/').any(|segment| segment.trim() != segment));
    let encoded: String =
        text.bytes().map(|b| if b == b'/' { "/".to_owned() } else { format!("%{b:02x}") }).collect();
    for same in [text.as_bytes(), encoded.as_bytes(), &[target, b"?a=/../b"].concat()] {
        assert_eq!(CanonicalPath::new(same).as_ref(), Ok(path), "{}", same.escape_ascii());
    }
}

/// A pattern as a regular expression.
fn expression(pattern: &str) -> Regex {
    let body = if pattern.contains('{') {
        let segment = |segment: &str| match segment {
            "{**}" => ".*".to_owned(),
            _ if segment.starts_with('{') => "[^/]+".to_owned(),
            literal => regex::escape(literal),
        };
        pattern.split('/').map(segment).collect::<Vec<_>>().join("/")
    } else if let Some(ending) = pattern.strip_prefix('*') {
        format!(".*{}", regex::escape(ending))
    } else if let Some(start) = pattern.strip_suffix('*') {
        format!("{}.*", regex::escape(start))
    } else {
        regex::escape(pattern)
    };
    Regex::new(&format!("(?s)\\A{body}\\z")).expect("it is escaped")
}
