//! Conditions on requests (S30–S34, S49–S57).

use core::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::document::{list, text};
use super::path::{Segments, alike, canonical, encoded_still, matches, query};
use super::peer::{Party, within};
use super::text::entry;
use super::truth::Truth::{self, Doubt, No, Yes};
use super::{Facts, when};
use crate::question::{Head, Tokens};

/// A request, and what it came on.
#[derive(Clone, Copy)]
pub(super) struct Request<'r> {
    pub(super) head: &'r Head,
    pub(super) tokens: &'r Tokens,
    pub(super) facts: &'r Facts<'r>,
    /// Whom it is taken to come from.
    pub(super) source: &'r Party<'r>,
}

impl Request<'_> {
    /// Whether it meets a condition (S30).
    pub(super) fn meets(&self, condition: &Value) -> Truth {
        let any = |field, holds: &dyn Fn(&Value) -> Truth| match list(condition, field) {
            [] => Yes,
            entries => Truth::any(entries.iter().map(holds)),
        };
        let all =
            |field, holds: &dyn Fn(&Value) -> Truth| Truth::all(list(condition, field).iter().map(holds));
        Truth::all([
            any("methods", &|method| self.has_method(method.as_str().unwrap_or_default())),
            any("hosts", &|host| self.has_host(host.as_str().unwrap_or_default())),
            any("clientCidrs", &|block| within(block, self.head.client)),
            all("headers", &|wanted| self.has_header(wanted)),
            all("query", &|wanted| self.has_parameter(wanted)),
            any("grpc", &|call| self.calls(call)),
            any("jwt", &|wanted| self.has_token(wanted)),
            self.paths(condition),
            all("not", &|inner| self.meets(inner).not()),
        ])
    }

    /// `paths`, and `when` with the segments of each of them.
    fn paths(&self, condition: &Value) -> Truth {
        let when = condition.get("when").and_then(Value::as_str);
        let holds = |segments: Option<&Segments>| when.map_or(Yes, |text| when::holds(text, self, segments));
        let patterns = list(condition, "paths");
        if patterns.is_empty() {
            return holds(None);
        }
        let Some(path) = self.path() else { return Truth::all([Doubt, holds(None)]) };
        let fitting = patterns.iter().filter_map(|pattern| matches(pattern.as_str()?, &path));
        Truth::any(fitting.map(|segments| holds(Some(&segments))))
    }

    pub(super) fn path(&self) -> Option<String> {
        canonical(self.head.path.as_deref())
    }

    /// S31.
    fn has_method(&self, wanted: &str) -> Truth {
        let Some(method) = self.head.method.as_deref().and_then(|m| core::str::from_utf8(m).ok()) else {
            return Doubt;
        };
        match method.eq_ignore_ascii_case(wanted) {
            true if method != wanted => Doubt,
            same => Truth::is(same),
        }
    }

    /// S50.
    fn has_host(&self, pattern: &str) -> Truth {
        let (wanted, wanted_port) = split_port(pattern);
        let Some((host, port)) = self.host() else { return Doubt };
        let matches = match wanted.strip_prefix('*') {
            Some(end) => host.len() > end.len() && host.ends_with(end),
            None => host == wanted,
        };
        match (wanted_port, port) {
            ("80" | "443", None) if matches => Doubt,
            _ => Truth::is(matches && (wanted_port.is_empty() || port == wanted_port.parse().ok())),
        }
    }

    /// The host and the port of the request, unless servers may read them differently.
    pub(super) fn host(&self) -> Option<(String, Option<u16>)> {
        let authority = core::str::from_utf8(self.head.authority.as_deref()?).ok()?.to_ascii_lowercase();
        let named = self.head.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"host"));
        if named.into_iter().any(|(_, value)| !value.eq_ignore_ascii_case(authority.as_bytes())) {
            return None;
        }
        let (host, port) = split_port(&authority);
        let sound = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            Some(literal) => literal.parse::<Ipv6Addr>().is_ok_and(|v6| v6.to_ipv4_mapped().is_none()),
            None => {
                let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
                let label = |label: &str| !label.is_empty() && label.chars().all(allowed);
                let last = host.rsplit('.').next().unwrap_or_default();
                let number = last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit());
                host.split('.').all(label) && (!number || host.parse::<Ipv4Addr>().is_ok())
            }
        };
        let port = match authority.len() > host.len() {
            true if port.starts_with('0') || !port.bytes().all(|byte| byte.is_ascii_digit()) => return None,
            true => Some(port.parse().ok()?),
            false => None,
        };
        sound.then(|| (host.to_owned(), port))
    }

    /// The values of a header, in all their readings; nothing where another name may be meant as this one (S51).
    pub(super) fn header(&self, name: &str) -> Option<Vec<Vec<u8>>> {
        let variable =
            |name: &[u8]| name.to_ascii_lowercase().into_iter().map(folded_byte).collect::<Vec<_>>();
        let (mut lines, mut alias) = (Vec::new(), false);
        for (given, value) in &self.head.headers {
            if given.eq_ignore_ascii_case(name.as_bytes()) {
                lines.push(value.clone());
            } else {
                alias |= variable(given) == variable(name.as_bytes());
            }
        }
        let joints: &[&[u8]] = if name == "cookie" { &[b",", b", ", b"; "] } else { &[b",", b", "] };
        (!alias).then(|| listed(&lines, joints))
    }

    fn has_header(&self, wanted: &Value) -> Truth {
        self.header(text(wanted, "name")).map_or(Doubt, |values| entry(wanted, !values.is_empty(), &values))
    }

    /// The values of a query parameter; nothing where they cannot be told (S52).
    pub(super) fn parameter(&self, name: &str) -> Option<Vec<Vec<u8>>> {
        let parameters = query(self.head.path.as_deref())?;
        let alias = |given: &str| given != name && alike(given, name);
        let same = parameters.iter().filter(|(given, _)| given == name);
        if same.clone().any(|(_, value)| encoded_still(value)) {
            return None;
        }
        let values: Vec<_> = same.map(|(_, value)| value.clone().into_bytes()).collect();
        let list = values.len() > 1 || values.iter().any(|value| value.contains(&b','));
        let values = if list { listed(&values, &[b",", b", "]) } else { values };
        (!parameters.iter().any(|(given, _)| alias(given))).then_some(values)
    }

    fn has_parameter(&self, wanted: &Value) -> Truth {
        self.parameter(text(wanted, "name"))
            .map_or(Doubt, |values| entry(wanted, !values.is_empty(), &values))
    }

    /// S53.
    fn calls(&self, call: &Value) -> Truth {
        let Some(path) = self.path() else { return Doubt };
        let Some(method) = path.strip_prefix(&format!("/{}/", text(call, "service"))) else { return No };
        let right = match text(call, "method") {
            "" => !method.is_empty() && !method.contains('/'),
            wanted => method == wanted,
        };
        let content = self.header("content-type");
        let is_grpc = |value: &Vec<u8>| {
            let kinds = ["application/grpc", "application/grpc-web", "application/grpc-web-text"];
            kinds
                .iter()
                .filter_map(|kind| value.strip_prefix(kind.as_bytes()))
                .any(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
        };
        let grpc = content.is_some_and(|values| !values.is_empty() && values.iter().all(is_grpc));
        match (right, grpc && self.head.method.as_deref() == Some(b"POST")) {
            (false, _) => No,
            (true, certain) => {
                if certain {
                    Yes
                } else {
                    Doubt
                }
            }
        }
    }

    /// The tokens that were verified; nothing where none would be, or they cannot be read (S54).
    pub(super) fn tokens(&self) -> Option<&[Value]> {
        match self.tokens {
            Tokens::Verified(tokens) if self.facts.verifies_tokens() => Some(tokens),
            _ => None,
        }
    }

    fn has_token(&self, wanted: &Value) -> Truth {
        let Some(tokens) = self.tokens() else { return Doubt };
        let listed = |values: &[Value]| serde_json::json!({ "exact": values });
        let one = |token: &Value| {
            let mut parts = Vec::new();
            for (field, claim) in [("issuer", "iss"), ("subject", "sub"), ("audiences", "aud")] {
                let values = list(wanted, field);
                match values {
                    [] => {}
                    [form @ Value::Object(_)] => parts.push(has_claim(token.get(claim), form)),
                    _ => parts.push(has_claim(token.get(claim), &listed(values))),
                }
            }
            parts.extend(list(wanted, "claims").iter().map(|entry| {
                let keys: Vec<&str> = list(entry, "claim").iter().filter_map(Value::as_str).collect();
                claim(token, &keys).map_or(Doubt, |claim| has_claim(claim, entry))
            }));
            Truth::all(parts)
        };
        Truth::any(tokens.iter().map(one))
    }
}

