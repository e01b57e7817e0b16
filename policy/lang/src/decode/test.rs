//! `kind: PolicyTest`.

mod claim;

use core::net::IpAddr;

use super::{
    fields::{Fields, boolean, list, string, wrong_type},
    name,
};
use crate::{
    Code, Span,
    diagnostic::Report,
    document::{
        Expected, ExpectedAudit, Test, TestDocument, TestPort, TestProtocol, TestRequest, TestTraffic,
        Written,
    },
    yaml::{Entry, Node, Value},
};

/// Reads a document of tests.
pub(super) fn policy_test(mut fields: Fields<'_>, report: &mut Report) -> Option<TestDocument> {
    let metadata = fields.required("metadata", report).and_then(|node| metadata(node, report));
    let spec = fields.required("spec", report).and_then(|node| Fields::of(node, "test's spec", report));
    fields.finish(report);
    let mut spec = spec?;
    let tests = spec.required("tests", report).and_then(|node| list(node, "tests", report));
    spec.finish(report);
    let tests: Vec<Option<Test>> = tests?.iter().map(|node| test(node, report)).collect();
    let (namespace, name) = metadata?;
    Some(TestDocument { namespace, name, tests: tests.into_iter().collect::<Option<_>>()? })
}

/// Unlike those of a policy, tests without a namespace are about every namespace.
fn metadata(node: &Node, report: &mut Report) -> Option<(Option<String>, crate::document::Spanned<String>)> {
    let mut meta = Fields::of(node, "metadata", report)?;
    let name = meta.required("name", report).and_then(|node| name::name(node, "name", 253, report));
    let namespace = meta.get("namespace").map(|node| name::name(node, "namespace", 63, report));
    if let Some(node) = meta.get("labels") {
        name::labels(node, "labels", report)?;
    }
    meta.finish(report);
    let namespace = match namespace {
        None => None,
        Some(read) => Some(read?.value),
    };
    Some((namespace, name?))
}

fn test(node: &Node, report: &mut Report) -> Option<Test> {
    let mut fields = Fields::of(node, "test", report)?;
    let name = fields.required("name", report).and_then(|node| words(node, "name", report));
    let from = fields.required("from", report).and_then(|node| words(node, "from", report));
    let to = fields.required("to", report).and_then(|node| target(node, report));
    let port = fields.get("port");
    let protocol = protocol(&mut fields, report);
    let principal = fields.get("principal").map(|node| principal(node, report));
    let plaintext = flag(fields.get("plaintext"), "plaintext", report);
    let stream = flag(fields.get("stream"), "stream", report);
    let stream_place = fields.get("stream").map(|node| node.span);
    let request_node = fields.get("request");
    let request = request_node.map(|node| request(node, report));
    let allow = fields.required("expect", report).and_then(|node| verdict(node, "expect", report));
    let rule = fields.get("rule").map(|node| words(node, "rule", report));
    let audit = fields.get("audit").map(|node| audit(node, report));
    fields.finish_with(elsewhere, report);

    let (name, from, (to, written)) = (name?, from?, to?);
    let protocol = protocol?;
    let port = port_of(port, written, protocol, report)?;
    let traffic = match (request, stream?) {
        (None, false) => TestTraffic::Connection,
        (None, true) => TestTraffic::Stream,
        (Some(request), false) => TestTraffic::Request(Box::new(request?)),
        (Some(_), true) => {
            let message = "the test has a `request` and says it is a `stream` that is not HTTP";
            report.add(Code::BadTest, stream_place.unwrap_or(name.place), message, "remove one of them");
            return None;
        }
    };
    if traffic != TestTraffic::Connection && protocol != TestProtocol::Tcp {
        let place = request_node.map(|node| node.span).or(stream_place).unwrap_or(name.place);
        let message = "requests and streams travel over TCP";
        report.add(Code::BadTest, place, message, "remove `protocol`, or ask about the connection itself");
        return None;
    }
    let (rule, audit, principal, plaintext) = (flip(rule)?, flip(audit)?, flip(principal)?, plaintext?);
    if plaintext && principal.is_some() {
        let message = "who speaks in plaintext proves no `principal`";
        report.add(Code::BadTest, name.place, message, "remove `plaintext` or `principal`");
        return None;
    }
    Some(Test {
        name: name.text,
        place: name.place,
        from,
        to,
        port,
        protocol,
        principal,
        plaintext,
        traffic,
        expected: Expected { allow: allow?, rule },
        audit,
    })
}

