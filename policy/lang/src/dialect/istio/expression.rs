//! Comparisons that need an expression (S55).

use bookend_engine::{Expression, ExpressionError, HttpMatch};

use super::form::Form;

/// How long an expression may become by joining comparisons, in bytes and in comparisons: well within what one may have (S58).
const MAX: (usize, usize) = (800, 30);

/// A condition that an expression states.
pub(super) fn condition(text: &str) -> Result<HttpMatch, ExpressionError> {
    Ok(HttpMatch { when: Some(Expression::parse(text)?), ..HttpMatch::default() })
}

/// Holds for every request, and for nothing else.
pub(super) fn any_request() -> HttpMatch {
    condition("true").unwrap_or_default()
}

/// The alternatives in which `attribute` is there and has one of these forms. Where it is not there, a comparison alone would
/// be in doubt.
pub(super) fn present(
    attribute: &str,
    forms: &[(Form<'_>, String)],
) -> Result<Vec<HttpMatch>, ExpressionError> {
    let stated = alternatives(attribute, forms)?;
    let texts = stated.iter().filter_map(|one| one.when.as_ref()).map(Expression::as_str);
    texts.map(|text| condition(&format!("has({attribute}) && ({text})"))).collect()
}

/// The alternatives in which `attribute` has one of these forms: as few as the length of expressions allows.
pub(super) fn alternatives(
    attribute: &str,
    forms: &[(Form<'_>, String)],
) -> Result<Vec<HttpMatch>, ExpressionError> {
    let mut found = Vec::new();
    let exact: Vec<String> = forms
        .iter()
        .filter(|(form, _)| matches!(form, Form::Exact(_)))
        .map(|(_, text)| literal(text))
        .collect();
    for chunk in chunks(&exact, usize::MAX) {
        found.push(condition(&match chunk {
            [only] => format!("{attribute} == {only}"),
            several => format!("{attribute} in [{}]", several.join(", ")),
        })?);
    }
    let others: Vec<String> = forms
        .iter()
        .filter_map(|(form, text)| match form {
            Form::Exact(_) => None,
            Form::Present => Some(format!("has({attribute})")),
            Form::Prefix(_) => Some(format!("{attribute}.startsWith({})", literal(text))),
            Form::Suffix(_) => Some(format!("{attribute}.endsWith({})", literal(text))),
        })
        .collect();
    for chunk in chunks(&others, MAX.1) {
        found.push(condition(&chunk.join(" || "))?);
    }
    Ok(found)
}

/// A text as it is written in an expression.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The texts in as few runs as possible, none of which is too long.
fn chunks(mut texts: &[String], most: usize) -> Vec<&[String]> {
    let mut runs = Vec::new();
    while !texts.is_empty() {
        let mut length = 0;
        let fitting = texts.iter().take(most).take_while(|text| {
            length += text.len() + 4;
            length <= MAX.0
        });
        let count = fitting.count().max(1);
        let (run, rest) = texts.split_at(count.min(texts.len()));
        runs.push(run);
        texts = rest;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_become_several_expressions() {
        let hosts: Vec<String> = (0..100).map(|n| format!("host-{n}.example.com")).collect();
        let forms: Vec<_> = hosts.iter().map(|host| (Form::Exact(host), host.clone())).collect();
        let found = alternatives("request.host", &forms).unwrap();
        assert!((3..10).contains(&found.len()), "{}", found.len());
        let prefixes: Vec<_> = hosts.iter().map(|host| (Form::Prefix(host), host.clone())).collect();
        assert!(alternatives("request.host", &prefixes).is_ok());
    }

    #[test]
    fn quotes_and_backslashes_are_escaped() {
        let (text, form) = (r"/it's\n", Form::Exact(""));
        let found = alternatives("request.path", &[(form, text.to_owned())]).unwrap();
        assert_eq!(found[0].when.as_ref().unwrap().as_str(), r"request.path == '/it\'s\\n'");
    }

    #[test]
    fn every_request_meets_the_empty_condition() {
        assert_eq!(any_request().when.unwrap().as_str(), "true");
    }
}
