//! Who calls: principals, trust domains, namespaces and service accounts.

use std::collections::BTreeMap;

use super::{
    attribute::refusing,
    form::Form,
    values::{Read, Reading, bad, each, inexact, never},
};
use crate::{
    Span,
    decode::{NAMESPACE_NAME, fields::quoted},
    diagnostic::Report,
    document::{NamespacesDocument, PeerDocument, Spanned, WorkloadsDocument},
};
use bookend_engine::{Clause, LabelExpression, LabelMatch, Labels, PrincipalPattern};

/// SPIFFE ids without their scheme.
pub(super) fn principals(values: &[Spanned<String>], report: &mut Report) -> Option<Read<String>> {
    each(values, |value| {
        if value.value.starts_with("spiffe://") {
            never(report, value, "a principal is written without its scheme", "remove `spiffe://`");
            return Reading::Never;
        }
        if matches!(Form::of(&value.value), Form::Prefix(start) if !start.contains('/')) {
            return partial(value, report);
        }
        match pattern(&value.value) {
            Some(_) => Reading::Found(value.value.clone()),
            None => {
                let why = "no SPIFFE id has such characters, and a `*` counts at one end only";
                never(report, value, why, "write it like `cluster.local/ns/shop/sa/web`");
                Reading::Never
            }
        }
    })
}

/// The ids that a principal means, its trust domain as it is written.
pub(super) fn pattern(value: &str) -> Option<PrincipalPattern> {
    let text = match Form::of(value) {
        Form::Present => "spiffe://*".to_owned(),
        Form::Prefix(start) => format!("spiffe://{start}*"),
        Form::Suffix(end) => format!("*{end}"),
        Form::Exact(id) => format!("spiffe://{id}"),
    };
    PrincipalPattern::parse(&text).ok()
}

/// Reports a part of a trust domain: what goes on behind its start may be somebody else's.
fn partial<T>(value: &Spanned<String>, report: &mut Report) -> Reading<T> {
    let message = format!("`{}` is a part of a trust domain, and cannot be compared", quoted(&value.value));
    inexact(report, value.span, message, "name the trust domains: `cluster.local/*`");
    Reading::Unsayable
}

/// Trust domains, or any.
pub(super) fn trust_domains(values: &[Spanned<String>], report: &mut Report) -> Option<Read<String>> {
    each(values, |value| {
        let literal = Form::of(&value.value).literal();
        if !literal.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) {
            let message = format!("`{}` is not a trust domain", quoted(&value.value));
            bad(report, value.span, message, "write it like `cluster.local`");
            return Reading::Wrong;
        }
        match Form::of(&value.value) {
            Form::Prefix(_) | Form::Suffix(_) => partial(value, report),
            _ => Reading::Found(value.value.clone()),
        }
    })
}

/// The ids of a trust domain.
pub(super) fn of_trust_domain(value: &str) -> Option<PrincipalPattern> {
    let text = match Form::of(value) {
        Form::Exact(domain) => format!("spiffe://{domain}/*"),
        _ => "spiffe://*".to_owned(),
    };
    PrincipalPattern::parse(&text).ok()
}

/// Everybody in these namespaces.
pub(super) fn namespaces(values: &[Spanned<String>], report: &mut Report) -> Option<Read<PeerDocument>> {
    each(values, |value| {
        let form = Form::of(&value.value);
        if form.literal().contains('*') {
            let message = "a `*` inside the name of a namespace, or a second one, cannot be compared";
            inexact(report, value.span, message, "write it at one end, or name the namespaces");
            return Reading::Unsayable;
        }
        if !form.literal().chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            let message = format!("`{}` is not the name of a namespace", quoted(&value.value));
            bad(report, value.span, message, "use `a`–`z`, `0`–`9` and `-`");
            return Reading::Wrong;
        }
        Reading::Found(workloads(value.span, of_form(form, value), Clause::Any))
    })
}

/// Accounts, `namespace/name`, or the name of one of the policy's own namespace.
pub(super) fn service_accounts(
    values: &[Spanned<String>],
    own: &str,
    report: &mut Report,
) -> Option<Read<PeerDocument>> {
    let Read { found, unsayable } = refusing(values, report, |text| {
        let (namespace, account) = text.split_once('/').unwrap_or((own, text));
        let name = |text: &str| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'))
        };
        match name(namespace) && name(account) {
            true => Ok((namespace.to_owned(), account.to_owned())),
            false => Err((
                "is not a service account",
                "write `name` or `namespace/name`, without stars".to_owned(),
            )),
        }
    })?;
    let span = values.first().map_or(Span::whole(0), |value| value.span);
    let mut by_namespace: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (namespace, account) in found {
        by_namespace.entry(namespace).or_default().push(account);
    }
    let peers = by_namespace.into_iter().map(|(namespace, accounts)| {
        let namespaces = NamespacesDocument::Named(Spanned { value: namespace, span });
        workloads(span, namespaces, Clause::one_of(accounts).unwrap_or(Clause::Any))
    });
    Some(Read { found: peers.collect(), unsayable })
}

/// The namespaces whose names have this form.
fn of_form(form: Form<'_>, written: &Spanned<String>) -> NamespacesDocument {
    let operator = match form {
        Form::Exact(name) => {
            return NamespacesDocument::Named(Spanned { value: name.to_owned(), span: written.span });
        }
        Form::Present => None,
        Form::Prefix(_) => Some("StartsWith"),
        Form::Suffix(_) => Some("EndsWith"),
    };
    let expression = operator.and_then(|operator| {
        LabelExpression::of(operator, NAMESPACE_NAME.to_owned(), Clause::only(form.literal().to_owned())).ok()
    });
    let value = LabelMatch { labels: Labels::new(), expressions: expression.into_iter().collect() };
    NamespacesDocument::Labelled(Spanned { value, span: written.span })
}

fn workloads(span: Span, namespaces: NamespacesDocument, service_accounts: Clause<String>) -> PeerDocument {
    let workloads = WorkloadsDocument {
        span,
        namespaces,
        labels: Labels::new(),
        expressions: Vec::new(),
        service_accounts,
        proxied: None,
    };
    PeerDocument { workloads: Some(workloads), ..PeerDocument::any(span) }
}
