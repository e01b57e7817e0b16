//! An element of `allow`, `deny` or `pass`.

use super::{
    answer,
    fields::{Fields, distinct, into_list, optional, word},
    http, limits, name, peer,
    policy::{self, Defaults},
    port,
};
use crate::{
    Code, Span,
    diagnostic::Report,
    document::{RuleDocument, Spanned},
    limit,
    yaml::Node,
};
use bookend_engine::{Action, Clause, End, Ends, PortMatch, PortRange, Protocol};

/// Reads a rule.
pub(super) fn rule(
    node: &Node,
    action: Action,
    defaults: Defaults,
    report: &mut Report,
) -> Option<RuleDocument> {
    let mut fields = Fields::of(node, "rule", report)?;
    let name = fields.required("name", report).and_then(|node| name::name(node, "name", 63, report));
    let priority = optional(fields.get("priority").map(|node| policy::priority(node, report)));
    let mode = optional(fields.get("mode").map(|node| policy::mode(node, report)));
    let at_node = fields.get("at");
    let at = distinct(at_node, "at", 2, report, |node, report| {
        word(node, "at", &[("source", End::Source), ("destination", End::Destination)], report)
    });
    let mut peers = |name, end, report: &mut Report| {
        distinct(fields.get(name), name, limit::PEERS, report, |node, report| {
            peer::peer(node, end, 0, report)
        })
    };
    let from = peers("from", End::Source, report);
    let to = peers("to", End::Destination, report);
    let ports_node = fields.get("ports");
    let ports = distinct(ports_node, "ports", limit::PORTS, report, port::port);
    let not_ports = distinct(fields.get("notPorts"), "notPorts", limit::PORTS, report, port::port);
    let http_node = fields.get("http");
    let http = distinct(http_node, "http", limit::CONDITIONS, report, |node, report| {
        http::condition(node, 0, report)
    });
    let answer = optional(fields.get("answer").map(|node| answer::answer(node, action, report)));
    let limits = optional(fields.get("limits").map(|node| limits::limits(node, action, report)));
    fields.finish(report);
    let (name, ports, not_ports) = (name?, ports?, into_list(not_ports?));
    let ports_sound = left(&ports, ports_node.map(|node| node.span), &not_ports, report);
    let over_tcp = over_tcp(&ports, &not_ports, http_node.is_some(), report);
    let mode = mode?.unwrap_or(defaults.mode);
    let (priority, at, from, to, http, answer) = (priority?, at?, from?, to?, http?, answer?);
    let limits = limits?;
    let limits_act = limits::enforced(limits.as_ref(), mode, report);
    if !ports_sound || !over_tcp || !limits_act {
        return None;
    }
    let named = |end: End| at.alternatives().is_none_or(|list| list.contains(&end));
    Some(RuleDocument {
        name,
        action,
        priority: priority.unwrap_or(defaults.priority),
        mode,
        at: Ends { source: named(End::Source), destination: named(End::Destination) },
        at_span: at_node.map(|node| node.span),
        from,
        to,
        ports,
        not_ports,
        http,
        http_span: http_node.map(|node| node.span),
        answer,
        limits,
    })
}

/// Refuses ports of other protocols in a rule with HTTP conditions (S6).
fn over_tcp(
    ports: &Clause<Spanned<PortMatch>>,
    not_ports: &[Spanned<PortMatch>],
    conditions: bool,
    report: &mut Report,
) -> bool {
    let mut sound = true;
    for port in ports.alternatives().unwrap_or_default().iter().chain(not_ports) {
        if conditions && port.value.protocol() != Protocol::Tcp {
            let message =
                format!("a rule with HTTP conditions is for TCP only, not {}", port.value.protocol().name());
            let cure = "remove the port, or write a rule of its own for it";
            report.add(Code::HttpOverOther, port.span, message, cure);
            sound = false;
        }
    }
    sound
}

/// Refuses `notPorts` that leave nothing of `ports`, or take away what was not there.
fn left(
    ports: &Clause<Spanned<PortMatch>>,
    span: Option<Span>,
    not_ports: &[Spanned<PortMatch>],
    report: &mut Report,
) -> bool {
    let (Some(list), Some(span)) = (ports.alternatives(), span) else { return true };
    let mut sound = true;
    for gone in not_ports {
        if !list.iter().any(|port| may_share(&port.value, &gone.value)) {
            let message = "`notPorts` takes away what `ports` does not name";
            let related = (span, "all the ports of the rule");
            report.add_related(Code::NeverHolds, gone.span, message, "remove it", related);
            sound = false;
        }
    }
    let taken = |port: &Spanned<PortMatch>| not_ports.iter().any(|gone| covers(&gone.value, &port.value));
    if list.iter().all(taken) {
        let cure = "remove the rule, or take less away";
        report.add(Code::NeverHolds, span, "`notPorts` leaves none of these ports", cure);
        sound = false;
    }
    sound
}

/// Whether a port may be meant by both.
fn may_share(a: &PortMatch, b: &PortMatch) -> bool {
    a.protocol() == b.protocol()
        && match (a, b) {
            (PortMatch::Range(a), PortMatch::Range(b)) => a.first() <= b.last() && b.first() <= a.last(),
            _ => true,
        }
}

/// Whether everything `part` means is certainly meant by `whole`.
fn covers(whole: &PortMatch, part: &PortMatch) -> bool {
    match (whole, part) {
        (PortMatch::Range(whole), PortMatch::Range(part)) => {
            whole.protocol() == part.protocol()
                && whole.first() <= part.first()
                && part.last() <= whole.last()
        }
        (PortMatch::Range(whole), PortMatch::Named(_)) => *whole == PortRange::all(part.protocol()),
        (whole, part) => whole == part,
    }
}
