//! `kind: Reporting`.

use super::{
    fields::{Fields, boolean, integer, optional},
    name,
};
use crate::{
    Code,
    diagnostic::Report,
    document::ReportingDocument,
    limit,
    yaml::{Node, Value},
};
use bookend_engine::{AccessLog, Answers, DecisionLog, Metrics, Settings};

/// Reads what filters report. What is left out is as if there were no document.
pub(super) fn reporting(mut fields: Fields<'_>, report: &mut Report) -> Option<ReportingDocument> {
    let metadata = name::cluster_metadata(&mut fields, "Reporting", report).and_then(|metadata| {
        name::described(metadata.labels, metadata.annotations, report)?;
        Some(metadata)
    });
    let spec = fields.required("spec", report).and_then(|node| some(node, "reporting's spec", report));
    fields.get("status");
    fields.finish(report);
    let mut spec = spec?;
    let answers = optional(spec.get("answers").map(|node| answers(node, report)));
    let access_log = optional(spec.get("accessLog").map(|node| access_log(node, report)));
    let decision_log = optional(spec.get("decisionLog").map(|node| decision_log(node, report)));
    let metrics = optional(spec.get("metrics").map(|node| metrics(node, report)));
    spec.finish(report);
    Some(ReportingDocument {
        name: metadata?.name,
        settings: Settings {
            answers: answers?.unwrap_or_default(),
            access_log: access_log?.unwrap_or_default(),
            decision_log: decision_log?.unwrap_or_default(),
            metrics: metrics?.unwrap_or_default(),
            ..Settings::default()
        },
    })
}

/// The fields of a mapping that says something.
fn some<'n>(node: &'n Node, what: &'static str, report: &mut Report) -> Option<Fields<'n>> {
    if matches!(&node.value, Value::Mapping(entries) if entries.is_empty()) {
        let message = format!("the {what} is empty");
        report.add(Code::EmptyMapping, node.span, message, "leave it out to mean the defaults");
        return None;
    }
    Fields::of(node, what, report)
}

fn answers(node: &Node, report: &mut Report) -> Option<Answers> {
    let mut fields = some(node, "mapping `answers`", report)?;
    let rule = optional(fields.get("rule").map(|node| boolean(node, "rule", report)));
    fields.finish(report);
    Some(Answers { rule: rule?.unwrap_or_default() })
}

fn access_log(node: &Node, report: &mut Report) -> Option<AccessLog> {
    let mut fields = some(node, "mapping `accessLog`", report)?;
    let allowed = optional(fields.get("allowed").map(|node| boolean(node, "allowed", report)));
    fields.finish(report);
    Some(AccessLog { allowed: allowed?.unwrap_or_default() })
}

fn decision_log(node: &Node, report: &mut Report) -> Option<DecisionLog> {
    let mut fields = some(node, "mapping `decisionLog`", report)?;
    let mut number = |name, least, most| {
        optional(fields.get(name).map(|node| {
            let number = integer(node, name, least..=most, report)?;
            u32::try_from(number).ok()
        }))
    };
    let allowed = number("allowed", 0, limit::SAMPLE);
    let denied = number("denied", 0, limit::SAMPLE);
    let audited = number("audited", 0, limit::SAMPLE);
    let per_second = number("perSecond", 1, limit::LINES);
    fields.finish(report);
    let default = DecisionLog::default();
    Some(DecisionLog {
        allowed: allowed?.unwrap_or(default.allowed),
        denied: denied?.unwrap_or(default.denied),
        audited: audited?.unwrap_or(default.audited),
        per_second: per_second?.unwrap_or(default.per_second),
    })
}

fn metrics(node: &Node, report: &mut Report) -> Option<Metrics> {
    let mut fields = some(node, "mapping `metrics`", report)?;
    let rules = optional(fields.get("rules").map(|node| {
        let number = integer(node, "rules", 0..=limit::COUNTED, report)?;
        u32::try_from(number).ok()
    }));
    fields.finish(report);
    Some(Metrics { rules: rules?.unwrap_or(Metrics::default().rules) })
}