/// A field that may be absent, but must be sound when it is there.
fn flip<T>(field: Option<Option<T>>) -> Option<Option<T>> {
    match field {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

/// The cure for what belongs into `request`.
fn elsewhere(entry: &Entry) -> Option<String> {
    match entry.key.as_str() {
        field @ ("method" | "path" | "host" | "headers" | "claims") => {
            Some(format!("put it into the request: `request: {{ {field}: … }}`"))
        }
        "code" | "type" => Some("write it beside `protocol: ICMP` or `protocol: ICMPv6`".to_owned()),
        _ => None,
    }
}

fn flag(node: Option<&Node>, what: &str, report: &mut Report) -> Option<bool> {
    node.map_or(Some(false), |node| boolean(node, what, report))
}

/// Some text that fits into one line.
fn words(node: &Node, what: &str, report: &mut Report) -> Option<Written> {
    let text = string(node, what, report)?;
    if text.value.trim().is_empty() || text.value.chars().any(char::is_control) {
        let message = format!("`{what}` is empty or holds control characters");
        report.add(Code::BadTest, text.span, message, "write it in one line of plain text");
        return None;
    }
    Some(Written { text: text.value, place: text.span })
}

/// A whole SPIFFE id.
fn principal(node: &Node, report: &mut Report) -> Option<String> {
    let Written { text, place } = words(node, "principal", report)?;
    if !text.starts_with("spiffe://") || text.contains('*') {
        let message = format!("`{text}` is not a SPIFFE id");
        report.add(Code::BadTest, place, message, "write it whole: `spiffe://trust-domain/path`");
        return None;
    }
    Some(text)
}

/// Who accepts the connection, and the port behind the last colon: `reviews:9080`, `[fd00::1]:http`.
fn target(node: &Node, report: &mut Report) -> Option<(Written, Option<(TestPort, Span)>)> {
    let Written { text, place } = words(node, "to", report)?;
    let (who, port) = split_port(&text);
    let port = match port {
        None => None,
        Some(port) => Some((port_text(port, place, report)?, place)),
    };
    Some((Written { text: who.to_owned(), place }, port))
}

/// Splits `who:port`. An IPv6 address needs brackets before a port; where a word before the colon says what kind of
/// name follows (`namespace:shop`), that colon is part of the name.
pub fn split_port(text: &str) -> (&str, Option<&str>) {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address, rest.strip_prefix(':'));
    }
    let prefixed = text.split_once(':').is_some_and(|(word, _)| KINDS_OF_NAMES.contains(&word));
    let colons = text.matches(':').count();
    match (colons, prefixed) {
        (1, false) | (2, true) => text.rsplit_once(':').map_or((text, None), |(who, port)| (who, Some(port))),
        _ => (text, None),
    }
}

/// The words that may stand before a name, to say of what kind it is.
const KINDS_OF_NAMES: [&str; 5] = ["namespace", "network", "spiffe", "entity", "service"];

fn port_of(
    node: Option<&Node>,
    written: Option<(TestPort, Span)>,
    protocol: TestProtocol,
    report: &mut Report,
) -> Option<Option<TestPort>> {
    let place = node.map(|node| node.span).or_else(|| written.as_ref().map(|(_, span)| *span));
    let port = match (node, written) {
        (None, written) => written.map(|(port, _)| port),
        (Some(node), None) => Some(port(node, report)?),
        (Some(node), Some(_)) => {
            let message = "the port is written twice, in `to` and in `port`";
            report.add(Code::BadTest, node.span, message, "remove one of them");
            return None;
        }
    };
    match (&port, place, protocol) {
        (Some(_), Some(place), TestProtocol::Icmp(_) | TestProtocol::Icmpv6(_)) => {
            let cure = "remove it; write `type` and `code` to mean a message other than an echo request";
            report.add(Code::BadTest, place, "ICMP has no ports", cure);
            None
        }
        _ => Some(port),
    }
}

