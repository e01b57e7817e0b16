//! `limits` of an allow rule: read exactly, or refused where it is wrong.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use bookend_engine::{Limits, Rate};
use bookend_lang::{Code, Source, compile};

/// A policy with one rule that holds `fields`.
fn policy(list: &str, fields: &str) -> String {
    format!(
        "{{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {{name: p}}, \
         spec: {{{list}: [{{name: r, {fields}}}]}}}}"
    )
}

/// Codes, what is underlined, and cures: of what refuses, or else of the warnings.
fn told(text: &str) -> Vec<(Code, String, String)> {
    let diagnostics = match compile(&[Source::new("x", text)]) {
        Ok(compiled) => compiled.warnings,
        Err(refused) => refused.diagnostics,
    };
    let underlined = |start: usize, end: usize| text.get(start..end).unwrap_or("?").to_owned();
    diagnostics.into_iter().map(|d| (d.code, underlined(d.span.start, d.span.end), d.cure)).collect()
}

fn told_of(limits: &str) -> Vec<(Code, String, String)> {
    told(&policy("allow", &format!("limits: {limits}")))
}

fn limits(limits: &str) -> Limits {
    let text = policy("allow", &format!("limits: {limits}"));
    let compiled = compile(&[Source::new("x", text)]).unwrap();
    *compiled.program.rules().first().unwrap().limits.clone().unwrap()
}

fn said(rate: Option<Rate>) -> String {
    rate.map(|rate| rate.to_string()).unwrap_or_default()
}

#[test]
fn each_kind_of_limit_is_what_is_written() {
    let limits = limits(
        "{connections: {rate: 100/s, burst: 200}, connectionsPerSource: {rate: 90/m}, packets: {rate: 50000/s}, \
         packetsPerSource: {rate: 1/h, burst: 1000000}}",
    );
    assert_eq!(said(limits.connections), "100/s, burst 200");
    assert_eq!(said(limits.connections_per_source), "90/m, burst 1");
    assert_eq!(said(limits.packets), "50000/s, burst 50000");
    assert_eq!(said(limits.packets_per_source), "1/h, burst 1000000");
}

#[test]
fn a_burst_that_is_not_written_is_what_a_second_allows() {
    for (rate, burst) in [("7/s", 7), ("600/m", 10), ("59/m", 1), ("1/h", 1), ("1000000000/s", 1_000_000)] {
        let limits = limits(&format!("{{connections: {{rate: {rate}}}}}"));
        assert_eq!(limits.connections.unwrap().burst(), burst, "{rate}");
    }
}

#[test]
fn a_rate_that_is_none_is_refused_with_the_way_to_write_it() {
    for (rate, underlined, cure) in [
        ("100", "100", "write `100/s`, `100/m` or `100/h`"),
        ("100/sec", "100/sec", "write `100/s`"),
        ("100/minute", "100/minute", "write `100/m`"),
        ("100/d", "100/d", "write it for a second, a minute or an hour: `/s`, `/m` or `/h`"),
        ("fast", "fast", "write `NUMBER/s`, `NUMBER/m`, `NUMBER/h`, such as `100/s`"),
        ("100 / s", "100 / s", "write it without spaces: `100/s`"),
        (
            "0/s",
            "0/s",
            "write a whole number from 1 to 1000000000 before the `/`, in decimal digits without a leading zero; to let \
             nothing pass, write a rule in `deny`",
        ),
        (
            "1.5/s",
            "1.5/s",
            "write a whole number from 1 to 1000000000 before the `/`, in decimal digits without a leading zero",
        ),
        (
            "1000000001/h",
            "1000000001/h",
            "write a whole number from 1 to 1000000000 before the `/`, in decimal digits without a leading zero",
        ),
    ] {
        let found = told_of(&format!("{{connections: {{rate: {rate}}}}}"));
        assert_eq!(found, [(Code::BadLimit, underlined.to_owned(), cure.to_owned())], "{rate}");
    }
}

