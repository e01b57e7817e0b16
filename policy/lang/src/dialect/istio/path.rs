//! Paths: whole ones, their starts and ends, and templates.

use super::{
    expression,
    form::Form,
    values::{Read, Reading, bad, each, inexact},
};
use crate::{decode::fields::quoted, diagnostic::Report, document::Spanned};
use bookend_engine::{Clause, HttpMatch, PathPattern};

/// Paths without their queries. They are compared decoded (S33), so what is encoded in a value is decoded, too.
pub(super) fn paths(values: &[Spanned<String>], report: &mut Report) -> Option<Read<HttpMatch>> {
    let mut patterns = Vec::new();
    let read = each(values, |value| {
        let found = match is_template(&value.value) {
            true => template(value, report),
            false => plain(value, report),
        };
        match found {
            Reading::Found(Path::Pattern(pattern)) => {
                patterns.push(pattern);
                Reading::Never
            }
            Reading::Found(Path::Condition(condition)) => Reading::Found(condition),
            Reading::Never => Reading::Never,
            Reading::Unsayable => Reading::Unsayable,
            Reading::Wrong => Reading::Wrong,
        }
    })?;
    let patterns = Clause::one_of(patterns).map(|paths| HttpMatch { paths, ..HttpMatch::default() });
    let found = patterns.into_iter().chain(read.found.into_iter().map(|condition| *condition)).collect();
    Some(Read { found, unsayable: read.unsayable })
}

/// What a value means.
enum Path {
    Pattern(PathPattern),
    Condition(Box<HttpMatch>),
}

/// Whether a value is read as a template (`pkg/config/security/security.go`).
fn is_template(value: &str) -> bool {
    value.contains("{*}") || value.contains("{**}")
}

/// A path, or the start or the end of one.
fn plain(value: &Spanned<String>, report: &mut Report) -> Reading<Path> {
    let form = Form::of(&value.value);
    if form == Form::Present {
        return PathPattern::parse("/*").map_or(Reading::Unsayable, |any| Reading::Found(Path::Pattern(any)));
    }
    let literal = decoded(form.literal()).unwrap_or_else(|| form.literal().to_owned());
    if !literal.contains(['*', '{', '}']) {
        let pattern = match form {
            Form::Prefix(_) => PathPattern::parse(&format!("{literal}*")),
            Form::Suffix(_) => PathPattern::parse(&format!("*{literal}")),
            Form::Present | Form::Exact(_) => PathPattern::parse(&literal),
        };
        if let Ok(pattern) = pattern {
            return Reading::Found(Path::Pattern(pattern));
        }
    }
    // Characters that mean something in a pattern, and texts that no path has which every server reads alike.
    match expression::alternatives("request.path", &[(form, literal)]).as_deref() {
        Ok([only]) => Reading::Found(Path::Condition(Box::new(only.clone()))),
        _ => unsayable(value, report),
    }
}

fn unsayable(value: &Spanned<String>, report: &mut Report) -> Reading<Path> {
    let message = format!("the path `{}` cannot be compared", quoted(&value.value));
    inexact(report, value.span, message, "write it without encoded or odd characters");
    Reading::Unsayable
}

/// A template: `{*}` is one segment, and `{**}`, once and behind every other, any rest.
fn template(value: &Spanned<String>, report: &mut Report) -> Reading<Path> {
    let wrong = |report: &mut Report, why: &str| {
        bad(
            report,
            value.span,
            format!("`{}` is not a path template: {why}", quoted(&value.value)),
            "write `{*}` for one segment and `{**}` for any rest, each between slashes, and no other braces or stars",
        );
        Reading::Wrong
    };
    let Some(body) = value.value.strip_prefix('/') else {
        return wrong(report, "it does not start with `/`");
    };
    let (mut before, mut after): (Vec<String>, Option<Vec<String>>) = (Vec::new(), None);
    for segment in body.split('/') {
        let operator = matches!(segment, "{*}" | "{**}");
        if !operator && segment.contains(['*', '{', '}']) {
            return wrong(report, "an operator is not a whole segment");
        }
        if operator && after.is_some() {
            return wrong(report, "something other than text follows `{**}`");
        }
        match (segment, &mut after) {
            ("{**}", _) => after = Some(Vec::new()),
            ("{*}", _) => before.push(segment.to_owned()),
            (text, after) => {
                let Some(text) = decoded(text) else { return unsayable(value, report) };
                after.as_mut().unwrap_or(&mut before).push(text);
            }
        }
    }
    let start = before.iter().map(|segment| format!("/{segment}")).collect::<String>();
    let pattern = |text: String| PathPattern::parse(&text).map(Path::Pattern);
    let found = match after.as_deref() {
        None => pattern(start),
        Some([]) => pattern(format!("{start}/{{**}}")),
        // What the rest stands for is at least one segment before those that follow it, and it ends as they do.
        Some(rest) => {
            let end = expression::literal(&format!("/{}", rest.join("/")));
            let ending = expression::condition(&format!("request.path.endsWith({end})"));
            let paths = PathPattern::parse(&format!("{start}{}/{{**}}", "/{*}".repeat(rest.len())));
            match (paths, ending) {
                (Ok(paths), Ok(ending)) => {
                    let condition = HttpMatch { paths: Clause::only(paths), ..ending };
                    Ok(Path::Condition(Box::new(condition)))
                }
                _ => return unsayable(value, report),
            }
        }
    };
    match found {
        Ok(found) => Reading::Found(found),
        Err(_) => unsayable(value, report),
    }
}