/// All readings of a value that came in these lines, each of which may be a list.
fn listed(lines: &[Vec<u8>], joints: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut readings = lines.to_vec();
    for line in lines {
        let elements = line.split(|byte| *byte == b',');
        readings.extend(elements.chain([line.as_slice()]).map(|text| text.trim_ascii().to_vec()));
    }
    if lines.len() > 1 {
        readings.extend(joints.iter().map(|joint| lines.join(*joint)));
    }
    readings
}

/// What a token says under these keys, if that can be told: nothing can be told of `null`, and of what is inside another
/// value than an object.
pub(super) fn claim<'t>(token: &'t Value, keys: &[&str]) -> Option<Option<&'t Value>> {
    match (token, keys) {
        (Value::Null, _) => None,
        (_, []) => Some(Some(token)),
        (Value::Object(claims), [key, rest @ ..]) => {
            claims.get(*key).map_or(Some(None), |inner| claim(inner, rest))
        }
        _ => None,
    }
}

/// Whether a claim is what `wanted` says; of a list, one of its elements.
fn has_claim(claim: Option<&Value>, wanted: &Value) -> Truth {
    let present = wanted.get("present").is_some();
    match claim {
        Some(Value::Array(elements)) if !present => {
            Truth::any(elements.iter().map(|element| scalar(element, wanted)))
        }
        Some(value) if !present => scalar(value, wanted),
        _ => entry(wanted, claim.is_some(), &[]),
    }
}

