//! Who is at an end, and whether a peer of a rule means him.

use core::net::IpAddr;

use serde_json::Value;

use super::document::{Documents, Workload, list, text};
use super::service::NOWHERE;
use super::truth::Truth::{self, Doubt, No, Yes};

/// One of those who may be at an end (S22).
#[derive(Clone, Debug)]
pub(super) enum Candidate<'d> {
    /// Nobody of the inventory.
    Outside,
    /// Anybody at all.
    Anybody,
    /// Somebody under an account that has no known workload.
    Account(String, String),
    Workload(&'d Workload),
}

impl Candidate<'_> {
    pub(super) fn namespace(&self) -> Option<&str> {
        match self {
            Self::Outside | Self::Anybody => None,
            Self::Account(namespace, _) => Some(namespace),
            Self::Workload(workload) => Some(&workload.namespace),
        }
    }

    pub(super) fn account(&self) -> Option<&str> {
        match self {
            Self::Outside | Self::Anybody => None,
            Self::Account(_, account) => Some(account),
            Self::Workload(workload) => Some(&workload.account),
        }
    }
}

/// Everything that can be told of an end.
#[derive(Clone, Debug)]
pub(super) struct Party<'d> {
    pub(super) candidates: Vec<Candidate<'d>>,
    pub(super) address: Option<IpAddr>,
    /// The principals that it may have; nothing where that cannot be told (S41).
    pub(super) principals: Option<Vec<String>>,
}

impl Party<'_> {
    /// Whose policies govern the end (S4).
    pub(super) fn namespace(&self) -> Option<&str> {
        self.candidates.first().and_then(Candidate::namespace)
    }

    /// Whether one of `peers` means this party; `own` is the namespace of the policy that says so.
    /// A principal that cannot be told is taken to be `open`.
    pub(super) fn among(
        &self,
        peers: &[Value],
        own: Option<&str>,
        documents: &Documents,
        open: Truth,
    ) -> Truth {
        let any =
            |candidate| Truth::any(peers.iter().map(|peer| self.is(candidate, peer, own, documents, open)));
        Truth::agreed(self.candidates.iter().map(any))
    }

    fn is(
        &self,
        candidate: &Candidate<'_>,
        peer: &Value,
        own: Option<&str>,
        documents: &Documents,
        open: Truth,
    ) -> Truth {
        let block = |value: &Value| within(value, self.address);
        let mut parts = Vec::new();
        if let Some(workloads) = peer.get("workloads") {
            parts.push(selects(workloads, candidate, own, documents));
        }
        if peer.get("cidr").is_some() {
            parts.push(block(peer));
        }
        if let Some(name) = peer.get("network").and_then(Value::as_str) {
            let network = documents.networks.get(name);
            parts.push(Truth::any(network.into_iter().flat_map(|(_, blocks)| blocks).map(block)));
        }
        if let Some(networks) = peer.get("networks") {
            let chosen = documents.networks.values().filter(|(labels, _)| labelled(networks, labels));
            parts.push(Truth::any(chosen.flat_map(|(_, blocks)| blocks).map(block)));
        }
        if let patterns @ [_, ..] = list(peer, "principals") {
            parts.push(match &self.principals {
                None => open,
                Some(names) => Truth::any(patterns.iter().map(|pattern| {
                    Truth::agreed(names.iter().map(|name| Truth::is(is_principal(name, pattern.as_str()))))
                })),
            });
        }
        if let entities @ [_, ..] = list(peer, "entities") {
            let entity = |entity: &Value| self.is_entity(candidate, entity.as_str(), documents);
            parts.push(Truth::any(entities.iter().map(entity)));
        }
        let not = list(peer, "not");
        parts.extend(not.iter().map(|inner| self.is(candidate, inner, own, documents, open.not()).not()));
        Truth::all(parts)
    }

    /// S43.
    fn is_entity(&self, candidate: &Candidate<'_>, name: Option<&str>, documents: &Documents) -> Truth {
        let Documents { nodes, api_servers, cluster_cidrs, .. } = documents;
        let among = |blocks: &[Value]| Truth::any(blocks.iter().map(|block| within(block, self.address)));
        match name {
            Some("node") => among(nodes),
            Some("kube-apiserver") => among(api_servers),
            Some("world") => self.is_entity(candidate, Some("cluster"), documents).not(),
            _ => {
                let known = match candidate {
                    Candidate::Outside => No,
                    Candidate::Anybody => Doubt,
                    Candidate::Account(..) | Candidate::Workload(_) => Yes,
                };
                Truth::any([known, among(nodes), among(api_servers), among(cluster_cidrs)])
            }
        }
    }
}

