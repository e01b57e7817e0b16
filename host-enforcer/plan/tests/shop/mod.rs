//! A small host, and the words to write policies for it.

use bookend_engine::{
    Action, Block, Clause, DEFAULT_TIER, Ends, Instance, Inventory, Isolation, Labels, Mode, NamespaceMatch,
    PeerMatch, Plane, PortMatch, Program, Protocol, Rule, Selector, Workload, WorkloadIdentity,
};
use bookend_plan::Plan;
use serde_json::Value;
use std::sync::Arc;

/// The workload under test, and three peers: another of its namespace, one with a proxy, one elsewhere.
pub(crate) fn workloads() -> Vec<Workload> {
    let workload = |namespace: &str, name: &str, proxied: bool, addresses: &[&str]| Workload {
        name: name.to_owned(),
        identity: WorkloadIdentity {
            namespace: namespace.to_owned(),
            service_account: "default".to_owned(),
            labels: Labels::from([("app".to_owned(), name.to_owned())]),
            proxied,
            ..WorkloadIdentity::default()
        },
        instances: vec![Instance {
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            ..Instance::default()
        }],
    };
    let mut workloads = vec![
        workload("a", "web", false, &["10.0.0.1", "fd00::1"]),
        workload("a", "db", false, &["10.0.0.2", "fd00::2"]),
        workload("a", "api", true, &["10.0.1.3"]),
        workload("b", "far", false, &["10.0.0.4"]),
    ];
    workloads[0].instances[0].interface = Some("veth0".to_owned());
    workloads
}

/// The labels of namespace `a` are known, those of `b` are not.
pub(crate) fn inventory_of(workloads: Vec<Workload>) -> Inventory {
    let team = Labels::from([("team".to_owned(), "one".to_owned())]);
    let namespaces = [("a".to_owned(), Arc::new(team))].into();
    Inventory::new("cluster.local".to_owned(), false, namespaces, workloads)
}

pub(crate) fn inventory() -> Inventory {
    inventory_of(workloads())
}

pub(crate) fn selector(namespace: &str, app: Option<&str>) -> Selector {
    Selector {
        namespaces: NamespaceMatch::Named(namespace.to_owned()),
        labels: app.map(|app| ("app".to_owned(), app.to_owned())).into_iter().collect(),
        expressions: Vec::new(),
        service_accounts: Clause::Any,
        proxied: None,
    }
}

pub(crate) fn app(namespace: &str, app: &str) -> PeerMatch {
    PeerMatch::workloads(selector(namespace, Some(app)))
}

pub(crate) fn cidr(cidr: &str, except: &[&str]) -> PeerMatch {
    let except = except.iter().map(|net| net.parse().unwrap()).collect();
    PeerMatch::block(Block::new(cidr.parse().unwrap(), except).unwrap())
}

pub(crate) fn rule(action: Action, name: &str) -> Rule {
    Rule {
        id: format!("a/p/{name}"),
        plane: Plane::Bookend,
        tier: DEFAULT_TIER,
        priority: 0,
        action,
        mode: Mode::Enforce,
        at: Ends::BOTH,
        namespace: Some("a".to_owned()),
        from: Clause::Any,
        to: Clause::Any,
        ports: Clause::Any,
        not_ports: Vec::new(),
        http: Clause::Any,
        answer: None,
        limits: None,
    }
}

pub(crate) fn one<T>(item: T) -> Clause<T> {
    Clause::one_of(vec![item]).unwrap()
}

pub(crate) fn tcp(first: u16, last: u16) -> Clause<PortMatch> {
    one(PortMatch::range(Protocol::Tcp, first, last).unwrap())
}

pub(crate) fn isolated(rules: Vec<Rule>) -> Program {
    Program::new(rules, vec![isolation()])
}

pub(crate) fn isolation() -> Isolation {
    Isolation {
        id: "a/p/isolate[0]".to_owned(),
        plane: Plane::Bookend,
        tier: DEFAULT_TIER,
        mode: Mode::Enforce,
        workloads: selector("a", None),
        egress: true,
        ingress: true,
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// What an audit says: ` (allow a/p/rule)`.
fn audit(value: &Value) -> String {
    let audit = &value["audit"];
    if audit.is_null() {
        return String::new();
    }
    format!(" ({} {})", text(audit, "verdict"), text(audit, "rule"))
}

/// The policy of one direction of `veth0`, a line for each entry.
pub(crate) fn lines(plan: &Plan, direction: &str) -> Vec<String> {
    let value = serde_json::to_value(plan).unwrap();
    let used_for = Value::from(format!("{direction} of veth0"));
    let policies = value["policies"].as_array().unwrap();
    let policy = policies.iter().find(|p| p["usedFor"].as_array().unwrap().contains(&used_for)).unwrap();
    let default = &policy["default"];
    let mut lines =
        vec![format!("else {} {}", text(default, "verdict"), text(default, "rule")) + &audit(default)];
    for block in policy["blocks"].as_array().into_iter().flatten() {
        lines.push(format!("{} is {}", text(block, "cidr"), block["block"]));
    }
    for row in policy["verdicts"].as_array().unwrap() {
        let ports = row["ports"].as_str().or(row["types"].as_str());
        let ports = ports.map(|ports| format!(" {ports}")).unwrap_or_default();
        lines.push(format!(
            "{}@{} {}{ports} {} {}{}",
            text(row, "peer"),
            row["block"],
            text(row, "protocol"),
            text(row, "verdict"),
            text(row, "rule"),
            audit(row)
        ));
    }
    // Peers are ordered by their numbers; people prefer names.
    lines[1..].sort();
    lines
}

pub(crate) fn check(program: &Program, direction: &str, expect: &[&str]) {
    let plan = Plan::build(program, &inventory(), &[]).unwrap();
    assert_eq!(lines(&plan, direction), expect);
}