fn port(node: &Node, report: &mut Report) -> Option<TestPort> {
    match &node.value {
        Value::Scalar(scalar) if matches!(scalar.kind(), "number" | "string") => {
            port_text(&scalar.text, node.span, report)
        }
        _ => {
            wrong_type(node, "port", "a number or a name", report);
            None
        }
    }
}

fn port_text(text: &str, place: Span, report: &mut Report) -> Option<TestPort> {
    let port = text.parse().ok();
    if port.is_none() {
        let cure =
            "write a number from 1 to 65535, or the name of a port: at most 15 of `a`–`z`, `0`–`9` and `-`";
        report.add(Code::BadPort, place, format!("`{text}` is not a port"), cure);
    }
    port
}

fn protocol(fields: &mut Fields<'_>, report: &mut Report) -> Option<TestProtocol> {
    let Some(node) = fields.get("protocol") else { return Some(TestProtocol::Tcp) };
    let text = string(node, "protocol", report)?;
    match text.value.as_str() {
        "TCP" => Some(TestProtocol::Tcp),
        "UDP" => Some(TestProtocol::Udp),
        "SCTP" => Some(TestProtocol::Sctp),
        "ICMP" => message(fields, report).map(TestProtocol::Icmp),
        "ICMPv6" => message(fields, report).map(TestProtocol::Icmpv6),
        other => {
            const KNOWN: [&str; 5] = ["TCP", "UDP", "SCTP", "ICMP", "ICMPv6"];
            let known = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(other));
            let cure = known.map_or_else(
                || "write `TCP`, `UDP`, `SCTP`, `ICMP` or `ICMPv6`".to_owned(),
                |known| format!("write `{known}`"),
            );
            report.add(Code::BadProtocol, text.span, format!("`{other}` is not a protocol"), cure);
            None
        }
    }
}

/// `type` and `code` of an ICMP message. A type without a code means code 0.
fn message(fields: &mut Fields<'_>, report: &mut Report) -> Option<Option<(u8, u8)>> {
    let mut byte = |name: &'static str, report: &mut Report| -> Option<Option<(u8, Span)>> {
        let Some(node) = fields.get(name) else { return Some(None) };
        let number = match &node.value {
            Value::Scalar(scalar) => scalar.integer().and_then(|number| u8::try_from(number).ok()),
            _ => None,
        };
        if number.is_none() {
            wrong_type(node, name, "a number from 0 to 255", report);
        }
        Some(Some((number?, node.span)))
    };
    let (kind, code) = (byte("type", report), byte("code", report));
    match (kind?, code?) {
        (None, None) => Some(None),
        (Some((kind, _)), code) => Some(Some((kind, code.map_or(0, |(code, _)| code)))),
        (None, Some((_, place))) => {
            report.add(Code::BadTest, place, "a `code` belongs to a `type`", "add `type`");
            None
        }
    }
}

fn request(node: &Node, report: &mut Report) -> Option<TestRequest> {
    let mut fields = Fields::of(node, "request", report)?;
    let method = fields.get("method").map(|node| words(node, "method", report));
    let path = fields.required("path", report).and_then(|node| words(node, "path", report));
    let host = fields.get("host").map(|node| words(node, "host", report));
    let headers = fields.get("headers").map(|node| headers(node, report));
    let claims = fields.get("claims").map(|node| claim::tokens(node, report));
    let client = fields.get("client").map(|node| client(node, report));
    let sni = fields.get("sni").map(|node| words(node, "sni", report));
    fields.finish(report);
    Some(TestRequest {
        method: flip(method)?.map_or_else(|| "GET".to_owned(), |method| method.text),
        path: path?.text,
        host: flip(host)?.map(|host| host.text),
        headers: flip(headers)?.unwrap_or_default(),
        claims: flip(claims)?.unwrap_or_default(),
        client: flip(client)?,
        sni: flip(sni)?.map(|name| name.text),
    })
}

