//! What a pattern matches: to aim with, not to judge by.

use crate::dice::Dice;
use crate::policy::Source;
use crate::world::Peer;

/// Whether a text matches.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        _ => text == pattern,
    }
}

/// A text that matches, with `rest` for what may be anything.
pub(super) fn instance(pattern: &str, rest: &str) -> String {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => rest.to_owned(),
        (Some(end), _) => format!("{rest}{end}"),
        (None, Some(start)) => format!("{start}{rest}"),
        _ => pattern.to_owned(),
    }
}

/// A path that matches.
pub(super) fn path(pattern: &str, dice: &mut Dice) -> String {
    const ONE: [&str; 8] = ["7", "a", "public", "x.css", "a-b_c~d", "v1.2", "A", "(1)"];
    const MANY: [&str; 7] = ["", "a", "a/b", "health", "v1/items", "x/", "b/c/d"];
    if pattern.contains('{') {
        let mut text = String::new();
        let mut rest = pattern;
        while let Some((before, behind)) = rest.split_once('{') {
            text.push_str(before);
            let (name, behind) = behind.split_once('}').unwrap_or((behind, ""));
            text.push_str(if name == "**" { dice.text(&MANY) } else { dice.text(&ONE) });
            rest = behind;
        }
        return text + rest;
    }
    match pattern {
        "*" => format!("/{}", dice.text(&MANY)),
        _ if pattern.starts_with('*') => instance(pattern, dice.text(&["/", "/a", "/a/b", "/public/"])),
        _ => instance(pattern, dice.text(&MANY)),
    }
}

/// Whether a peer is likely to be meant.
pub(super) fn peer(source: &Source, peer: &Peer) -> bool {
    let principal = peer.principal().unwrap_or_default();
    let (domain, namespace, account) = peer.account.unwrap_or_default();
    let address = peer.ip().to_string();
    let any = |patterns: &[String], text: &str| patterns.iter().any(|pattern| matches(pattern, text));
    let accounts = |names: &[String]| {
        names.iter().any(|name| *name == account || *name == format!("{namespace}/{account}"))
    };
    let blocks = |blocks: &[String]| {
        blocks.iter().any(|block| {
            let (start, length) = block.split_once('/').unwrap_or((block, "32"));
            let octets = length.parse::<usize>().unwrap_or_default() / 8;
            let head = |text: &str| text.split('.').take(octets).map(str::to_owned).collect::<Vec<_>>();
            !block.contains(':') && head(start) == head(&address)
        })
    };
    let holds = |values: bool, none: bool, matched: bool| none || values == matched;
    holds(true, source.principals.is_empty(), any(&source.principals, &principal))
        && holds(false, source.not_principals.is_empty(), any(&source.not_principals, &principal))
        && holds(true, source.namespaces.is_empty(), any(&source.namespaces, namespace))
        && holds(false, source.not_namespaces.is_empty(), any(&source.not_namespaces, namespace))
        && holds(true, source.service_accounts.is_empty(), accounts(&source.service_accounts))
        && holds(false, source.not_service_accounts.is_empty(), accounts(&source.not_service_accounts))
        && holds(true, source.trust_domains.is_empty(), any(&source.trust_domains, domain))
        && holds(false, source.not_trust_domains.is_empty(), any(&source.not_trust_domains, domain))
        && holds(true, source.ip_blocks.is_empty(), blocks(&source.ip_blocks))
        && holds(false, source.not_ip_blocks.is_empty(), blocks(&source.not_ip_blocks))
}
