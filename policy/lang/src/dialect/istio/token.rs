//! Verified tokens.

use super::{
    form::Form,
    values::{Read, Reading, each, inexact},
};
use crate::{
    Span,
    decode::fields::quoted,
    diagnostic::Report,
    document::{Part, Requirement, Spanned},
    limit,
};
use bookend_engine::{ClaimMatch, Clause, HttpMatch, TextMatch, TextPattern, TokenMatch, ValueMatch};

/// A claim by the name that Istio has for it.
pub(super) enum Claim<'n> {
    Audience,
    Presenter,
    Named(&'n [String]),
}

/// A claim that has one of these values, or, where it is a list, an element that has.
pub(super) fn claim(
    claim: Claim<'_>,
    values: &[Spanned<String>],
    span: Span,
    negated: bool,
    report: &mut Report,
) -> Option<Requirement> {
    let names = match claim {
        Claim::Audience => vec!["aud".to_owned()],
        Claim::Presenter => vec!["azp".to_owned()],
        Claim::Named(names) => names.to_vec(),
    };
    if names.len() > limit::CLAIM_DEPTH || names.iter().any(String::is_empty) {
        let message = "the names that lead to the claim are too many, or one is empty";
        super::values::bad(report, span, message, "write it like `request.auth.claims[realm][roles]`");
        return None;
    }
    let Read { found, unsayable } = each(values, |value| pattern(value, report))?;
    let part = Part::Claim(names, TextMatch::one_of(found).ok());
    Some(Requirement { span, negated, part, unsayable })
}

fn pattern(value: &Spanned<String>, report: &mut Report) -> Reading<TextPattern> {
    let found = Form::of(&value.value).pattern();
    match found {
        Ok(pattern) if word(&pattern).is_some() => Reading::Found(pattern),
        Ok(_) => {
            inexact(
                report,
                value.span,
                "so long a value cannot be compared with a claim",
                "compare its start: `…*`",
            );
            Reading::Unsayable
        }
        Err(error) => {
            let message = format!("`{}` cannot be compared: {error}", quoted(&value.value));
            inexact(report, value.span, message, "write it in printable ASCII");
            Reading::Unsayable
        }
    }
}

/// Who requests, as issuer and subject, `https://issuer.example/subject`.
pub(super) fn principals(values: &[Spanned<String>], report: &mut Report) -> Option<Read<HttpMatch>> {
    let Read { found, unsayable } = each(values, |value| match token(&value.value) {
        Ok(token) => Reading::Found(token),
        Err(error) => {
            let message = format!("`{}` cannot be compared: {error}", quoted(&value.value));
            inexact(report, value.span, message, "write it in printable ASCII");
            Reading::Unsayable
        }
    })?;
    let found = Clause::one_of(found).map(|jwt| HttpMatch { jwt, ..HttpMatch::default() });
    Some(Read { found: found.into_iter().collect(), unsayable })
}

/// The token that a request principal means (`pilot/pkg/security/authz/model/generator.go`): the subject is what stands
/// behind the last slash, and a star at an end is one of the part that it stands in.
fn token(value: &str) -> Result<TokenMatch, bookend_engine::TextPatternError> {
    let (issuer, subject) = match (value.rsplit_once('/'), Form::of(value)) {
        (_, Form::Present) => (Form::Present, Form::Present),
        (Some((issuer, subject)), Form::Suffix(_)) => (Form::of_start(issuer), Form::Exact(subject)),
        (Some((issuer, subject)), Form::Prefix(_)) => (Form::Exact(issuer), Form::of(subject)),
        (Some((issuer, subject)), Form::Exact(_)) => (Form::Exact(issuer), Form::Exact(subject)),
        (None, Form::Suffix(end)) => (Form::Present, Form::Suffix(end)),
        (None, Form::Prefix(start)) => (Form::Prefix(start), Form::Present),
        (None, Form::Exact(issuer)) => (Form::Exact(issuer), Form::Exact("")),
    };
    let mut token =
        TokenMatch { issuer: Clause::Any, subject: None, audiences: Clause::Any, claims: Vec::new() };
    match issuer {
        Form::Exact(issuer) => {
            TextPattern::exact(issuer)?;
            token.issuer = Clause::only(issuer.to_owned());
        }
        form => token.claims.extend(asked("iss", form.pattern()?)),
    }
    token.subject = TextMatch::one_of(vec![subject.pattern()?]).ok();
    Ok(token)
}