#[test]
fn what_is_missing_or_out_of_range_is_refused() {
    for (limits, code) in [
        ("{}", Code::EmptyMapping),
        ("100/s", Code::WrongType),
        ("{connections: {}}", Code::MissingField),
        ("{connections: {burst: 5}}", Code::MissingField),
        ("{connections: 100/s}", Code::WrongType),
        ("{connections: {rate: [1/s]}}", Code::WrongType),
        ("{connections: {rate: 1/s, burst: 0}}", Code::OutOfRange),
        ("{connections: {rate: 1/s, burst: 1000001}}", Code::OutOfRange),
        ("{connection: {rate: 1/s}}", Code::UnknownField),
        ("{connections: {rate: 1/s, bursts: 4}}", Code::UnknownField),
    ] {
        let codes: Vec<_> = told_of(limits).into_iter().map(|(code, ..)| code).collect();
        assert_eq!(codes, [code], "{limits}");
    }
}

#[test]
fn only_a_rule_that_lets_something_pass_has_limits() {
    let limits = "limits: {packets: {rate: 1/s}}";
    for (list, fields) in [
        ("deny", limits.to_owned()),
        ("pass", limits.to_owned()),
        ("allow", format!("mode: audit, {limits}")),
    ] {
        let found = told(&policy(list, &fields));
        let codes: Vec<_> = found.iter().map(|(code, place, _)| (*code, place.as_str())).collect();
        assert_eq!(codes, [(Code::IdleLimits, "{packets: {rate: 1/s}}")], "{list}");
    }
    let audited = format!(
        "{{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {{name: p}}, \
         spec: {{mode: audit, allow: [{{name: r, {limits}}}, {{name: s, mode: enforce, {limits}}}]}}}}"
    );
    assert_eq!(told(&audited).len(), 1);
}

#[test]
fn a_limit_that_another_is_always_reached_before_is_warned_of() {
    let rate = |text: &str| format!("{{rate: {text}}}");
    for (limits, idle) in [
        (format!("{{connections: {}, connectionsPerSource: {}}}", rate("10/s"), rate("10/s")), true),
        (format!("{{connections: {}, connectionsPerSource: {}}}", rate("10/s"), rate("9/s")), false),
        // It is reached first by a burst.
        (format!("{{connections: {}, packets: {}}}", rate("10/s"), "{rate: 5/s, burst: 100}"), false),
        (format!("{{connections: {}, packets: {}}}", rate("10/s"), rate("10/s")), true),
        (format!("{{packetsPerSource: {}, packets: {}}}", rate("60/m"), rate("1/s")), true),
        // Many sources can open many connections with few packets each.
        (format!("{{connections: {}, packetsPerSource: {}}}", rate("10/s"), rate("5/s")), false),
    ] {
        let codes: Vec<_> = told_of(&limits).into_iter().map(|(code, ..)| code).collect();
        assert_eq!(codes, if idle { vec![Code::IdleLimit] } else { vec![] }, "{limits}");
    }
}

#[test]
fn a_limit_per_source_where_the_workload_is_the_only_source_is_warned_of() {
    let limits = "limits: {connectionsPerSource: {rate: 10/s}}";
    for (fields, idle) in [
        (format!("at: [source], {limits}"), true),
        (format!("to: [{{workloads: {{namespace: b}}}}], {limits}"), true),
        (format!("to: [{{entities: [world]}}], {limits}"), true),
        (format!("to: [{{cidr: 192.0.2.0/24}}], {limits}"), false),
        (format!("at: [destination], {limits}"), false),
        (limits.to_owned(), false),
        ("at: [source], limits: {connections: {rate: 10/s}}".to_owned(), false),
    ] {
        let found = told(&policy("allow", &fields));
        let idle = if idle {
            vec![(
                Code::IdleLimit,
                "{rate: 10/s}".to_owned(),
                "write `connections`, or a rule that governs the destination".to_owned(),
            )]
        } else {
            Vec::new()
        };
        assert_eq!(found, idle, "{fields}");
    }
}
