//! Questions: as a rule wants them, and then, often, a little different.

use super::pattern::{instance, matches, path, peer};
use super::{Line, Question, Request};
use crate::dice::Dice;
use crate::policy::{Action, AuthorizationPolicy, Condition, Operation, Rule};
use crate::world::{HTTP_PORTS, ISSUERS, PEERS, STREAM_PORTS, tokens};

/// How many connections requests share.
const LINES: usize = 10;
/// Names asked for in handshakes.
const NAMES: [Option<&str>; 4] = [
    None,
    Some("outbound_.8080_._.server.default.svc.cluster.local"),
    Some("shop.test"),
    Some("api.shop.test"),
];

/// So many requests and streams.
pub(crate) fn questions(
    dice: &mut Dice,
    policies: &[AuthorizationPolicy],
    requests: usize,
    streams: usize,
) -> Vec<Question> {
    let none = Rule::default();
    let mut rules: Vec<&Rule> = Vec::new();
    for policy in policies.iter().filter(|policy| policy.in_force()) {
        // What is to be allowed is aimed at more often than what is to be denied.
        let weight = if policy.action() == Action::Allow { 3 } else { 1 };
        rules.extend(policy.spec.rules.iter().flat_map(|rule| std::iter::repeat_n(rule, weight)));
    }
    if rules.is_empty() {
        rules.push(&none);
    }
    let lines: Vec<(Line, &Rule)> = (0..LINES)
        .map(|_| {
            let rule = *dice.pick(&rules);
            (line(dice, rule, &HTTP_PORTS), rule)
        })
        .collect();
    let mut questions: Vec<Question> = (0..requests)
        .map(|_| {
            let (line, rule) = dice.pick(&lines).clone();
            Question { line, request: Some(request(dice, rule)) }
        })
        .collect();
    questions.extend((0..streams).map(|_| {
        let rule = *dice.pick(&rules);
        Question { line: line(dice, rule, &STREAM_PORTS), request: None }
    }));
    questions
}

/// A connection that a rule means.
fn line(dice: &mut Dice, rule: &Rule, ports: &[u16]) -> Line {
    let mut found = dice.roll(PEERS.len());
    if !rule.from.is_empty() {
        let source = &dice.pick(&rule.from).source;
        for _ in 0..12 {
            if peer(source, &PEERS[found]) {
                break;
            }
            found = dice.roll(PEERS.len());
        }
    }
    let wanted = rule.to.iter().flat_map(|to| &to.operation.ports);
    let wanted: Vec<u16> =
        wanted.filter_map(|port| port.parse().ok()).filter(|port| ports.contains(port)).collect();
    let port = if wanted.is_empty() || dice.chance(25) { *dice.pick(ports) } else { *dice.pick(&wanted) };
    let sni = if PEERS[found].account.is_some() { *dice.pick(&NAMES) } else { None };
    Line { peer: found, port, sni }
}

/// A request that a rule means, or nearly.
fn request(dice: &mut Dice, rule: &Rule) -> Request {
    let mut request = Request {
        method: dice.text(&["GET", "GET", "POST", "DELETE"]).to_owned(),
        target: dice.text(&["/public", "/api/v1/items", "/items/7", "/a/health"]).to_owned(),
        host: dice.text(&["shop.test", "shop.test", "api.shop.test", "other.example"]).to_owned(),
        headers: vec![("user-agent".to_owned(), "curl/8.5".to_owned())],
        token: dice.chance(15).then(|| dice.roll(tokens().len())),
    };
    if !rule.to.is_empty() {
        let operation = &dice.pick(&rule.to).operation;
        aim(dice, operation, &mut request);
    }
    for condition in &rule.when {
        satisfy(dice, condition, &mut request);
    }
    for from in &rule.from {
        let source = &from.source;
        if let Some(wanted) = source.request_principals.first().filter(|_| dice.chance(70)) {
            request.token = token_of(dice, wanted);
        }
        if let Some(block) = source.remote_ip_blocks.first().filter(|_| dice.chance(70)) {
            request.headers.push(("x-forwarded-for".to_owned(), client(block)));
        }
    }
    if dice.chance(45) {
        for _ in 0..=dice.roll(2) {
            spoil(dice, &mut request);
        }
    }
    request
}

fn aim(dice: &mut Dice, operation: &Operation, request: &mut Request) {
    if !operation.paths.is_empty() {
        let pattern = dice.pick(&operation.paths).clone();
        request.target = path(&pattern, dice);
    } else if !operation.not_paths.is_empty() && dice.chance(40) {
        let pattern = dice.pick(&operation.not_paths).clone();
        request.target = path(&pattern, dice);
    }
    if !operation.methods.is_empty() {
        let pattern = dice.pick(&operation.methods).clone();
        let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
        let mut matching = known.iter().filter(|method| matches(&pattern, method));
        request.method = matching.next().map_or("GET", |method| method).to_owned();
    }
    if !operation.hosts.is_empty() {
        let pattern = dice.pick(&operation.hosts).clone();
        let rest = dice.text(&["shop.test", "api", "8080", "a.b"]);
        request.host = instance(&pattern, rest);
        if dice.chance(30) {
            request.host = request.host.to_ascii_uppercase();
        }
    }
}

