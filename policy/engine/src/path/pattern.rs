//! Patterns over canonical paths.

use alloc::{format, string::String, vec::Vec};
use serde::Serialize;

use super::{CanonicalPath, PathDoubt};
use crate::written::written;

/// A path pattern in its written form (S32):
///
/// * `/reviews/7`: exactly this path;
/// * `/static/*`: every path that starts with `/static/`;
/// * `*.jpg`: every path that ends in `.jpg` (S57);
/// * `/reviews/{id}`: one non-empty segment in place of `{id}`; `{*}` likewise, without a name;
/// * `/files/{**}`: any rest, also an empty one, after `/files/`; only as the last segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct PathPattern {
    text: String,
    shape: Shape,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Template { segments: Vec<Segment>, rest: bool },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    One { name: Option<String> },
}

/// Why a path pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathPatternError {
    /// A pattern that no canonical path can match, or that two servers would read differently.
    #[error("{0}")]
    Doubtful(#[from] PathDoubt),
    /// A `?`: paths have no query.
    #[error("a path pattern has no query")]
    Query,
    /// A `%`: patterns are compared with the decoded path.
    #[error("a path pattern is written decoded")]
    Encoded,
    /// A `*` that is neither the first nor the last character, nor inside braces; or one at either end.
    #[error("`*` stands once, at the start or at the end")]
    InnerStar,
    /// Braces that are not one whole segment, or hold something that is no name.
    #[error("`{{…}}` must be a whole segment and hold a name, `*` or `**`")]
    BadSegment,
    /// `{**}` before the end.
    #[error("`{{**}}` stands only at the end")]
    InnerRest,
    /// A template that ends in `*`.
    #[error("a template ends in `{{**}}` rather than `*`")]
    Mixed,
    /// Two segments of the same name.
    #[error("two segments have the same name")]
    DuplicateName,
}

impl PathPattern {
    /// Reads a pattern from its written form.
    ///
    /// # Errors
    /// When the pattern could never match, would be ambiguous, or mixes forms.
    pub fn parse(text: &str) -> Result<Self, PathPatternError> {
        if text.contains('?') {
            return Err(PathPatternError::Query);
        }
        if text.contains('%') {
            return Err(PathPatternError::Encoded);
        }
        let shape = if text.contains(['{', '}']) { Self::template(text)? } else { Self::plain(text)? };
        Ok(Self { text: String::from(text), shape })
    }

    fn plain(text: &str) -> Result<Shape, PathPatternError> {
        if let Some(ending) = text.strip_prefix('*').filter(|ending| !ending.is_empty()) {
            if ending.contains('*') {
                return Err(PathPatternError::InnerStar);
            }
            // Some canonical path must end so.
            CanonicalPath::new(format!("/x{ending}").as_bytes())?;
            return Ok(Shape::Suffix(String::from(ending)));
        }
        let (literal, prefix) = text.strip_suffix('*').map_or((text, false), |rest| (rest, true));
        if literal.contains('*') {
            return Err(PathPatternError::InnerStar);
        }
        if prefix {
            // Some canonical path must begin so, and its next character may be any.
            CanonicalPath::new(format!("{literal}x").as_bytes())?;
            return Ok(Shape::Prefix(String::from(literal)));
        }
        CanonicalPath::new(literal.as_bytes())?;
        Ok(Shape::Exact(String::from(literal)))
    }

