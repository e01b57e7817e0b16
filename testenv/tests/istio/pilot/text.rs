//! Matchers of texts (`matcher/string.go`, `matcher/header.go`), principals (`trustdomain/bundle.go`), and blocks.

use serde_json::{Value, json};

use super::{Mistake, TRUST_DOMAINS};

/// What Istio calls a string match: `*` alone is anything but nothing, at an end it is any rest.
pub(super) fn matcher(value: &str) -> Value {
    with_prefix(value, "")
}

/// The same behind a prefix, which `*` alone does without.
pub(super) fn with_prefix(value: &str, prefix: &str) -> Value {
    if value == "*" {
        regex(".+")
    } else if let Some(rest) = value.strip_prefix('*') {
        if prefix.is_empty() { json!({ "suffix": rest }) } else { regex(&format!("{prefix}.*{rest}")) }
    } else if let Some(start) = value.strip_suffix('*') {
        json!({ "prefix": format!("{prefix}{start}") })
    } else {
        json!({ "exact": format!("{prefix}{value}") })
    }
}

/// The whole text matches.
pub(super) fn regex(pattern: &str) -> Value {
    json!({ "safe_regex": { "regex": pattern } })
}

/// A header, or a method.
pub(super) fn header(name: &str, value: &str) -> Value {
    if value == "*" {
        json!({ "name": name, "present_match": true })
    } else {
        json!({ "name": name, "string_match": matcher(value) })
    }
}

/// A host, in any case.
pub(super) fn host(value: &str, mistake: Option<Mistake>) -> Value {
    let mut header = header(":authority", value);
    if let Some(matcher) = header.get_mut("string_match").and_then(Value::as_object_mut) {
        matcher.insert("ignore_case".to_owned(), json!(mistake != Some(Mistake::HostCase)));
    }
    header
}

/// A path, or a template of paths.
pub(super) fn path(value: &str, mistake: Option<Mistake>) -> Value {
    if !value.contains("{*}") && !value.contains("{**}") {
        return json!({ "url_path": { "path": matcher(value) } });
    }
    // Envoy takes one `**` in a template.
    let single = value.matches("{*}").count() == 1 && !value.contains("{**}");
    let one = if single && mistake == Some(Mistake::Segments) { "**" } else { "*" };
    let template = value.replace("{*}", one).replace("{**}", "**");
    json!({ "uri_template": {
        "name": "uri-template",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
            "path_template": template,
        },
    } })
}

/// An address or a block.
pub(super) fn block(value: &str) -> Value {
    let (address, length) =
        value.split_once('/').unwrap_or((value, if value.contains(':') { "128" } else { "32" }));
    json!({ "address_prefix": address, "prefix_len": length.parse::<u8>().unwrap() })
}

/// A trust domain, under every name if it is that of the mesh.
pub(super) fn domains(domain: &str) -> Vec<String> {
    let own = TRUST_DOMAINS.contains(&domain);
    if own { TRUST_DOMAINS.map(str::to_owned).to_vec() } else { vec![domain.to_owned()] }
}

/// A principal under every name that its trust domain has.
pub(super) fn aliases(principal: &str) -> Vec<String> {
    let parts: Vec<&str> = principal.split('/').collect();
    let [domain, rest @ ..] = parts.as_slice() else { return vec![principal.to_owned()] };
    if parts.len() != 5 || *domain == "*" {
        return vec![principal.to_owned()];
    }
    let either = |text: &str, pattern: &str| {
        let ends = pattern.strip_prefix('*').is_some_and(|end| text.ends_with(end));
        ends || pattern.strip_suffix('*').is_some_and(|start| text.starts_with(start))
    };
    let known =
        TRUST_DOMAINS.iter().any(|other| other == domain || either(other, domain) || either(domain, other));
    if !known {
        return vec![principal.to_owned()];
    }
    let mut found = Vec::new();
    for other in TRUST_DOMAINS {
        let kept = domain.strip_prefix('*').is_some_and(|end| other.ends_with(end));
        let name = if kept { principal.to_owned() } else { [&[other], rest].concat().join("/") };
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}
