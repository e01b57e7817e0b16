//! Paths that patterns match, alone and two together.

use std::collections::BTreeSet;

use bookend_engine::CanonicalPath;

/// More patterns than these are not combined with each other.
const MAX_COMBINED: usize = 64;

/// A path that no pattern is likely to mean.
pub(super) const NOWHERE: &str = "/somewhere-else";

/// A pattern, taken apart just far enough to make up paths for it. What is made up wrongly is a path like any other.
struct Parts<'p> {
    /// `None` stands for any segment.
    segments: Vec<Option<&'p str>>,
    /// What a `{**}` or a `*` at the end stands for can follow.
    open: bool,
    /// What comes after a `*` at the start.
    suffix: Option<&'p str>,
}

impl<'p> Parts<'p> {
    fn of(pattern: &'p str) -> Self {
        if let Some(suffix) = pattern.strip_prefix('*') {
            return Self { segments: Vec::new(), open: true, suffix: Some(suffix) };
        }
        let (text, open) = match pattern.strip_suffix("{**}").or_else(|| pattern.strip_suffix('*')) {
            Some(text) => (text, true),
            None => (pattern, false),
        };
        let body = text.strip_prefix('/').unwrap_or(text);
        let segments =
            body.split('/').map(|segment| (!segment.starts_with('{')).then_some(segment)).collect();
        Self { segments, open, suffix: None }
    }

    /// A path with this pattern's segments, and another's where this one leaves them open.
    fn with(&self, other: &Self, rest: &str) -> String {
        let length = if self.open || self.segments.len() < other.segments.len() && other.open {
            self.segments.len().max(other.segments.len())
        } else {
            self.segments.len()
        };
        let mut path = String::new();
        for position in 0..length {
            let own = self.segments.get(position).copied().flatten();
            let last = self.open && position + 1 == self.segments.len();
            let theirs = other.segments.get(position).copied().flatten();
            path.push('/');
            path.push_str(match (own, theirs) {
                // The end of a prefix may go on as the other does.
                (Some(own), Some(theirs)) if last && theirs.starts_with(own) => theirs,
                (Some(own), _) => own,
                (None, Some(theirs)) => theirs,
                (None, None) => "x",
            });
        }
        if self.open {
            path.push_str(rest);
        }
        if let Some(suffix) = self.suffix.or(other.suffix) {
            let stem = if path.is_empty() && !suffix.starts_with('/') { "/x" } else { "" };
            path.push_str(stem);
            path.push_str(suffix);
        }
        path
    }
}

/// A path that a pattern means.
pub(super) fn path(pattern: &str) -> Option<String> {
    let nothing = Parts { segments: Vec::new(), open: false, suffix: None };
    let parts = Parts::of(pattern);
    let mut tries = ["x", "", "/x"].into_iter().map(|rest| parts.with(&nothing, rest));
    tries.find(|path| CanonicalPath::new(path.as_bytes()).is_ok())
}

/// Paths for patterns, and one that none of them means.
pub(super) fn paths(patterns: &[&str]) -> BTreeSet<String> {
    let parts: Vec<_> = patterns.iter().map(|pattern| Parts::of(pattern)).collect();
    let nothing = Parts { segments: Vec::new(), open: false, suffix: None };
    let mut found = BTreeSet::from([NOWHERE.to_owned()]);
    let rests = ["", "x", "/x", "x/y"];
    for one in &parts {
        found.extend(rests.iter().map(|rest| one.with(&nothing, rest)));
        if parts.len() <= MAX_COMBINED {
            for other in &parts {
                found.extend(rests.iter().map(|rest| one.with(other, rest)));
            }
        }
    }
    found.retain(|path| CanonicalPath::new(path.as_bytes()).is_ok());
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend_engine::PathPattern;

    #[test]
    fn every_pattern_and_every_pair_that_meets_has_a_path() {
        let meeting = [
            ["/a", "/a*"],
            ["/a/*", "/a/{id}"],
            ["/{x}/b", "/a/{y}"],
            ["/users/{id}", "/users/admin"],
            ["/{**}", "/a/{b}/c"],
            ["/a/{**}", "/a/b/{c}/*"],
            ["/static/*", "/static/css/{file}"],
        ];
        for pair in meeting {
            let Ok(patterns): Result<Vec<_>, _> = pair.iter().map(|p| PathPattern::parse(p)).collect() else {
                continue;
            };
            let found = paths(&pair);
            let matches = |path: &String, pattern: &PathPattern| {
                pattern.matches(&CanonicalPath::new(path.as_bytes()).unwrap())
            };
            assert!(
                found.iter().any(|path| patterns.iter().all(|p| matches(path, p))),
                "{pair:?}: {found:?}"
            );
            assert!(found.contains(NOWHERE));
        }
    }
}