    fn template(text: &str) -> Result<Shape, PathPatternError> {
        if text.ends_with('*') {
            return Err(PathPatternError::Mixed);
        }
        // With every placeholder replaced by a letter the template must be a canonical path.
        let mut model = String::new();
        let mut segments = Vec::new();
        let mut names = Vec::new();
        let mut rest = false;
        let body = text.strip_prefix('/').ok_or(PathDoubt::NotAbsolute)?;
        for segment in body.split('/') {
            if rest {
                return Err(PathPatternError::InnerRest);
            }
            model.push('/');
            let placeholder = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
            match placeholder {
                None if segment.contains(['{', '}']) => return Err(PathPatternError::BadSegment),
                None if segment.contains('*') => return Err(PathPatternError::InnerStar),
                None => {
                    model.push_str(segment);
                    segments.push(Segment::Literal(String::from(segment)));
                }
                Some("**") => rest = true,
                Some("*") => {
                    model.push('x');
                    segments.push(Segment::One { name: None });
                }
                Some(name) if is_name(name) => {
                    if names.contains(&name) {
                        return Err(PathPatternError::DuplicateName);
                    }
                    names.push(name);
                    model.push('x');
                    segments.push(Segment::One { name: Some(String::from(name)) });
                }
                Some(_) => return Err(PathPatternError::BadSegment),
            }
        }
        CanonicalPath::new(model.as_bytes())?;
        Ok(Shape::Template { segments, rest })
    }

    /// Whether the pattern matches `path` as a whole.
    pub fn matches(&self, path: &CanonicalPath) -> bool {
        match &self.shape {
            Shape::Exact(literal) => path.as_str() == literal,
            Shape::Prefix(prefix) => path.as_str().starts_with(prefix.as_str()),
            Shape::Suffix(ending) => path.as_str().ends_with(ending.as_str()),
            Shape::Template { segments, rest } => {
                let mut actual = path.segments();
                let fits = segments.iter().all(|segment| match (segment, actual.next()) {
                    (Segment::Literal(literal), Some(text)) => literal == text,
                    (Segment::One { .. }, Some(text)) => !text.is_empty(),
                    (_, None) => false,
                });
                // `{**}` stands for what follows a slash, which must be there even when nothing follows it.
                fits && actual.next().is_some() == *rest
            }
        }
    }

