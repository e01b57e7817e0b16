//! Conditions on JSON web tokens (S54).

use super::{
    super::fields::{Fields, distinct, into_list, one_or_more, optional, quoted, text},
    comparison::{self, Origin},
};
use crate::{
    Code, Span,
    diagnostic::Report,
    limit,
    yaml::{Node, Value},
};
use bookend_engine::{ClaimMatch, Clause, TextMatch, TextPattern, TokenMatch, ValueMatch};

/// An element of `jwt`.
pub(super) fn token(node: &Node, report: &mut Report) -> Option<TokenMatch> {
    let mut fields = Fields::of(node, "JWT condition", report)?;
    let issuers = fields.get("issuer").map(|node| whole(node, "issuer", report));
    let subject = fields.get("subject").map(|node| subject(node, report));
    let audiences = distinct(fields.get("audiences"), "audiences", limit::VALUES, report, |node, report| {
        plain(node, "audiences", report)
    });
    let claims = distinct(fields.get("claims"), "claims", limit::PARTS, report, claim);
    let (place, unknown) = (fields.place(), fields.has_unknown());
    fields.finish(report);
    let claims = into_list(claims?);
    let sound = satisfiable(&claims, place, report);
    let token = TokenMatch {
        issuer: optional(issuers)?.unwrap_or(Clause::Any),
        subject: optional(subject)?,
        audiences: audiences?,
        claims,
    };
    let empty = token.issuer.is_any()
        && token.subject.is_none()
        && token.audiences.is_any()
        && token.claims.is_empty();
    if empty {
        if !unknown {
            let message = "the JWT condition is empty";
            let cure =
                "say `issuer`, `subject`, `audiences` or `claims`: a token of any issuer proves little";
            report.add(Code::BadToken, place, message, cure);
        }
        return None;
    }
    (sound && !unknown).then_some(token)
}

/// A text that is compared as a whole, or a list of such.
fn whole(node: &Node, what: &'static str, report: &mut Report) -> Option<Clause<String>> {
    let element = |node: &Node, report: &mut Report| plain(node, what, report);
    Clause::one_of(one_or_more(node, what, limit::VALUES, report, element)?).ok()
}

fn plain(node: &Node, what: &'static str, report: &mut Report) -> Option<String> {
    let text = text(node, what, limit::TEXT, report)?;
    if !text.value.chars().all(|c| matches!(c, ' '..='~')) {
        let message = format!(
            "`{}` holds more than printable ASCII, and such values are in doubt",
            quoted(&text.value)
        );
        report.add(Code::BadComparison, text.span, message, "write it in ASCII");
        return None;
    }
    if text.value.trim() != text.value {
        let message = format!("`{what}` starts or ends with white space, and no token says so");
        report.add(Code::BadToken, text.span, message, "remove the white space");
        return None;
    }
    if text.value == "*" {
        let cure = format!("leave `{what}` out, or write a claim with `present: true`");
        report.add(Code::BadToken, text.span, "`*` is compared as it is, and no token says it", cure);
        return None;
    }
    Some(text.value)
}

/// `subject`: texts, or comparisons.
fn subject(node: &Node, report: &mut Report) -> Option<TextMatch> {
    if !matches!(node.value, Value::Mapping(_)) {
        let whole =
            |node: &Node, report: &mut Report| TextPattern::exact(plain(node, "subject", report)?).ok();
        return TextMatch::one_of(one_or_more(node, "subject", limit::VALUES, report, whole)?).ok();
    }
    let mut fields = Fields::of(node, "subject", report)?;
    let list = comparison::comparisons(&mut fields, Origin::Other, report);
    let (place, unknown) = (fields.place(), fields.has_unknown());
    fields.finish(report);
    let list = list?;
    if list.iter().any(|pattern| matches!(pattern, TextPattern::Exact(text) if text.is_empty())) {
        let cure = "remove it; `sub` names somebody where it is there at all";
        report.add(Code::BadToken, place, "an empty subject is nobody", cure);
        return None;
    }
    if list.is_empty() && !unknown {
        let cure = "add `exact`, `prefix`, `suffix` or `regex`, or leave `subject` out";
        report.add(Code::BadComparison, place, "there is nothing to compare the subject with", cure);
    }
    TextMatch::one_of(list).ok().filter(|_| !unknown)
}

/// An element of `claims`.
fn claim(node: &Node, report: &mut Report) -> Option<ClaimMatch> {
    let mut fields = Fields::of(node, "claim condition", report)?;
    let path = fields.required("claim", report).and_then(|node| keys(node, report));
    let value = comparison::value(&mut fields, Origin::Other, report);
    fields.finish(report);
    ClaimMatch::new(path?, value?).ok()
}

/// A key, or the keys on the way to a nested claim: the same key may come twice on it.
fn keys(node: &Node, report: &mut Report) -> Option<Vec<String>> {
    let key = |node: &Node, report: &mut Report| {
        let text = text(node, "claim", limit::NAME, report)?;
        if text.value.trim() != text.value {
            let message = "the name of a claim starts or ends with white space";
            report.add(Code::BadToken, text.span, message, "remove the white space");
            return None;
        }
        Some(text.value)
    };
    let Value::Sequence(items) = &node.value else { return key(node, report).map(|key| vec![key]) };
    if items.len() > limit::CLAIM_DEPTH {
        let message =
            format!("the claim is nested {} deep, and {} is the most", items.len(), limit::CLAIM_DEPTH);
        report.add(Code::TooMany, node.span, message, "compare a claim further out");
        return None;
    }
    let items = super::super::fields::list(node, "claim", report)?;
    let read: Vec<Option<String>> = items.iter().map(|item| key(item, report)).collect();
    read.into_iter().collect()
}

/// Refuses claims that should be absent, and have a value, or something in them that has, all the same.
fn satisfiable(claims: &[ClaimMatch], place: Span, report: &mut Report) -> bool {
    let absent = |claim: &&ClaimMatch| *claim.value() == ValueMatch::Present(false);
    let contradiction = claims.iter().filter(absent).find(|absent| {
        claims.iter().any(|other| {
            other.claim().starts_with(absent.claim()) && *other.value() != ValueMatch::Present(false)
        })
    });
    if let Some(claim) = contradiction {
        let name = quoted(&claim.claim().join("."));
        let message = format!("the claim `{name}` cannot be absent and have a value");
        report.add(Code::NeverHolds, place, message, "remove one of them");
    }
    contradiction.is_none()
}
