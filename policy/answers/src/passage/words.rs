//! Parts of rules, in words.

use bookend_engine::{
    Block, Clause, Condition, HttpMatch, PortMatch, Protocol, TextMatch, TokenMatch, ValueMatch,
};

/// `GET or HEAD of /a or /b/{id}`, and whatever else a request must satisfy.
pub(super) fn request(http: &HttpMatch) -> String {
    let mut text = format!(
        "{} of {}",
        any_of(&http.methods, "any method", String::clone),
        any_of(&http.paths, "any path", ToString::to_string)
    );
    for part in HttpMatch::PARTS {
        if matches!(part, Condition::Methods | Condition::Paths) {
            continue;
        }
        if let Some(words) = self::part(http, part) {
            text.push_str(", ");
            text.push_str(&words);
        }
    }
    text
}

/// What one part of HTTP conditions asks for; nothing where it is absent.
pub(super) fn part(http: &HttpMatch, part: Condition) -> Option<String> {
    match part {
        Condition::Methods => some_of(&http.methods, String::clone),
        Condition::Paths => some_of(&http.paths, ToString::to_string),
        Condition::Hosts => some_of(&http.hosts, ToString::to_string).map(|list| format!("host {list}")),
        Condition::Clients => some_of(&http.clients, block).map(|list| format!("a client in {list}")),
        Condition::Grpc => some_of(&http.grpc, |grpc| match grpc.method() {
            Some(method) => format!("{}/{method}", grpc.service()),
            None => format!("{}/*", grpc.service()),
        })
        .map(|list| format!("gRPC {list}")),
        Condition::Query => {
            all_of(&http.query, |query| format!("query parameter {} {}", query.name(), value(query.value())))
        }
        Condition::Headers => {
            all_of(&http.headers, |header| format!("header {} {}", header.name(), value(header.value())))
        }
        Condition::Jwt => some_of(&http.jwt, token).map(|list| format!("a token with {list}")),
        Condition::When => http.when.as_ref().map(|when| format!("`{when}`")),
        Condition::Not => all_of(&http.not, |not| format!("not ({})", request(not))),
        _ => None,
    }
}

/// `10.0.0.0/8 except 10.1.0.0/16`.
fn block(block: &Block) -> String {
    let nets: Vec<String> = block.nets().map(|net| net.to_string()).collect();
    match nets.split_first() {
        Some((whole, except)) if !except.is_empty() => format!("{whole} except {}", except.join(", ")),
        _ => nets.concat(),
    }
}

fn some_of<T>(clause: &Clause<T>, words: impl Fn(&T) -> String) -> Option<String> {
    clause.alternatives().map(|list| list.iter().map(words).collect::<Vec<_>>().join(" or "))
}

fn any_of<T>(clause: &Clause<T>, any: &str, words: impl Fn(&T) -> String) -> String {
    some_of(clause, words).unwrap_or_else(|| any.to_owned())
}

fn all_of<T>(list: &[T], words: impl Fn(&T) -> String) -> Option<String> {
    (!list.is_empty()).then(|| list.iter().map(words).collect::<Vec<_>>().join(", "))
}

/// `is a or starts with b`.
fn value(value: &ValueMatch) -> String {
    match value {
        ValueMatch::Present(true) => "present".to_owned(),
        ValueMatch::Present(false) => "absent".to_owned(),
        ValueMatch::Text(text) => texts(text),
    }
}

fn texts(texts: &TextMatch) -> String {
    let one = |kind: &str, text: &str| match kind {
        "prefix" => format!("starts with {text}"),
        "suffix" => format!("ends with {text}"),
        "regex" => format!("matches {text}"),
        _ => format!("is {text}"),
    };
    let patterns = texts.patterns().iter().map(|pattern| one(pattern.kind(), pattern.as_str()));
    patterns.collect::<Vec<_>>().join(" or ")
}

fn token(token: &TokenMatch) -> String {
    let TokenMatch { issuer, subject, audiences, claims } = token;
    let issuer = some_of(issuer, String::clone).map(|list| format!("issuer {list}"));
    let subject = subject.as_ref().map(|subject| format!("subject that {}", texts(subject)));
    let audiences = some_of(audiences, String::clone).map(|list| format!("audience {list}"));
    let claims =
        all_of(claims, |claim| format!("claim {} {}", claim.claim().join("."), value(claim.value())));
    let parts: Vec<_> = [issuer, subject, audiences, claims].into_iter().flatten().collect();
    if parts.is_empty() { "anything in it".to_owned() } else { parts.join(" and ") }
}

/// `TCP 80 or TCP 8080-8090 or UDP dns`.
pub(super) fn ports(ports: &[PortMatch]) -> String {
    ports.iter().map(port).collect::<Vec<_>>().join(" or ")
}

fn port(port: &PortMatch) -> String {
    let name = port.protocol().name();
    let range = match port {
        PortMatch::Named(named) => return format!("{name} {}", named.name),
        PortMatch::Range(range) => range,
    };
    let (first, last) = (range.first(), range.last());
    if (first, last) == (0, u16::MAX) {
        return name.to_owned();
    }
    if port.protocol().is_icmp() {
        let ([kind, low], [other, high]) = (first.to_be_bytes(), last.to_be_bytes());
        return match (kind == other, low == high) {
            (true, true) => format!("{name} type {kind} code {low}"),
            (true, false) if (low, high) == (0, u8::MAX) => format!("{name} type {kind}"),
            _ => format!("{name} types {kind}/{low}-{other}/{high}"),
        };
    }
    if first == last { format!("{name} {first}") } else { format!("{name} {first}-{last}") }
}

/// `TCP 80`, `ICMP type 8 code 0`.
pub(super) fn asked(protocol: Protocol, port: u16) -> String {
    let name = protocol.name();
    match protocol {
        _ if protocol.is_icmp() => {
            let [kind, code] = port.to_be_bytes();
            format!("{name} type {kind} code {code}")
        }
        _ if protocol.has_ports() => format!("{name} {port}"),
        _ => name.to_owned(),
    }
}
