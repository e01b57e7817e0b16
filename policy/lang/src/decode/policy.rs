//! `kind: Policy`.

use super::{
    fields::{Fields, clause, list, string},
    http, name, peer, port,
};
use crate::{
    Code,
    diagnostic::Report,
    document::{IsolateDocument, PolicyDocument, RuleDocument},
    yaml::Node,
};
use bookend_engine::{Action, Protocol};

/// Reads a policy. All of it is read even when a part is wrong, so that everything is said at once.
pub(super) fn policy(mut fields: Fields<'_>, report: &mut Report) -> Option<PolicyDocument> {
    let metadata = name::metadata(&mut fields, report);
    let spec = fields.required("spec", report).and_then(|node| Fields::of(node, "policy's spec", report));
    // An API server adds it; it says nothing about what is meant.
    fields.get("status");
    fields.finish(report);
    let mut spec = spec?;
    let isolate = clause(spec.get("isolate"), "isolate", report, isolation);
    let allow = rules(spec.get("allow"), Action::Allow, report);
    let deny = rules(spec.get("deny"), Action::Deny, report);
    let place = spec.place();
    spec.finish(report);
    let (metadata, isolate, mut rules, deny) = (metadata?, isolate?, allow?, deny?);
    rules.extend(deny);
    let isolate = isolate.alternatives().unwrap_or_default().to_vec();
    if isolate.is_empty() && rules.is_empty() {
        report.add(Code::MissingField, place, "the policy says nothing", "add `isolate`, `allow` or `deny`");
    }
    Some(PolicyDocument { namespace: metadata.namespace, name: metadata.name, isolate, rules })
}

fn isolation(node: &Node, report: &mut Report) -> Option<IsolateDocument> {
    let mut fields = Fields::of(node, "isolation", report)?;
    let workloads = fields.required("workloads", report).and_then(|node| peer::workloads(node, report));
    let directions = clause(fields.get("directions"), "directions", report, |node, report| {
        let text = string(node, "directions", report)?;
        if !matches!(text.value.as_str(), "ingress" | "egress") {
            let message = format!("`{}` is not a direction", text.value);
            report.add(Code::WrongType, text.span, message, "write `ingress` or `egress`");
            return None;
        }
        Some(text.value)
    });
    fields.finish(report);
    let (workloads, directions) = (workloads?, directions?);
    let named = |direction: &str| {
        directions.alternatives().is_none_or(|list| list.iter().any(|given| given == direction))
    };
    Some(IsolateDocument { workloads, ingress: named("ingress"), egress: named("egress") })
}

fn rules(node: Option<&Node>, action: Action, report: &mut Report) -> Option<Vec<RuleDocument>> {
    let Some(node) = node else { return Some(Vec::new()) };
    let read: Vec<_> =
        list(node, action.name(), report)?.iter().map(|node| rule(node, action, report)).collect();
    read.into_iter().collect()
}

fn rule(node: &Node, action: Action, report: &mut Report) -> Option<RuleDocument> {
    let mut fields = Fields::of(node, "rule", report)?;
    let name = fields.required("name", report).and_then(|node| name::name(node, "name", 63, report));
    let from = clause(fields.get("from"), "from", report, peer::peer);
    let to = clause(fields.get("to"), "to", report, peer::peer);
    let ports_node = fields.get("ports");
    let ports = clause(ports_node, "ports", report, port::port);
    let http_node = fields.get("http");
    let http = clause(http_node, "http", report, http::http);
    fields.finish(report);
    let (name, from, to, ports, http) = (name?, from?, to?, ports?, http?);
    let other = ports.alternatives().unwrap_or_default().iter().any(|port| port.protocol() != Protocol::Tcp);
    if other && !http.is_any() {
        let span = ports_node.map_or(name.span, |node| node.span);
        report.add(
            Code::HttpOverOther,
            span,
            "a rule with HTTP conditions is for TCP ports only",
            "remove the other ports, or write a rule of its own for them",
        );
        return None;
    }
    Some(RuleDocument { name, action, from, to, ports, http, http_span: http_node.map(|node| node.span) })
}
