//! Policies.

use std::collections::BTreeMap;

use crate::dice::Dice;
use crate::policy::{
    Action, AuthorizationPolicy, Condition, From, Metadata, NAMESPACE, Operation, ROOT, Rule, Selector,
    Source, Spec, To,
};

/// Policies of one workload, and some that are not its.
pub(crate) fn policies(dice: &mut Dice) -> Vec<AuthorizationPolicy> {
    let mut found = Vec::new();
    if dice.chance(92) {
        found.push(policy(dice, Action::Allow, found.len()));
    }
    for _ in 0..dice.roll(4) {
        let action = match dice.roll(20) {
            0..9 => Action::Deny,
            9 => Action::Audit,
            _ => Action::Allow,
        };
        found.push(policy(dice, action, found.len()));
    }
    found
}

fn policy(dice: &mut Dice, action: Action, number: usize) -> AuthorizationPolicy {
    let namespace = match dice.roll(20) {
        0..15 => NAMESPACE,
        15..19 => ROOT,
        _ => "ops",
    };
    let selector = match dice.roll(12) {
        0..6 => None,
        6..9 => Some(vec![("app", "server")]),
        9 => Some(vec![("app", "server"), ("version", "v1")]),
        10 => Some(Vec::new()),
        _ => Some(vec![("app", "web")]),
    };
    let dry_run = dice.chance(5).then(|| ("istio.io/dry-run".to_owned(), "true".to_owned()));
    let rules = match dice.roll(30) {
        0 => Vec::new(),
        1 if action == Action::Allow => vec![Rule::default()],
        _ => (0..=dice.roll(3)).map(|_| rule(dice, action)).collect(),
    };
    AuthorizationPolicy {
        api_version: dice.text(&["security.istio.io/v1", "security.istio.io/v1beta1"]).to_owned(),
        kind: "AuthorizationPolicy".to_owned(),
        metadata: Metadata {
            name: format!("p{number}"),
            namespace: namespace.to_owned(),
            annotations: dry_run.into_iter().collect(),
        },
        spec: Spec {
            selector: selector.map(|labels| {
                let labels = labels.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned()));
                Selector { match_labels: labels.collect::<BTreeMap<_, _>>() }
            }),
            action: if action == Action::Allow && dice.chance(30) { None } else { Some(action) },
            rules,
        },
    }
}

fn rule(dice: &mut Dice, action: Action) -> Rule {
    loop {
        let mut rule = Rule::default();
        if dice.chance(50) {
            rule.from = (0..=dice.roll(2)).map(|_| From { source: source(dice) }).collect();
        }
        if dice.chance(75) {
            rule.to = (0..=dice.roll(2)).map(|_| To { operation: operation(dice) }).collect();
        }
        if dice.chance(35) {
            rule.when = (0..=dice.roll(2)).map(|_| when(dice)).collect();
        }
        // What denies shall not deny everything.
        if action != Action::Deny || !(rule.from.is_empty() && rule.to.is_empty()) || !rule.when.is_empty() {
            return rule;
        }
    }
}

const PRINCIPALS: &[&str] = &[
    "cluster.local/ns/default/sa/web",
    "cluster.local/ns/default/sa/api",
    "cluster.local/ns/ops/sa/admin",
    "cluster.local/ns/default/*",
    "cluster.local/ns/ops*",
    "old.test/ns/default/sa/web",
    "far.test/ns/default/sa/web",
    "*local/ns/default/sa/web",
    "*/ns/ops/sa/admin",
    "*/sa/web",
    "*/admin",
    "*",
];
const NAMESPACES: &[&str] = &["default", "default", "ops", "ops-2", "ops*", "*-2", "ghost", "*"];
const ACCOUNTS: &[&str] = &["web", "api", "default/web", "ops/admin", "ops-2/web", "ghost/ghost"];
const DOMAINS: &[&str] = &["cluster.local", "cluster.local", "old.test", "far.test", "cluster*", "far*"];
const BLOCKS: &[&str] = &[
    "10.30.0.0/24",
    "10.30.0.1",
    "10.30.1.0/24",
    "10.30.0.0/16",
    "0.0.0.0/0",
    "10.99.0.0/16",
    "::/0",
    "10.30.9.9/32",
];
const CLIENTS: &[&str] = &[
    "203.0.113.0/24",
    "198.51.100.7",
    "10.30.0.0/16",
    "10.30.0.0/24",
    "2001:db8::/32",
    "203.0.113.9/32",
    "0.0.0.0/0",
];
const REQUEST_PRINCIPALS: &[&str] = &[
    "https://issuer.test/alice",
    "https://issuer.test/bob",
    "https://issuer.test/*",
    "https://issuer.test/a*",
    "accounts.test/bob",
    "accounts.test/*",
    "*/alice",
    "*.test/bob",
    "*bob",
    "https://issuer*",
    "accounts*",
    "*",
];
const HOSTS: &[&str] = &[
    "shop.test",
    "shop.test",
    "SHOP.test",
    "*.shop.test",
    "*.test",
    "api.*",
    "shop.*",
    "shop.test:8080",
    "shop.test:*",
    "*",
];
const METHODS: &[&str] = &["GET", "GET", "GET", "POST", "POST", "DELETE", "HEAD", "P*", "*T", "*"];
const PATHS: &[&str] = &[
    "/public",
    "/public",
    "/public/*",
    "/public*",
    "/api/v1/items",
    "/api/*",
    "/API/*",
    "*/health",
    "*health",
    "*.css",
    "/items/{*}",
    "/items/{*}/reviews",
    "/items/{*}/{*}",
    "/files/{**}",
    "/{*}/admin",
    "/{**}/admin",
    "/tenants/{*}/files/{**}",
    "/",
    "/*",
    "*",
];
const PORTS: &[&str] = &["8080", "8080", "9090", "7000", "7001", "80"];

