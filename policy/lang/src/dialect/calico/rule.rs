//! A rule of `ingress` or `egress`.

use super::{
    entity::{self, End},
    http, port,
};
use crate::{
    Code,
    decode::{
        container::{present, sequence},
        fields::{Fields, integer, optional, word},
    },
    diagnostic::Report,
    document::{CalicoEntity, CalicoRule, IpVersion, Spanned},
    limit,
    yaml::Node,
};
use bookend_engine::{Action, Clause, Protocol};

/// The rules of a list. Those that only log are left out, and so are those of which Bookend cannot say something, as far as
/// they allow; of the others that part is.
pub(super) fn rules(
    fields: &mut Fields<'_>,
    field: &'static str,
    namespace: Option<&str>,
    report: &mut Report,
) -> Option<Vec<CalicoRule>> {
    let Some(node) = present(fields, field) else { return Some(Vec::new()) };
    let items = sequence(node, field, report)?;
    if items.len() > limit::RULES {
        let message = format!("the policy has {} rules, and {} are the most", items.len(), limit::RULES);
        report.add(Code::TooMany, node.span, message, "split it into several policies");
        return None;
    }
    let read: Vec<_> =
        items.iter().enumerate().map(|(index, node)| rule(node, index, namespace, report)).collect();
    let read: Option<Vec<_>> = read.into_iter().collect();
    Some(read?.into_iter().flatten().collect())
}

fn rule(
    node: &Node,
    index: usize,
    namespace: Option<&str>,
    report: &mut Report,
) -> Option<Option<CalicoRule>> {
    const ACTIONS: [(&str, Option<Action>); 4] = [
        ("Allow", Some(Action::Allow)),
        ("Deny", Some(Action::Deny)),
        ("Pass", Some(Action::Pass)),
        ("Log", None),
    ];
    let mut fields = Fields::of(node, "rule", report)?;
    let written = fields.required("action", report).and_then(|node| word(node, "action", &ACTIONS, report));
    // What is wrong elsewhere is said too where the action is.
    let action = written.flatten().unwrap_or(Action::Allow);
    let version = present(&mut fields, "ipVersion").map(|node| version(node, report));
    let protocol = port::protocol(&mut fields, "protocol", report);
    let not_protocol = port::protocol(&mut fields, "notProtocol", report);
    let icmp = port::icmp(&mut fields, "icmp", report);
    let not_icmp = port::icmp(&mut fields, "notICMP", report);
    let mut end = |name, report: &mut Report| {
        let node = present(&mut fields, name);
        entity::end(node, name, namespace, action, report)
    };
    let source = end("source", report);
    let destination = end("destination", report);
    let http_node = present(&mut fields, "http");
    let http = http_node.map(|node| http::condition(node, report));
    let metadata = port::annotations(&mut fields, report);
    fields.finish(report);
    let (written, version, source, destination) = (written?, optional(version)?, source?, destination?);
    let (http, ()) = (optional(http)?, metadata?);
    let said =
        port::Said { protocol: protocol?, not_protocol: not_protocol?, icmp: icmp?, not_icmp: not_icmp? };
    let ports = port::together(&said, &source, &destination, action, report)?;
    if let Some(node) = http_node
        && !http_fits(node, written, &said, report)
    {
        return None;
    }
    let Some(action) = written else {
        let cure = "remove it to silence this; what Bookend logs is said in a `Reporting` document";
        report.add(Code::IdleCalico, node.span, "a rule that only logs decides nothing", cure);
        return Some(None);
    };
    if ports.idle {
        return Some(None);
    }
    let unsaid = ports.inexact || source.inexact || destination.inexact || matches!(http, Some(None));
    if unsaid && action == Action::Allow {
        return Some(None);
    }
    let entity = |end: End| end.entity.unwrap_or_else(|| CalicoEntity::anybody(node.span));
    Some(Some(CalicoRule {
        index,
        span: node.span,
        // Whether it would pass cannot be told, so nothing of it gets further.
        action: if unsaid && action == Action::Pass { Action::Deny } else { action },
        source: entity(source),
        destination: entity(destination),
        version,
        ports: ports.ports,
        not_ports: ports.not_ports,
        http: http.flatten().map_or(Clause::Any, Clause::only),
        http_span: http_node.map(|node| node.span),
    }))
}

/// Calico takes HTTP conditions only in rules that allow, over TCP.
fn http_fits(node: &Node, action: Option<Action>, said: &port::Said, report: &mut Report) -> bool {
    if action != Some(Action::Allow) {
        let message = "only a rule that allows has HTTP conditions";
        report.add(Code::Conflict, node.span, message, "remove `http`, or write `action: Allow`");
        return false;
    }
    let tcp = |protocol: &Spanned<port::Named>| matches!(protocol.value, port::Named::Known(Protocol::Tcp));
    if !said.protocol.as_ref().is_none_or(tcp) {
        let cure = "write `protocol: TCP`, or leave it out";
        report.add(Code::HttpOverOther, node.span, "a rule with HTTP conditions is for TCP only", cure);
        return false;
    }
    true
}

/// `ipVersion`.
fn version(node: &Node, report: &mut Report) -> Option<IpVersion> {
    match integer(node, "ipVersion", 4..=6, report)? {
        4 => Some(IpVersion::V4),
        6 => Some(IpVersion::V6),
        _ => {
            report.add(Code::OutOfRange, node.span, "there is no such version of IP", "write `4` or `6`");
            None
        }
    }
}

/// What is left of a policy that is judged apart from the others, as far as an ordinary one can stand for it: rules that deny,
/// whatever the port, for nobody can say which it was.
pub(super) fn narrowed(rules: Vec<CalicoRule>) -> Vec<CalicoRule> {
    let denies = rules.into_iter().filter(|rule| rule.action == Action::Deny);
    denies
        .map(|rule| CalicoRule {
            ports: Clause::Any,
            not_ports: Vec::new(),
            destination: CalicoEntity::anybody(rule.destination.span),
            ..rule
        })
        .collect()
}