fn satisfy(dice: &mut Dice, condition: &Condition, request: &mut Request) {
    let Some(value) = condition.values.first().or(condition.not_values.first()) else { return };
    let inner = |start: &str| condition.key.strip_prefix(start).and_then(|rest| rest.strip_suffix(']'));
    if let Some(name) = inner("request.headers[") {
        if condition.not_values.is_empty() || dice.chance(40) {
            request.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
            request.headers.push((name.to_owned(), instance(value, "in").trim().to_owned()));
        }
    } else if condition.key == "remote.ip" {
        request.headers.push(("x-forwarded-for".to_owned(), client(value)));
    } else if condition.key == "request.auth.principal" {
        request.token = token_of(dice, value);
    } else if condition.key.starts_with("request.auth.") && dice.chance(85) {
        request.token = Some(dice.roll(tokens().len()));
    }
}

/// A token that a principal may mean.
fn token_of(dice: &mut Dice, pattern: &str) -> Option<usize> {
    let tokens = tokens();
    for _ in 0..10 {
        let number = dice.roll(tokens.len());
        let text = |key: &str| tokens[number].get(key).and_then(|value| value.as_str()).unwrap_or_default();
        if matches(pattern, &format!("{}/{}", text("iss"), text("sub"))) {
            return Some(number);
        }
    }
    Some(dice.roll(tokens.len()))
}

/// An address in a block.
fn client(block: &str) -> String {
    let address = block.split('/').next().unwrap_or(block);
    if address.ends_with("::") { format!("{address}7") } else { address.replace("113.0", "113.9") }
}

/// Something else than what is expected, some of it such as attackers write.
fn spoil(dice: &mut Dice, request: &mut Request) {
    match dice.roll(12) {
        0..4 => request.target = spoilt_path(dice, &request.target),
        4 => request.target.push_str(dice.text(&["?a=b", "?", "?/admin", "#health", "?x=%2e%2e"])),
        5 => request.method = dice.text(&["PUT", "OPTIONS", "HEAD", "PATCH", "get", "POST"]).to_owned(),
        6 => {
            request.host = dice
                .text(&[
                    "shop.test:80",
                    "shop.test:8080",
                    "shop.test.",
                    "SHOP.TEST",
                    "api.Shop.Test",
                    "shop.test:",
                    "shop.test:08080",
                    "10.20.0.1:8080",
                    "127.1",
                    "[2001:db8::1]:8080",
                    "a@shop.test",
                    "shop%2etest",
                    "",
                ])
                .to_owned();
        }
        7 | 8 => {
            let name = dice.text(&["x-role", "X-Role", "x_role", "x-tier", "user-agent", "x-tier"]);
            let value = dice.text(&[
                "admin",
                "ops",
                "",
                "admin,ops",
                "ops, admin",
                "Admin",
                "gold",
                "a\u{e9}",
                "curl/8.5",
            ]);
            request.headers.push((name.to_owned(), value.to_owned()));
        }
        9 => {
            let value = dice.text(&[
                "203.0.113.9",
                "198.51.100.7, 203.0.113.9",
                "203.0.113.9, 10.30.0.1",
                "unknown",
                "2001:db8::1",
                "203.0.113.9:1234",
                "198.51.100.7",
                "",
            ]);
            request.headers.push(("x-forwarded-for".to_owned(), value.to_owned()));
        }
        10 => request.token = dice.chance(60).then(|| dice.roll(tokens().len() + ISSUERS.len())),
        _ => request.headers.retain(|(name, _)| name == "x-forwarded-for"),
    }
}

/// A path that is nearly this one.
fn spoilt_path(dice: &mut Dice, path: &str) -> String {
    let at = dice.roll(path.len().max(1));
    let at = (at..path.len()).find(|at| path.is_char_boundary(*at)).unwrap_or(path.len());
    let (before, behind) = path.split_at(at);
    match dice.roll(16) {
        0 => path.to_ascii_uppercase(),
        1 => format!("{path}/"),
        2 => format!("{path}/../{}", path.trim_start_matches('/')),
        3 => format!("/x/..{path}"),
        4 => format!("/x/%2e%2e{path}"),
        5 => format!("/.{path}"),
        6 => format!("/{path}"),
        7 => path.replacen('/', "%2F", 2).replacen("%2F", "/", 1),
        8 => path.replace('/', "\\").replacen('\\', "/", 1),
        9 => match behind.chars().next() {
            // An encoding of what needs none.
            Some(letter) if letter.is_ascii_alphanumeric() => {
                format!("{before}%{:02x}{}", u32::from(letter), behind.get(1..).unwrap_or_default())
            }
            _ => format!("{path}%20"),
        },
        10 => {
            let odd = dice.text(&[
                "%C3%A9",
                "%00",
                "%zz",
                "%25",
                "%3B",
                ";v=1",
                "%3F",
                "%23",
                "%E2%80%8B",
                "%7E",
                "%2e",
            ]);
            format!("{before}{odd}{behind}")
        }
        11 => {
            let odd = dice.text(&[
                "*", "{*}", "\"", "|", "=", "+", ",", "'", "!", "$", "&", "(", "@", ":", "[", "^", "`", "<",
            ]);
            format!("{before}{odd}{behind}")
        }
        12 => format!("{path}."),
        13 => format!("{path}%2f..%2fadmin"),
        14 => format!("{before}{}", behind.trim_start_matches('/')),
        _ => path.replace("/", "//"),
    }
}
