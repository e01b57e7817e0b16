//! HTTP conditions.

use crate::{Code, diagnostic::Report, document::ConditionDocument};
use bookend_engine::{Clause, HttpMatch};

/// `http`.
pub(super) fn clause(
    documents: &Clause<ConditionDocument>,
    report: &mut Report,
) -> Option<Clause<HttpMatch>> {
    let Some(list) = documents.alternatives() else { return Some(Clause::Any) };
    let read: Vec<_> = list.iter().map(|document| condition(document, report)).collect();
    let all: Option<Vec<_>> = read.into_iter().collect();
    Clause::one_of(all?).ok()
}

fn condition(document: &ConditionDocument, report: &mut Report) -> Option<HttpMatch> {
    let ConditionDocument { span, methods, hosts, paths, headers, query, grpc, jwt, when, not } = document;
    let enforced = hosts.is_any()
        && headers.is_empty()
        && query.is_empty()
        && grpc.is_any()
        && jwt.is_any()
        && when.is_none()
        && not.is_empty();
    if !enforced {
        report.add(Code::UnknownField, *span, "only `methods` and `paths` are enforced", "remove the rest");
        return None;
    }
    Some(HttpMatch { methods: methods.clone(), paths: super::values(paths.clone()) })
}