fn source(dice: &mut Dice) -> Source {
    let mut source = Source::default();
    for _ in 0..=dice.roll(2) {
        match dice.roll(18) {
            16 => source.trust_domains = dice.some(DOMAINS, 2),
            17 => source.not_trust_domains = dice.some(DOMAINS, 2),
            0..3 => source.principals = dice.some(PRINCIPALS, 3),
            3 => source.not_principals = dice.some(PRINCIPALS, 2),
            4..6 => source.namespaces = dice.some(NAMESPACES, 2),
            6 => source.not_namespaces = dice.some(NAMESPACES, 2),
            7..9 => source.service_accounts = dice.some(ACCOUNTS, 2),
            9 => source.not_service_accounts = dice.some(ACCOUNTS, 2),
            10 => source.ip_blocks = dice.some(BLOCKS, 3),
            11 => source.not_ip_blocks = dice.some(BLOCKS, 2),
            12 => source.remote_ip_blocks = dice.some(CLIENTS, 3),
            13 => source.not_remote_ip_blocks = dice.some(CLIENTS, 2),
            14 => source.request_principals = dice.some(REQUEST_PRINCIPALS, 3),
            _ => source.not_request_principals = dice.some(REQUEST_PRINCIPALS, 2),
        }
    }
    // Service accounts stand beside neither principals nor namespaces (CustomResourceDefinition of AuthorizationPolicy).
    if !source.service_accounts.is_empty() || !source.not_service_accounts.is_empty() {
        source.principals.clear();
        source.not_principals.clear();
        source.namespaces.clear();
        source.not_namespaces.clear();
    }
    source
}

fn operation(dice: &mut Dice) -> Operation {
    let mut operation = Operation::default();
    for _ in 0..=dice.roll(2) {
        match dice.roll(20) {
            0..6 => operation.paths = dice.some(PATHS, 4),
            6..8 => operation.not_paths = dice.some(PATHS, 2),
            8..11 => operation.methods = dice.some(METHODS, 3),
            11 => operation.not_methods = dice.some(METHODS, 2),
            12..14 => operation.hosts = dice.some(HOSTS, 3),
            14 => operation.not_hosts = dice.some(HOSTS, 2),
            15..18 => operation.ports = dice.some(PORTS, 3),
            _ => operation.not_ports = dice.some(PORTS, 2),
        }
    }
    operation
}

fn when(dice: &mut Dice) -> Condition {
    let roles: &[&str] = &["admin", "ops", "adm*", "*s", "*", "admin,ops"];
    let groups: &[&str] = &["admin", "ops", "dev", "a*", "*v", "*", "admin,ops"];
    let names: &[&str] = &["shop.test", "*.shop.test", "outbound_*", "*.default.svc.cluster.local", "*"];
    let (key, from) = match dice.roll(24) {
        0..5 => ("request.headers[x-role]", roles),
        5 => ("request.headers[X-Tier]", &["gold", "go*", "*ld", "*", "gold "][..4]),
        6 => ("request.headers[user-agent]", &["curl/8.5", "curl/*", "*", "Mozilla/*"][..]),
        7 => ("source.ip", BLOCKS),
        8 => ("remote.ip", CLIENTS),
        9 => ("source.namespace", NAMESPACES),
        10 => ("source.principal", PRINCIPALS),
        11 => ("source.serviceAccount", ACCOUNTS),
        12 => ("request.auth.principal", REQUEST_PRINCIPALS),
        13 => ("request.auth.audiences", &["shop", "bank", "s*", "*"][..]),
        14 => ("request.auth.presenter", &["app", "a*", "*er", "*"][..]),
        15..17 => ("request.auth.claims[groups]", groups),
        17 => ("request.auth.claims[realm][roles]", &["admin", "ops", "*"][..]),
        18 => ("request.auth.claims[scope]", &["read", "write", "read write", "r*"][..]),
        19 => ("request.auth.claims[level]", &["3", "*"][..]),
        20 => ("request.auth.claims[admin]", &["true", "*"][..]),
        21 => ("destination.ip", &["10.20.0.0/16", "10.20.0.0/15", "10.99.0.1", "::/0"][..]),
        22 => ("destination.port", PORTS),
        _ => ("connection.sni", names),
    };
    let (mut values, mut not_values) = (dice.some(from, 2), Vec::new());
    match dice.roll(10) {
        0..3 => std::mem::swap(&mut values, &mut not_values),
        3 => not_values = dice.some(from, 1),
        _ => {}
    }
    Condition { key: key.to_owned(), values, not_values }
}
