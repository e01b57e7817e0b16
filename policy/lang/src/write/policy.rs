//! Rules and isolations to trees.

use super::{
    http,
    page::Part,
    peer::{Entries, clause, list, peer, port, push, workloads},
    tree::Tree,
};
use crate::document::{IsolateDocument, RuleDocument};
use bookend_engine::{Answer, Ends, Limits, Period, Rate};

/// An element of `isolate` in a policy that lies in `own`.
pub(crate) fn isolation(isolation: &IsolateDocument, own: Option<&str>) -> Part {
    let IsolateDocument { workloads: selector, ingress, egress, mode } = isolation;
    let mut body = Entries::new();
    push(&mut body, "workloads", Some(workloads(selector, own)));
    if !(*ingress && *egress) {
        let direction = if *ingress { "ingress" } else { "egress" };
        push(&mut body, "directions", Some(Tree::List(vec![Tree::text(direction)])));
    }
    Part { comments: Vec::new(), name: String::new(), priority: 0, mode: *mode, body }
}

/// An element of `allow`, `deny` or `pass` in a policy that lies in `own`.
pub(crate) fn rule(rule: &RuleDocument, own: Option<&str>) -> Part {
    let RuleDocument { name, action: _, priority, mode, at, at_span: _, .. } = rule;
    let RuleDocument { from, to, ports, not_ports, http, http_span: _, answer, limits, .. } = rule;
    let mut body = Entries::new();
    push(&mut body, "at", self::at(*at));
    push(&mut body, "from", clause(from, |peer| self::peer(peer, own)));
    push(&mut body, "to", clause(to, |peer| self::peer(peer, own)));
    push(&mut body, "ports", clause(ports, |port| self::port(&port.value)));
    push(&mut body, "notPorts", list(not_ports.iter().map(|port| self::port(&port.value))));
    push(&mut body, "http", clause(http, http::condition));
    push(&mut body, "answer", answer.as_ref().map(|answer| self::answer(&answer.value)));
    push(&mut body, "limits", limits.as_ref().map(|limits| self::limits(&limits.value)));
    Part { comments: Vec::new(), name: name.value.clone(), priority: *priority, mode: *mode, body }
}

/// `at`, where it is not both ends.
pub(crate) fn at(ends: Ends) -> Option<Tree> {
    let end = match (ends.source, ends.destination) {
        (true, false) => "source",
        (false, true) => "destination",
        _ => return None,
    };
    Some(Tree::List(vec![Tree::text(end)]))
}

fn answer(answer: &Answer) -> Tree {
    let Answer { status, body, headers } = answer;
    let mut entries = Entries::new();
    let alone = body.is_empty() && headers.is_empty();
    push(&mut entries, "status", (alone || *status != Answer::FORBIDDEN).then(|| Tree::number(status)));
    push(&mut entries, "body", (!body.is_empty()).then(|| Tree::text(body)));
    let headers: Entries = headers.iter().map(|(name, value)| (name.clone(), Tree::text(value))).collect();
    push(&mut entries, "headers", (!headers.is_empty()).then_some(Tree::Map(headers)));
    Tree::Map(entries)
}

fn limits(limits: &Limits) -> Tree {
    let mut entries = Entries::new();
    for (name, rate) in limits.named() {
        push(&mut entries, name, rate.map(self::rate));
    }
    Tree::Map(entries)
}

fn rate(rate: Rate) -> Tree {
    let (count, period) = rate.count();
    let mut entries = Entries::new();
    push(&mut entries, "rate", Some(Tree::text(format!("{count}/{}", Period::name(period)))));
    let usual = Rate::new(count, period, None).map(Rate::burst) == Some(rate.burst());
    push(&mut entries, "burst", (!usual).then(|| Tree::number(rate.burst())));
    Tree::Map(entries)
}
