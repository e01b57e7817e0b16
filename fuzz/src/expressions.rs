//! An expression is refused at a place, or has the meaning of its operators.
//!
//! An input is an expression in one line, then a request; see [`question`](crate::question).

use bookend_engine::{Clause, Expression, HttpMatch, PathPattern, Truth};

use crate::{first_line, question::Question};

/// * What is refused is refused at a place inside the expression; what is accepted keeps to the limits (S58) and is read
///   as it is written.
/// * `!`, `&&`, `||` and parentheses mean what they mean to a logic of three values.
/// * Nothing is read of a request that the expression does not say it needs.
pub fn law(bytes: &[u8]) {
    let (text, request) = first_line(bytes);
    let Ok(text) = str::from_utf8(text) else { return };
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => return assert!(error.at <= text.len() && text.is_char_boundary(error.at), "{error:?}"),
    };
    assert!(text.len() <= 1024 && expression.as_str() == text);
    let json = serde_json::to_string(&expression).expect("it is text");
    assert_eq!(serde_json::from_str::<Expression>(&json).expect("it was just written"), expression);

    let question = Question::read(request);
    for pattern in [None, Some("/users/{user}/{*}"), Some("/{a}/{user}/{**}")] {
        let conditions = |text: &str| {
            let paths = pattern.map(|text| PathPattern::parse(text).expect("a pattern"));
            // At the limits nothing more fits.
            let when = Some(Expression::parse(text).ok()?);
            Some(HttpMatch { paths: paths.map_or(Clause::Any, Clause::only), when, ..HttpMatch::default() })
        };
        let http = conditions(text).expect("it was just read");
        question.needs_no_more(&http);
        let on_path = question.put(|_, request| http.path_holds(request));
        let truth = question.holds(&http);
        for (same, expected) in [
            (format!("({text})"), truth),
            (format!("!({text})"), truth.negated().min(on_path)),
            (format!("({text}) && ({text})"), truth),
            (format!("({text}) || ({text})"), truth),
            (format!("true && ({text})"), truth),
            (format!("false || ({text})"), truth),
            (format!("({text}) && false"), Truth::No),
            (format!("({text}) || true"), on_path),
        ] {
            // Without the path nothing is asked of the expression.
            if let Some(http) = conditions(&same).filter(|_| on_path == Truth::Yes) {
                assert_eq!(question.holds(&http), expected, "{same}");
            }
        }
    }
}
