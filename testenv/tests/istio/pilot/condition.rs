//! One condition of a rule, and the permission or principal it becomes (`model/model.go`, `model/generator.go`).

use serde_json::{Value, json};

use super::{Mistake, text};
use crate::policy::{self, Operation, Source};

/// Where Envoy wants a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// What is done.
    Permission,
    /// Who does it.
    Principal,
}

impl Side {
    pub(super) fn and(self, all: &[Value]) -> Value {
        match self {
            Self::Permission => json!({ "and_rules": { "rules": all } }),
            Self::Principal => json!({ "and_ids": { "ids": all } }),
        }
    }

    fn or(self, any: &[Value]) -> Value {
        match self {
            Self::Permission => json!({ "or_rules": { "rules": any } }),
            Self::Principal => json!({ "or_ids": { "ids": any } }),
        }
    }

    pub(super) fn not(self) -> &'static str {
        match self {
            Self::Permission => "not_rule",
            Self::Principal => "not_id",
        }
    }
}

/// What is asked.
#[derive(Clone, Debug)]
enum Key<'p> {
    Host,
    Method,
    Path,
    Port,
    DestinationIp,
    Sni,
    Principal,
    RequestPrincipal,
    ServiceAccount,
    Namespace,
    TrustDomain,
    RemoteIp,
    SourceIp,
    Header(&'p str),
    Claim(Vec<&'p str>),
}

/// A condition: one of the values, and none of the others.
#[derive(Clone, Debug)]
pub(super) struct Condition<'p> {
    key: Key<'p>,
    pub(super) values: &'p [String],
    pub(super) not_values: &'p [String],
}

impl<'p> Condition<'p> {
    /// In the order of pilot.
    pub(super) fn of_source(source: &'p Source) -> Vec<Self> {
        vec![
            Self::new(Key::Principal, &source.principals, &source.not_principals),
            Self::new(Key::RequestPrincipal, &source.request_principals, &source.not_request_principals),
            Self::new(Key::ServiceAccount, &source.service_accounts, &source.not_service_accounts),
            Self::new(Key::Namespace, &source.namespaces, &source.not_namespaces),
            Self::new(Key::TrustDomain, &source.trust_domains, &source.not_trust_domains),
            Self::new(Key::RemoteIp, &source.remote_ip_blocks, &source.not_remote_ip_blocks),
            Self::new(Key::SourceIp, &source.ip_blocks, &source.not_ip_blocks),
        ]
    }

    pub(super) fn of_operation(operation: &'p Operation) -> Vec<Self> {
        vec![
            Self::new(Key::Host, &operation.hosts, &operation.not_hosts),
            Self::new(Key::Method, &operation.methods, &operation.not_methods),
            Self::new(Key::Path, &operation.paths, &operation.not_paths),
            Self::new(Key::Port, &operation.ports, &operation.not_ports),
        ]
    }

    pub(super) fn of_when(when: &'p policy::Condition) -> Self {
        let inner = |start: &str| when.key.strip_prefix(start).and_then(|rest| rest.strip_suffix(']'));
        let key = match when.key.as_str() {
            "destination.ip" => Key::DestinationIp,
            "destination.port" => Key::Port,
            "connection.sni" => Key::Sni,
            "source.ip" => Key::SourceIp,
            "remote.ip" => Key::RemoteIp,
            "source.namespace" => Key::Namespace,
            "source.serviceAccount" => Key::ServiceAccount,
            "source.principal" => Key::Principal,
            "request.auth.principal" => Key::RequestPrincipal,
            "request.auth.audiences" => Key::Claim(vec!["aud"]),
            "request.auth.presenter" => Key::Claim(vec!["azp"]),
            other => match (inner("request.headers["), inner("request.auth.claims[")) {
                (Some(name), _) => Key::Header(name),
                (_, Some(names)) => Key::Claim(names.split("][").collect()),
                _ => panic!("`{other}` is no attribute"),
            },
        };
        Self::new(key, &when.values, &when.not_values)
    }

    fn new(key: Key<'p>, values: &'p [String], not_values: &'p [String]) -> Self {
        Self { key, values, not_values }
    }

    pub(super) fn side(&self) -> Side {
        match self.key {
            Key::Host | Key::Method | Key::Path | Key::Port | Key::DestinationIp | Key::Sni => {
                Side::Permission
            }
            _ => Side::Principal,
        }
    }

    pub(super) fn is_path(&self) -> bool {
        matches!(self.key, Key::Path)
    }

    /// Whether it means nothing on a stream.
    pub(super) fn http_only(&self) -> bool {
        matches!(
            self.key,
            Key::Host | Key::Method | Key::Path | Key::RequestPrincipal | Key::Header(_) | Key::Claim(_)
        )
    }