fn asked(name: &str, pattern: TextPattern) -> Option<ClaimMatch> {
    let texts = TextMatch::one_of(vec![pattern]).ok()?;
    ClaimMatch::new(vec![name.to_owned()], ValueMatch::Text(texts)).ok()
}

/// The tokens whose claim is one of these texts. Where it is `split`, it is words with a space between them, as `scope` is
/// (RFC 8693, 4.2), one of which must be the text. Every pattern that can be split can be compared, so there are as many.
pub(super) fn with_claim(names: &[String], texts: &TextMatch, split: bool) -> Option<HttpMatch> {
    let texts = if split {
        TextMatch::one_of(texts.patterns().iter().map(word).collect::<Option<_>>()?).ok()?
    } else {
        texts.clone()
    };
    let claims = vec![ClaimMatch::new(names.to_vec(), ValueMatch::Text(texts)).ok()?];
    let token = TokenMatch { issuer: Clause::Any, subject: None, audiences: Clause::Any, claims };
    Some(HttpMatch { jwt: Clause::only(token), ..HttpMatch::default() })
}

/// The same of a word among others.
fn word(pattern: &TextPattern) -> Option<TextPattern> {
    let inside = match pattern {
        TextPattern::Exact(text) => escaped(text),
        TextPattern::Prefix(text) => format!("{}[^ ]*", escaped(text)),
        TextPattern::Suffix(text) => format!("[^ ]*{}", escaped(text)),
        // Any that is not empty.
        TextPattern::Regex(_) => "[^ ]+".to_owned(),
    };
    TextPattern::regex(&format!("(.* )?{inside}( .*)?")).ok()
}

/// A text as it is written in a regular expression.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let special = c.is_ascii_punctuation() && c != '_';
            special.then_some('\\').into_iter().chain([c])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_principal_is_an_issuer_and_a_subject() {
        for (value, issuer, subject) in [
            ("https://a.example/bob", "https://a.example", "exact bob"),
            ("bob", "bob", "exact "),
            ("https://a.example/*", "https://a.example", "regex .+"),
            ("https://a.example/b*", "https://a.example", "prefix b"),
            ("a.example*", "iss prefix a.example", "regex .+"),
            ("*.example/bob", "iss suffix .example", "exact bob"),
            ("*/bob", "iss regex .+", "exact bob"),
            ("*bob", "iss regex .+", "suffix bob"),
            ("*", "iss regex .+", "regex .+"),
        ] {
            let said = token(value).unwrap();
            let text = |texts: &TextMatch| {
                format!("{} {}", texts.patterns()[0].kind(), texts.patterns()[0].as_str())
            };
            let found = match (&said.issuer.alternatives(), said.claims.first().map(ClaimMatch::value)) {
                (Some([issuer]), None) => issuer.clone(),
                (None, Some(ValueMatch::Text(texts))) => format!("iss {}", text(texts)),
                other => panic!("{other:?}"),
            };
            assert_eq!(
                (found.as_str(), text(said.subject.as_ref().unwrap()).as_str()),
                (issuer, subject),
                "{value}"
            );
        }
    }

    #[test]
    fn words_are_compared_one_by_one() {
        let holds = |pattern: TextPattern, text: &str| word(&pattern).unwrap().holds(text.as_bytes());
        use bookend_engine::Truth::{No, Yes};
        let exact = || TextPattern::exact("a.b:read").unwrap();
        for (text, truth) in
            [("a.b:read", Yes), ("x a.b:read y", Yes), ("a.b:reads", No), ("aXb:read", No), ("", No)]
        {
            assert_eq!(holds(exact(), text), truth, "{text}");
        }
        assert_eq!(holds(TextPattern::prefix("re").unwrap(), "write read"), Yes);
        assert_eq!(holds(TextPattern::suffix("ad").unwrap(), "add reads"), No);
    }
}