/// A text with what is percent-encoded in it decoded; nothing where it cannot be, or would be something else then.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut found = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            found.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        let decoded = u8::try_from(digit()? * 16 + digit()?).ok()?;
        if matches!(decoded, b'/' | b'\\' | b'?' | b'#' | b';' | b'%' | b'*' | b'{' | b'}') {
            return None;
        }
        found.push(decoded);
    }
    String::from_utf8(found).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;
    use bookend_engine::CanonicalPath;

    /// What a value becomes, as patterns and expressions.
    fn read(value: &str) -> Vec<String> {
        let value = Spanned { value: value.to_owned(), span: Span::whole(0) };
        let mut report = Report::default();
        let read = paths(&[value], &mut report).unwrap();
        assert!(report.into_diagnostics().is_empty());
        let shown = |condition: &HttpMatch| {
            let paths = condition.paths.alternatives().unwrap_or_default().iter().map(PathPattern::as_str);
            let when = condition.when.iter().map(bookend_engine::Expression::as_str);
            paths.chain(when).collect::<Vec<_>>().join(" && ")
        };
        read.found.iter().map(shown).collect()
    }

    #[test]
    fn paths_become_patterns_where_they_can() {
        for (value, found) in [
            ("/a", "/a"),
            ("/a*", "/a*"),
            ("/a/*", "/a/*"),
            ("*/a", "*/a"),
            ("*", "/*"),
            ("/a%20b", "/a b"),
            ("/a*b", "request.path == '/a*b'"),
            ("/a/{b}", "request.path == '/a/{b}'"),
            ("/a/{b}/*", "request.path.startsWith('/a/{b}/')"),
            ("*a*", "request.path.endsWith('a*')"),
            ("/a//b", "request.path == '/a//b'"),
            ("/a%2Fb", "request.path == '/a%2Fb'"),
            ("/a?b", "request.path == '/a?b'"),
            ("a", "request.path == 'a'"),
            ("/a/{*}", "/a/{*}"),
            ("/{*}/b", "/{*}/b"),
            ("/a/{**}", "/a/{**}"),
            ("/a/{*}/b/{**}", "/a/{*}/b/{**}"),
            ("/a/{**}/", "/a/{*}/{**} && request.path.endsWith('/')"),
            ("/a/{**}/b/c", "/a/{*}/{*}/{**} && request.path.endsWith('/b/c')"),
        ] {
            assert_eq!(read(value), [found], "{value}");
        }
    }

    #[test]
    fn what_follows_any_rest_overlaps_nothing_before_it() {
        let value = Spanned { value: "/a/{**}/a/b".to_owned(), span: Span::whole(0) };
        let read = paths(&[value], &mut Report::default()).unwrap();
        let Some(pattern) = read.found[0].paths.alternatives().and_then(|list| list.first()) else {
            panic!()
        };
        for (path, matches) in [("/a/a/b", false), ("/a/x/a/b", true), ("/a/x/y/a/b", true), ("/a/b", false)]
        {
            assert_eq!(pattern.matches(&CanonicalPath::new(path.as_bytes()).unwrap()), matches, "{path}");
        }
    }

    #[test]
    fn templates_that_the_proxy_refuses_are_refused() {
        for value in [
            "{*}/b",
            "/a/{*}.txt",
            "/a/{**}.txt",
            "/{**}/b/{*}",
            "/{**}/{**}",
            "/{*}/*",
            "/{*}/b/**/c",
            "/{*}/{b}",
            "/{*}/{}",
            "/{*}/{b=*}",
        ] {
            let value = Spanned { value: value.to_owned(), span: Span::whole(0) };
            assert!(
                paths(core::slice::from_ref(&value), &mut Report::default()).is_none(),
                "{}",
                value.value
            );
        }
    }
}
