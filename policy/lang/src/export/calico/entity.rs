//! `source`, `destination` and what else is in a rule of Calico's.

use bookend_engine::{Action, End, PortMatch, PortRange, Protocol, Rule};
use serde_json::{Map, Value, json};

use super::super::address::Range;
use super::super::peer::{Group, Remote, Spaces};
use super::super::port::Ports;
use super::selector;

/// Those at the other end, as fields of a `source` or `destination`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entity(Map<String, Value>);

impl Entity {
    /// In a policy of the namespace `own`, or of the whole cluster.
    pub(super) fn of(remote: &Remote, own: Option<&str>) -> Self {
        let mut fields = Map::new();
        match remote {
            Remote::Everybody => {}
            Remote::Addresses(Range { net, except }) => {
                fields.insert("nets".to_owned(), json!([net.to_string()]));
                if !except.is_empty() {
                    let except: Vec<String> = except.iter().map(ToString::to_string).collect();
                    fields.insert("notNets".to_owned(), json!(except));
                }
            }
            Remote::Group(Group { spaces, pods, accounts }) => {
                let is_own = matches!(spaces, Spaces::Named(name) if Some(name.as_str()) == own);
                if !is_own {
                    fields.insert("namespaceSelector".to_owned(), json!(selector::of(&spaces.pods())));
                }
                if !pods.is_any() || (is_own && accounts.is_empty()) {
                    fields.insert("selector".to_owned(), json!(selector::of(pods)));
                }
                if !accounts.is_empty() {
                    fields.insert("serviceAccounts".to_owned(), json!({ "names": accounts }));
                }
            }
        }
        Self(fields)
    }
}

/// The rules that say what a rule says at an end, and why a part of its ports is missing.
pub(super) fn rules(rule: &Rule, end: End, entities: &[Entity]) -> (Vec<Value>, Option<&'static str>) {
    let action = match rule.action {
        Action::Allow => "Allow",
        Action::Deny => "Deny",
        Action::Pass => "Pass",
    };
    let mut ports = Ports::of(rule);
    let protocols = match &mut ports.list {
        None => vec![Map::new()],
        Some(list) => {
            let before = list.len();
            list.retain(|port| port.protocol() != Protocol::Other);
            if list.len() < before {
                ports.lost = Some("protocols other than TCP, UDP, SCTP and ICMP cannot be named together");
            }
            by_protocol(list)
        }
    };
    let mut rules = Vec::new();
    for entity in entities {
        for protocol in &protocols {
            let mut written = protocol.clone();
            written.insert("action".to_owned(), json!(action));
            let ports = written.remove("ports").map(|ports| ("ports".to_owned(), ports));
            let (mut source, mut destination) = (Map::new(), Map::new());
            match end {
                End::Destination => source = entity.0.clone(),
                End::Source => destination = entity.0.clone(),
            }
            destination.extend(ports);
            for (field, entity) in [("source", source), ("destination", destination)] {
                if !entity.is_empty() {
                    written.insert(field.to_owned(), Value::Object(entity));
                }
            }
            rules.push(Value::Object(written));
        }
    }
    (rules, ports.lost)
}

/// The fields for each protocol; the destination's ports are under `ports`.
fn by_protocol(list: &[PortMatch]) -> Vec<Map<String, Value>> {
    let mut found = Vec::new();
    for protocol in Protocol::ALL {
        let own: Vec<&PortMatch> = list.iter().filter(|port| port.protocol() == protocol).collect();
        let all = own
            .iter()
            .any(|port| matches!(port, PortMatch::Range(range) if *range == PortRange::all(protocol)));
        let named = |fields: Vec<(&str, Value)>| {
            let mut map = Map::from_iter([("protocol".to_owned(), json!(protocol.name()))]);
            map.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
            map
        };
        if own.is_empty() {
            continue;
        }
        if all {
            found.push(named(Vec::new()));
        } else if protocol.is_icmp() {
            found.extend(own.iter().filter_map(|port| icmp(port)).map(|kind| named(vec![("icmp", kind)])));
        } else {
            let ports: Vec<Value> = own.iter().map(|port| port_value(port)).collect();
            found.push(named(vec![("ports", json!(ports))]));
        }
    }
    found
}

/// Type and code.
fn icmp(port: &PortMatch) -> Option<Value> {
    let PortMatch::Range(range) = port else { return None };
    let ([kind, first], [_, last]) = (range.first().to_be_bytes(), range.last().to_be_bytes());
    Some(if first == last { json!({ "type": kind, "code": first }) } else { json!({ "type": kind }) })
}

fn port_value(port: &PortMatch) -> Value {
    match port {
        PortMatch::Named(named) => json!(named.name),
        PortMatch::Range(range) if range.first() == range.last() => json!(range.first()),
        PortMatch::Range(range) => json!(format!("{}:{}", range.first().max(1), range.last())),
    }
}