fn scalar(value: &Value, wanted: &Value) -> Truth {
    written(value).map_or(Doubt, |text| entry(wanted, true, &[text.into_bytes()]))
}

/// The text of a claim: strings, truth values, and numbers that every implementation has exactly.
pub(super) fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => whole(number.as_f64()?).map(|number| number.to_string()),
        _ => None,
    }
}

/// A number that is whole and below 2^53.
#[expect(clippy::cast_possible_truncation, reason = "it is known to fit")]
pub(super) fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i64)
}

/// CGI writes every other character as `_`.
fn folded_byte(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte } else { b'_' }
}

/// What stands before the port, and the port.
fn split_port(text: &str) -> (&str, &str) {
    let host = text.rfind(']').map_or(0, |end| end + 1);
    match text.get(host..).and_then(|rest| rest.find(':')) {
        Some(colon) => (text.get(..host + colon).unwrap_or(text), text.get(host + colon + 1..).unwrap_or("")),
        None => (text, ""),
    }
}

/// Whether a header passes for one that says where the request ends (S65).
pub(super) fn has_two_ends(head: &Head) -> bool {
    let passes = |name: &[u8]| {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let folded = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        folded != name && matches!(folded.as_str(), "transfer-encoding" | "content-length")
    };
    head.headers.iter().any(|(name, _)| passes(name))
}