/// The address of a client.
fn client(node: &Node, report: &mut Report) -> Option<IpAddr> {
    let text = string(node, "client", report)?;
    let address = text.value.parse().ok();
    if address.is_none() {
        let message = format!("`{}` is not an address", text.value);
        report.add(Code::BadTest, text.span, message, "write an address such as `203.0.113.7`");
    }
    address
}

/// `name: value`, or `name: [value, value]` for a header that comes several times.
fn headers(node: &Node, report: &mut Report) -> Option<Vec<(String, String)>> {
    let Value::Mapping(entries) = &node.value else {
        wrong_type(node, "headers", "a mapping", report);
        return None;
    };
    let mut headers = Vec::new();
    let mut sound = true;
    for entry in entries {
        if let Some(cure) = misplaced(&entry.key) {
            let message = format!("`{}` is not the name of a header", entry.key);
            report.add(Code::BadTest, entry.key_span, message, cure);
            sound = false;
        }
        let values = match &entry.value.value {
            Value::Sequence(_) => list(&entry.value, &entry.key, report),
            _ => Some(core::slice::from_ref(&entry.value)),
        };
        sound &= values.is_some();
        for value in values.unwrap_or_default() {
            let Some(text) = string(value, &entry.key, report) else {
                sound = false;
                continue;
            };
            if text.value.chars().any(|c| c.is_control() && c != '\t') {
                let message = format!("the header `{}` holds control characters", entry.key);
                report.add(Code::BadTest, text.span, message, "remove them; no proxy takes such a header");
                sound = false;
            }
            headers.push((entry.key.to_ascii_lowercase(), text.value));
        }
    }
    sound.then_some(headers)
}

/// Why a name cannot be a header's (RFC 9110, 5.6.2), as a cure.
fn misplaced(name: &str) -> Option<&'static str> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    match name {
        _ if name.eq_ignore_ascii_case("host") => Some("write `host` in the request itself"),
        _ if name.starts_with(':') => Some("write `method`, `path` and `host` in the request itself"),
        _ if name.is_empty() || !name.chars().all(token) => Some("use letters, digits and `-`"),
        _ => None,
    }
}

fn verdict(node: &Node, what: &str, report: &mut Report) -> Option<bool> {
    let text = string(node, what, report)?;
    match text.value.as_str() {
        "allow" => Some(true),
        "deny" => Some(false),
        other => {
            let message = format!("`{other}` is not a verdict");
            report.add(Code::BadTest, text.span, message, "write `allow` or `deny`");
            None
        }
    }
}

/// `none`, `allow`, `deny`, or `{ expect, rule }`.
fn audit(node: &Node, report: &mut Report) -> Option<ExpectedAudit> {
    if let Value::Scalar(_) = &node.value {
        let text = string(node, "audit", report)?;
        if text.value == "none" {
            return Some(ExpectedAudit::None);
        }
        let allow = Some(verdict(node, "audit", report)?);
        return Some(ExpectedAudit::Decided { allow, rule: None });
    }
    let mut fields = Fields::of(node, "audit", report)?;
    let allow = fields.get("expect").map(|node| verdict(node, "expect", report));
    let rule = fields.get("rule").map(|node| words(node, "rule", report));
    let place = fields.place();
    let empty = allow.is_none() && rule.is_none() && !fields.has_unknown();
    fields.finish(report);
    if empty {
        report.add(
            Code::BadTest,
            place,
            "the audit expects nothing",
            "add `expect` or `rule`, or write `none`",
        );
        return None;
    }
    Some(ExpectedAudit::Decided { allow: flip(allow)?, rule: flip(rule)? })
}