/// Whether a selector means `candidate` (S11, S40).
pub(super) fn selects(
    selector: &Value,
    candidate: &Candidate<'_>,
    own: Option<&str>,
    documents: &Documents,
) -> Truth {
    let (Some(namespace), Some(account)) = (candidate.namespace(), candidate.account()) else {
        return if matches!(candidate, Candidate::Anybody) { Doubt } else { No };
    };
    let labels = match candidate {
        Candidate::Workload(workload) => Some(&workload.labels),
        _ => None,
    };
    let accounts = list(selector, "serviceAccounts");
    let in_namespace = match (selector.get("namespace"), selector.get("namespaces")) {
        (Some(named), _) => Truth::is(named.as_str() == Some(namespace)),
        (None, Some(labelled)) => by_labels(labelled, documents.namespaces.get(namespace)),
        (None, None) => Truth::is(own.is_none_or(|own| own == namespace)),
    };
    let proxied = match (selector.get("proxy").and_then(Value::as_bool), candidate) {
        (None, _) => Yes,
        (Some(wanted), Candidate::Workload(workload)) => Truth::is(workload.proxied == wanted),
        (Some(_), _) => Doubt,
    };
    let account = Truth::is(accounts.is_empty() || accounts.iter().any(|a| a.as_str() == Some(account)));
    Truth::all([in_namespace, account, proxied, by_labels(selector, labels)])
}

fn by_labels(selector: &Value, labels: Option<&Value>) -> Truth {
    let asks = |field| match selector.get(field) {
        Some(Value::Object(map)) => !map.is_empty(),
        other => other.is_some(),
    };
    match labels {
        Some(labels) => Truth::is(labelled(selector, labels)),
        None if asks("labels") || asks("matchExpressions") => Doubt,
        None => Yes,
    }
}

/// Whether labels are those that `labels` and `matchExpressions` want.
fn labelled(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.get("labels").and_then(Value::as_object);
    let pairs = wanted.into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    pairs
        && list(selector, "matchExpressions").iter().all(|expression| {
            let value = labels.get(text(expression, "key"));
            let listed = value.is_some_and(|value| list(expression, "values").contains(value));
            match text(expression, "operator") {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                // S84.
                affix => {
                    let (negated, affix) = match affix.strip_prefix("Not") {
                        Some(affix) => (true, affix),
                        None => (false, affix),
                    };
                    let has = |part: &Value| {
                        let (Some(value), Some(part)) = (value.and_then(Value::as_str), part.as_str()) else {
                            return false;
                        };
                        match affix {
                            "StartsWith" => value.starts_with(part),
                            "EndsWith" => value.ends_with(part),
                            _ => value.contains(part),
                        }
                    };
                    list(expression, "values").iter().any(has) != negated
                }
            }
        })
}

/// Whether an address is in a block: a text, or `cidr` with `except` (S13).
pub(super) fn within(block: &Value, address: Option<IpAddr>) -> Truth {
    let cidr = block.as_str().unwrap_or_else(|| text(block, "cidr"));
    let Some(address) = address.map(|address| address.to_canonical()) else { return Doubt };
    if address == NOWHERE {
        return No;
    }
    let inside = |cidr: &str| {
        let (base, length) = cidr.split_once('/').unwrap_or((cidr, ""));
        let bits = |address| match address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
            IpAddr::V6(v6) => (v6.to_bits(), 128),
        };
        let Ok(base) = base.parse::<IpAddr>() else { return false };
        let ((wanted, all), (given, other)) = (bits(base), bits(address));
        let length = length.parse().unwrap_or(all);
        all == other && (wanted ^ given).checked_shr(128_u32.saturating_sub(length)).unwrap_or(0) == 0
    };
    let except = list(block, "except");
    Truth::is(inside(cidr) && !except.iter().any(|e| inside(e.as_str().unwrap_or_default())))
}

/// S41.
fn is_principal(name: &str, pattern: Option<&str>) -> bool {
    let pattern = pattern.unwrap_or_default();
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => name == pattern,
    }
}

/// Who is at an address, to whoever believes addresses (S23).
pub(super) fn by_address(documents: &Documents, address: IpAddr) -> Party<'_> {
    let workload = documents.at(address);
    let candidate = workload.map_or(Candidate::Outside, Candidate::Workload);
    let id = workload.map(|w| spiffe_id(documents, &w.namespace, &w.account));
    Party { candidates: vec![candidate], address: Some(address), principals: id.map(|id| vec![id]) }
}

pub(super) fn spiffe_id(documents: &Documents, namespace: &str, account: &str) -> String {
    format!("spiffe://{}/ns/{namespace}/sa/{account}", documents.trust_domain)
}

/// Namespace and account that a certificate proves (S21).
pub(super) fn account(documents: &Documents, uri_sans: &[String]) -> Option<(String, String)> {
    let [san] = uri_sans else { return None };
    let rest = san.strip_prefix(&format!("spiffe://{}/ns/", documents.trust_domain))?;
    let (namespace, account) = rest.split_once("/sa/")?;
    let plain = |part: &str| !part.is_empty() && !part.contains('/');
    (plain(namespace) && plain(account)).then(|| (namespace.to_owned(), account.to_owned()))
}

/// The workloads under an account, or the one of them that has the address (S22).
pub(super) fn candidates<'d>(
    documents: &'d Documents,
    namespace: &str,
    account: &str,
    seen: Option<Party<'d>>,
) -> Vec<Candidate<'d>> {
    let ours = |c: &Candidate<'_>| c.namespace() == Some(namespace) && c.account() == Some(account);
    let direct: Vec<_> = seen.into_iter().flat_map(|party| party.candidates).filter(ours).collect();
    match direct.is_empty() {
        true => documents.workloads.iter().map(Candidate::Workload).filter(ours).collect(),
        false => direct,
    }
}