    /// The names of its named segments.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.segments().iter().filter_map(Segment::name)
    }

    /// What stands in `path` for the segment `name`; nothing when the pattern has no such segment. Of a path that
    /// the pattern does not match it says nothing of use.
    pub fn capture<'p>(&self, path: &'p CanonicalPath, name: &str) -> Option<&'p str> {
        let index = self.segments().iter().position(|segment| segment.name() == Some(name))?;
        path.segments().nth(index)
    }

    fn segments(&self) -> &[Segment] {
        match &self.shape {
            Shape::Template { segments, .. } => segments,
            Shape::Exact(_) | Shape::Prefix(_) | Shape::Suffix(_) => &[],
        }
    }

    /// The text before a slash, or the whole path, with which every path that the pattern matches begins. Patterns are
    /// written decoded (S32), so their text is that of the paths.
    pub(crate) fn definite_start(&self) -> Option<&str> {
        let literal = self.text.split(['*', '{']).next().filter(|literal| !literal.is_empty())?;
        if literal.len() == self.text.len() {
            return Some(literal);
        }
        let (start, _) = literal.rsplit_once('/')?;
        (!start.is_empty()).then_some(start)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Segment {
    fn name(&self) -> Option<&str> {
        match self {
            Self::One { name } => name.as_deref(),
            Self::Literal(_) => None,
        }
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

written!(PathPattern);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, matching: &[&str], missing: &[&str]) {
        let pattern = PathPattern::parse(pattern).unwrap();
        for (paths, expected) in [(matching, true), (missing, false)] {
            for path in paths {
                let canonical = CanonicalPath::new(path.as_bytes()).unwrap();
                assert_eq!(pattern.matches(&canonical), expected, "{pattern} on {path}");
            }
        }
    }

    #[test]
    fn a_pattern_starts_with_what_all_its_paths_start_with() {
        for (pattern, start) in [
            ("/a/b", Some("/a/b")),
            ("/a/", Some("/a/")),
            ("/", Some("/")),
            ("/a/*", Some("/a")),
            ("/a/b*", Some("/a")),
            ("/a*", None),
            ("/a/{id}/b", Some("/a")),
            ("/a/b/{**}", Some("/a/b")),
            ("/{id}", None),
            ("*.jpg", None),
            ("/*", None),
        ] {
            assert_eq!(PathPattern::parse(pattern).unwrap().definite_start(), start, "{pattern}");
        }
    }

    #[test]
    fn exact_means_the_whole_path() {
        check("/a", &["/a", "/%61", "/a?q"], &["/", "/a/", "/ab", "/A", "/a/b"]);
        check("/", &["/"], &["/a"]);
    }

    #[test]
    fn prefix_means_characters_not_segments() {
        check("/a/*", &["/a/", "/a/b", "/a/b/c"], &["/a", "/ab"]);
        check("/a*", &["/a", "/ab", "/a/b"], &["/", "/b"]);
        check("/*", &["/", "/a"], &[]);
    }

    #[test]
    fn suffix_means_the_end_of_the_path() {
        check(
            "*.jpg",
            &["/a.jpg", "/a/.jpg", "/a.jpg?x=.png"],
            &["/a.jpg/", "/a.JPG", "/jpg", "/a.png?.jpg"],
        );
        check("*/edit", &["/edit", "/a/edit"], &["/a/noedit", "/edit/"]);
    }

    #[test]
    fn named_segments_can_be_read() {
        let pattern = PathPattern::parse("/users/{user}/{*}/{item}/{**}").unwrap();
        let path = CanonicalPath::new(b"/users/al%20ice/x/7/").unwrap();
        assert!(pattern.matches(&path));
        assert!(pattern.names().eq(["user", "item"]));
        assert_eq!(pattern.capture(&path, "user"), Some("al ice"));
        assert_eq!(pattern.capture(&path, "item"), Some("7"));
        assert_eq!(pattern.capture(&path, "other"), None);
    }

    #[test]
    fn a_template_matches_segment_by_segment() {
        check("/reviews/{id}", &["/reviews/7"], &["/reviews", "/reviews/", "/reviews/7/", "/reviews/7/x"]);
        check("/{*}/b", &["/a/b"], &["/b", "/a/c"]);
        check("/a/{**}", &["/a/", "/a/b", "/a/b/c/"], &["/a", "/ab"]);
        check("/{**}", &["/", "/a", "/a/b"], &[]);
    }

    #[test]
    fn patterns_that_could_mislead_are_refused() {
        use PathPatternError::*;
        for (pattern, error) in [
            ("", Doubtful(PathDoubt::NotAbsolute)),
            ("a", Doubtful(PathDoubt::NotAbsolute)),
            ("*", Doubtful(PathDoubt::NotAbsolute)),
            ("/a//b", Doubtful(PathDoubt::EmptySegment)),
            ("/a/../b", Doubtful(PathDoubt::DotSegment)),
            ("/a;b", Doubtful(PathDoubt::Parameter)),
            ("/a?b", Query),
            ("/%61", Encoded),
            ("/*/b", InnerStar),
            ("**", InnerStar),
            ("*a*", InnerStar),
            ("*a*b", InnerStar),
            ("*//a", Doubtful(PathDoubt::EmptySegment)),
            ("*/../a", Doubtful(PathDoubt::DotSegment)),
            ("*;x", Doubtful(PathDoubt::Parameter)),
            ("*/{id}", Doubtful(PathDoubt::NotAbsolute)),
            ("/a*b/{id}", InnerStar),
            ("/a{id}", BadSegment),
            ("/{}", BadSegment),
            ("/{1d}", BadSegment),
            ("/{***}", BadSegment),
            ("/{**}/b", InnerRest),
            ("/{id}/*", Mixed),
            ("/{id}/{id}", DuplicateName),
        ] {
            assert_eq!(PathPattern::parse(pattern), Err(error), "{pattern}");
        }
    }
}
