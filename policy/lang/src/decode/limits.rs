//! `limits` of a rule: how much of what it allows passes in a time.

use super::fields::{Fields, integer, optional, quoted, string, wrong_type};
use crate::{
    Code,
    diagnostic::Report,
    document::LimitsDocument,
    yaml::{Node, Value},
};
use bookend_engine::{Action, Limits, Mode, Period, Rate};

/// The kinds of limits, by their names in a document.
const NAMES: [&str; 4] = ["connections", "connectionsPerSource", "packets", "packetsPerSource"];

/// What never refuses anything before a limit of the second kind does, because whatever counts to the first counts to the
/// second as well.
const WITHIN: [(&str, &str); 5] = [
    ("connections", "packets"),
    ("connectionsPerSource", "connections"),
    ("connectionsPerSource", "packetsPerSource"),
    ("connectionsPerSource", "packets"),
    ("packetsPerSource", "packets"),
];

/// Reads the limits of a rule that does `action`.
pub(super) fn limits(node: &Node, action: Action, report: &mut Report) -> Option<LimitsDocument> {
    if action != Action::Allow {
        let message =
            format!("a rule that allows nothing limits nothing: this one is in `{}`", action.name());
        report.add(Code::IdleLimits, node.span, message, "remove `limits`, or write the rule in `allow`");
    }
    let mut fields = Fields::of(node, "`limits`", report)?;
    let nodes = NAMES.map(|name| (name, fields.get(name)));
    let read = nodes.map(|(name, node)| optional(node.map(|node| rate(node, name, report))));
    let (place, unknown) = (fields.place(), fields.has_unknown());
    fields.finish(report);
    let [connections, connections_per_source, packets, packets_per_source] = read;
    let value = Limits {
        connections: connections?,
        connections_per_source: connections_per_source?,
        packets: packets?,
        packets_per_source: packets_per_source?,
    };
    if value.is_empty() {
        if !unknown {
            let cure = format!("add one of `{}`, or leave `limits` out", NAMES.join("`, `"));
            report.add(Code::EmptyMapping, place, "`limits` limits nothing", cure);
        }
        return None;
    }
    let spans = nodes.iter().filter_map(|(name, node)| Some((*name, (*node)?.span))).collect();
    let document = LimitsDocument { value, span: node.span, spans };
    warn_of_idle(&document, report);
    (action == Action::Allow && !unknown).then_some(document)
}

/// Refuses limits of a rule that is only audited: what is rehearsed lets nothing pass.
pub(super) fn enforced(limits: Option<&LimitsDocument>, mode: Mode, report: &mut Report) -> bool {
    let Some(limits) = limits.filter(|_| mode == Mode::Audit) else { return true };
    let message = "a rule in audit mode lets nothing pass, so it limits nothing";
    report.add(Code::IdleLimits, limits.span, message, "remove `limits`, or write `mode: enforce`");
    false
}

/// Warns of limits that others always reach first.
fn warn_of_idle(document: &LimitsDocument, report: &mut Report) {
    let named = document.value.named();
    let rate = |wanted: &str| named.iter().find(|(name, _)| *name == wanted).and_then(|(_, rate)| *rate);
    let mut told = Vec::new();
    for (inner, outer) in WITHIN {
        if told.contains(&inner) {
            continue;
        }
        let Some((wide, narrow)) = rate(inner).zip(rate(outer)) else { continue };
        if wide.allows_all_of(narrow) {
            let message = format!("`{inner}` ({wide}) is never reached before `{outer}` ({narrow})");
            let cure = format!("write a lower rate or burst, or leave `{inner}` out");
            let related = (document.place(outer), "what is reached first");
            report.add_related(Code::IdleLimit, document.place(inner), message, cure, related);
            told.push(inner);
        }
    }
}

/// `{ rate: 100/s, burst: 200 }`
fn rate(node: &Node, what: &'static str, report: &mut Report) -> Option<Rate> {
    let mut fields = Fields::of(node, what, report)?;
    let written = fields.required("rate", report).and_then(|node| of_period(node, report));
    let bursts = i64::from(*Rate::BURSTS.start())..=i64::from(*Rate::BURSTS.end());
    let burst = optional(fields.get("burst").map(|node| integer(node, "burst", bursts, report)));
    let unknown = fields.has_unknown();
    fields.finish(report);
    let ((count, per), burst) = (written?, burst?);
    let burst = burst.and_then(|burst| u32::try_from(burst).ok());
    Rate::new(count, per, burst).filter(|_| !unknown)
}

/// `100/s`
fn of_period(node: &Node, report: &mut Report) -> Option<(u32, Period)> {
    let periods = || Period::ALL.map(Period::name).map(|period| format!("`NUMBER/{period}`")).join(", ");
    if let Value::Scalar(scalar) = &node.value
        && scalar.kind() == "number"
    {
        let message = format!("`{}` does not say in which time", quoted(&scalar.text));
        let cure = format!("write `{0}/s`, `{0}/m` or `{0}/h`", quoted(&scalar.text));
        report.add(Code::BadLimit, node.span, message, cure);
        return None;
    }
    let text = match &node.value {
        Value::Scalar(_) => string(node, "rate", report)?,
        _ => {
            wrong_type(node, "rate", "a string such as `100/s`", report);
            return None;
        }
    };
    let mut refuse = |cure: String| {
        let message = format!("`{}` is not a rate", quoted(&text.value));
        report.add(Code::BadLimit, text.span, message, cure);
        None
    };
    let Some((count, per)) = text.value.split_once('/') else {
        return refuse(format!("write {}, such as `100/s`", periods()));
    };
    if count.trim() != count || per.trim() != per {
        return refuse(format!("write it without spaces: `{}/{}`", count.trim(), per.trim()));
    }
    let Some(period) = Period::ALL.into_iter().find(|period| period.name() == per) else {
        return refuse(match per.get(..1).filter(|first| ["s", "m", "h"].contains(first)) {
            Some(first) => format!("write `{}/{first}`", quoted(count)),
            None => "write it for a second, a minute or an hour: `/s`, `/m` or `/h`".to_owned(),
        });
    };
    let digits = count.bytes().all(|byte| byte.is_ascii_digit()) && !count.starts_with('0');
    let number = count.parse::<u32>().ok().filter(|number| digits && Rate::COUNTS.contains(number));
    if number.is_none() {
        let nothing = if count == "0" { "; to let nothing pass, write a rule in `deny`" } else { "" };
        return refuse(format!(
            "write a whole number from {} to {} before the `/`, in decimal digits without a leading zero{nothing}",
            Rate::COUNTS.start(),
            Rate::COUNTS.end()
        ));
    }
    number.map(|number| (number, period))
}