    /// Holds where one of the values does.
    pub(super) fn any_of(&self, values: &[String], namespace: &str, mistake: Option<Mistake>) -> Value {
        if let Key::Claim(names) = &self.key {
            return claim(names, values, mistake);
        }
        let values: Vec<String> = match self.key {
            Key::Principal if mistake != Some(Mistake::Aliases) => {
                values.iter().flat_map(|value| text::aliases(value)).collect()
            }
            Key::TrustDomain if mistake != Some(Mistake::Aliases) => {
                values.iter().flat_map(|value| text::domains(value)).collect()
            }
            _ => values.to_vec(),
        };
        let any: Vec<Value> = values.iter().map(|value| self.one(value, namespace, mistake)).collect();
        self.side().or(&any)
    }

    fn one(&self, value: &str, namespace: &str, mistake: Option<Mistake>) -> Value {
        let named = |matcher: Value| json!({ "authenticated": { "principal_name": matcher } });
        match &self.key {
            Key::Host => json!({ "header": text::host(value, mistake) }),
            Key::Method => json!({ "header": text::header(":method", value) }),
            Key::Header(name) => json!({ "header": text::header(name, value) }),
            Key::Path => text::path(value, mistake),
            Key::Port => json!({ "destination_port": value.parse::<u16>().unwrap() }),
            Key::DestinationIp => json!({ "destination_ip": text::block(value) }),
            Key::Sni => json!({ "requested_server_name": text::matcher(value) }),
            Key::SourceIp => json!({ "direct_remote_ip": text::block(value) }),
            Key::RemoteIp if mistake == Some(Mistake::Client) => {
                json!({ "direct_remote_ip": text::block(value) })
            }
            Key::RemoteIp => json!({ "remote_ip": text::block(value) }),
            Key::Principal => named(text::with_prefix(value, "spiffe://")),
            Key::Namespace => {
                let other = if mistake == Some(Mistake::Namespaces) { "x-" } else { "" };
                named(text::regex(&format!(".*/ns/{other}{}/.*", value.replace('*', ".*"))))
            }
            Key::TrustDomain if value.contains('*') => {
                named(text::regex(&format!("spiffe://{}/.*", value.replace('*', "[^/]*"))))
            }
            Key::TrustDomain => named(json!({ "prefix": format!("spiffe://{value}/") })),
            Key::ServiceAccount => {
                let (namespace, account) = value.split_once('/').unwrap_or((namespace, value));
                named(text::regex(&format!("spiffe://.+/ns/{namespace}/(.+/|)sa/{account}(/.+)?")))
            }
            Key::RequestPrincipal => request_principal(value),
            Key::Claim(names) => claim(names, &[value.to_owned()], mistake),
        }
    }
}

/// A claim that is one of the texts, or a list that holds one.
fn claim(names: &[&str], values: &[String], mistake: Option<Mistake>) -> Value {
    let texts: Vec<Value> =
        values.iter().map(|value| json!({ "string_match": text::matcher(value) })).collect();
    let text = match texts.as_slice() {
        [one] => one.clone(),
        several => json!({ "or_match": { "value_matchers": several } }),
    };
    let either = json!({ "or_match": { "value_matchers": [{ "list_match": { "one_of": text } }, text] } });
    let value = if mistake == Some(Mistake::Lists) { text } else { either };
    payload(names, &value)
}

fn payload(names: &[&str], value: &Value) -> Value {
    let path: Vec<Value> = ["payload"].iter().chain(names).map(|name| json!({ "key": name })).collect();
    json!({ "metadata": { "filter": "envoy.filters.http.jwt_authn", "path": path, "value": value } })
}

/// `issuer/subject`, divided at the last slash, with a `*` at either end.
fn request_principal(value: &str) -> Value {
    let anything = || text::regex(".+");
    let exact = |text: &str| json!({ "exact": text });
    let divided = value.rsplit_once('/');
    let (issuer, subject) = if value == "*" {
        (anything(), anything())
    } else if let Some(rest) = value.strip_prefix('*') {
        match divided {
            Some(("*", subject)) => (anything(), exact(subject)),
            Some((issuer, subject)) => (json!({ "suffix": issuer.trim_start_matches('*') }), exact(subject)),
            None => (anything(), json!({ "suffix": rest })),
        }
    } else if let Some(start) = value.strip_suffix('*') {
        match divided {
            Some((issuer, "*")) => (exact(issuer), anything()),
            Some((issuer, subject)) => (exact(issuer), json!({ "prefix": subject.trim_end_matches('*') })),
            None => (json!({ "prefix": start }), anything()),
        }
    } else {
        let (issuer, subject) = divided.unwrap_or((value, ""));
        (exact(issuer), exact(subject))
    };
    let part = |name: &str, text: &Value| payload(&[name], &json!({ "string_match": text }));
    json!({ "and_ids": { "ids": [part("iss", &issuer), part("sub", &subject)] } })
}
