//! A few workloads and a few policies, and the connections between them.

use core::net::IpAddr;

use bookend_engine::{End, Protocol};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use super::document::{Policy, Style, policy, single};
use super::peer::{labels, namespace};
use super::port::PORTS;
use crate::{Head, Party, Question, Seen, Tokens, Traffic, World};

/// Documents that belong together.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The inventory, and what else there is besides policies.
    pub surroundings: Vec<String>,
    /// The policies.
    pub policies: Vec<Policy>,
}

impl Scenario {
    /// The documents, compiled.
    ///
    /// # Errors
    /// When they are refused, which is a mistake of the generator.
    pub fn world(&self) -> anyhow::Result<World> {
        self.world_in_order(0)
    }

    /// The documents, compiled in another order of documents and of rules.
    ///
    /// # Errors
    /// When they are refused, which is a mistake of the generator.
    pub fn world_in_order(&self, turn: usize) -> anyhow::Result<World> {
        let mut texts = self.texts(turn);
        let middle = turn % texts.len().max(1);
        texts.rotate_left(middle);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        World::compile(&texts)
    }

    /// The documents. `turn` moves the first rules of each list to its end.
    pub fn texts(&self, turn: usize) -> Vec<String> {
        let policies = self.policies.iter().map(|policy| policy.document(turn));
        policies.chain(self.surroundings.iter().cloned()).collect()
    }

    /// The same with one policy more.
    #[must_use]
    pub fn with(&self, policy: Policy) -> Self {
        let mut scenario = self.clone();
        scenario.policies.push(policy);
        scenario
    }
}

/// The ends of a connection, to be found in a world.
#[derive(Clone, Debug)]
pub struct Pair {
    source: Index,
    destination: Index,
    protocol: Protocol,
    port: u16,
    /// Type and code, for ICMP.
    kind: (u8, u8),
}

impl Pair {
    /// The question whether the connection's first packet passes, in this world.
    pub fn question(&self, world: &World) -> Question {
        let mut addresses: Vec<IpAddr> = world
            .inventory
            .workloads()
            .iter()
            .flat_map(|workload| &workload.instances)
            .flat_map(|instance| instance.addresses.clone())
            .collect();
        addresses.extend(STRANGERS.iter().filter_map(|text| text.parse::<IpAddr>().ok()));
        let source = *self.source.get(&addresses);
        // What a workload says to itself never crosses its interface.
        let others: Vec<_> = addresses
            .into_iter()
            .filter(|address| address.is_ipv4() == source.is_ipv4() && *address != source)
            .collect();
        let destination = *self.destination.get(&others);
        let party = |address: IpAddr| Party { name: address.to_string(), address };
        let (protocol, port) = match self.protocol {
            Protocol::Icmp if source.is_ipv6() => (Protocol::Icmpv6, u16::from_be_bytes([128, 0])),
            Protocol::Icmp => (Protocol::Icmp, u16::from_be_bytes(self.kind.into())),
            other => (other, if other.has_ports() { self.port } else { 0 }),
        };
        Question {
            source: party(source),
            destination: party(destination),
            protocol,
            port,
            traffic: Traffic::Packet,
            end: End::Destination,
        }
    }
}

/// What a proxy may see of a source.
#[derive(Clone, Copy, Debug)]
pub enum Sight {
    /// Its own certificate and its address.
    Itself,
    /// Its certificate, from an address that cannot be told.
    Somewhere,
    /// Plaintext.
    Plain,
    /// Plaintext from an address that cannot be told.
    Nothing,
    /// Another certificate.
    Other(&'static [&'static str]),
}

impl Sight {
    /// What the proxy sees of the source of `question`.
    pub fn of(self, question: &Question, world: &World) -> Seen {
        let address = Some(question.source.address);
        let own: Vec<String> =
            world.inventory.at(question.source.address).map(|w| world.spiffe_id(w)).into_iter().collect();
        match self {
            Self::Itself => Seen { uri_sans: own, address },
            Self::Somewhere => Seen { uri_sans: own, address: None },
            Self::Plain => Seen { uri_sans: Vec::new(), address },
            Self::Nothing => Seen::default(),
            Self::Other(names) => {
                Seen { uri_sans: names.iter().map(|&name| name.to_owned()).collect(), address }
            }
        }
    }
}

/// Certificates that are not the source's own, or of several names.
const OTHERS: [&[&str]; 5] = [
    &["spiffe://partner.example/one"],
    &["spiffe://partner.example/one", "spiffe://partner.example/two"],
    &["spiffe://cluster.local/ns/a/sa/s", "spiffe://partner.example/one"],
    &["spiffe://cluster.local/ns/b/sa/t"],
    &["spiffe://cluster.local/ns/nowhere/sa/t"],
];

/// What a proxy may see of a source.
pub fn sight() -> impl Strategy<Value = Sight> {
    prop_oneof![
        4 => Just(Sight::Itself),
        2 => Just(Sight::Somewhere),
        2 => Just(Sight::Plain),
        1 => Just(Sight::Nothing),
        3 => select(OTHERS.to_vec()).prop_map(Sight::Other),
    ]
}

/// The same connection to a proxy, with a request on it or a stream.
#[must_use]
pub fn at_the_proxy(question: &Question, peer: Seen, request: Option<(Head, Tokens)>) -> Question {
    let traffic = match request {
        Some((head, tokens)) => Traffic::Request { peer, head, tokens },
        None => Traffic::Stream(peer),
    };
    let protocol = Protocol::Tcp;
    let port = if question.protocol.has_ports() { question.port } else { 80 };
    Question { protocol, port, traffic, ..question.clone() }
}

/// Addresses of no workload, inside and outside of the blocks that rules name.
const STRANGERS: [&str; 6] =
    ["203.0.113.5", "203.0.113.9", "198.51.100.1", "192.0.2.7", "2001:db8::1", "2001:db8:1::1"];

/// The ends of a connection.
pub fn pair() -> impl Strategy<Value = Pair> {
    let protocol = select(vec![
        Protocol::Tcp,
        Protocol::Tcp,
        Protocol::Tcp,
        Protocol::Udp,
        Protocol::Sctp,
        Protocol::Icmp,
        Protocol::Other,
    ]);
    let kind = select(vec![(8, 0), (8, 0), (13, 0), (9, 0), (9, 16)]);
    (any::<Index>(), any::<Index>(), protocol, select(PORTS.to_vec()), kind).prop_map(
        |(source, destination, protocol, port, kind)| Pair { source, destination, protocol, port, kind },
    )
}

/// A scenario in which each condition can hold or not whatever the others do.
pub fn scenario() -> impl Strategy<Value = Scenario> {
    styled(Style::Independent)
}

/// A scenario in which rules ask for everything there is.
pub fn rich_scenario() -> impl Strategy<Value = Scenario> {
    styled(Style::Rich)
}

fn styled(style: Style) -> impl Strategy<Value = Scenario> {
    let policies =
        (policy("one", style), option::of(policy("two", style)), option::of(policy("three", style)));
    (surroundings(), policies).prop_map(|(surroundings, (one, two, three))| {
        let mut policies: Vec<Policy> = [Some(one), two, three].into_iter().flatten().collect();
        let mut next = 0;
        for policy in &mut policies {
            policy.number_conditions(&mut next);
        }
        Scenario { surroundings, policies }
    })
}

/// A policy of a single rule of this action, which is enforced. It may ask a condition that others ask too.
pub fn single_rule(action: &'static str) -> impl Strategy<Value = Policy> {
    single(action).prop_map(|mut policy| {
        policy.number_conditions(&mut 0);
        policy
    })
}

/// A policy that is audited only.
pub fn audited_policy() -> impl Strategy<Value = Policy> {
    policy("audited", Style::Independent).prop_map(|policy| {
        let mut policy = policy.audited();
        policy.number_conditions(&mut 0);
        policy
    })
}

fn document(kind: &str, metadata: Value, spec: Value) -> String {
    json!({ "apiVersion": "bookend.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec })
        .to_string()
}

fn tier(name: &str, plane: &str, order: u32, namespaced: bool) -> String {
    let spec = json!({ "order": order, "plane": plane, "namespaced": namespaced });
    document("Tier", json!({ "name": name }), spec)
}

/// What there is besides policies: an inventory, a tier, networks, and labels of a namespace.
fn surroundings() -> impl Strategy<Value = Vec<String>> {
    let shape = (namespace(), select(vec!["s", "t"]), labels(), any::<bool>(), any::<bool>());
    let more = (any::<bool>(), ports());
    let workloads = vec((shape, more), 2..7);
    let hosts = vec((namespace(), select(vec!["s", "t"]), labels(), failsafe(), failsafe()), 0..3);
    (workloads, proptest::bool::weighted(0.3), option::of(select(vec!["x", "y"])), hosts).prop_map(
        |(workloads, trust, team, hosts)| {
            let workloads = workloads.into_iter().zip(1..).map(workload_document);
            let spec = json!({
                "trustAddresses": trust,
                "nodes": ["203.0.113.5", "10.0.0.1"],
                "kubeApiserver": ["203.0.113.9"],
                "clusterCidrs": ["198.51.100.0/24"],
                "workloads": workloads.collect::<Vec<_>>(),
            });
            let near = json!({ "name": "near", "labels": { "zone": "dmz" } });
            let block = json!({ "cidr": "10.0.0.0/29", "except": ["10.0.0.3/32"] });
            let mut documents = vec![
                document("Inventory", json!({ "name": "generated" }), spec),
                tier("middle", "bookend", 500, true),
                // An order is that of one plane.
                tier("late", "network", 2_000_000, true),
                tier("mesh-late", "mesh", 100_000, false),
                document("Network", near, json!({ "cidrs": [block, "2001:db8::/32"] })),
                document("Network", json!({ "name": "far" }), json!({ "cidrs": ["203.0.113.0/29"] })),
            ];
            documents.extend(hosts.into_iter().zip(1..).map(host_document));
            documents.extend(team.map(|team| {
                let metadata = json!({ "name": "a", "labels": { "team": team } });
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata }).to_string()
            }));
            documents
        },
    )
}

/// One direction of a host's failsafe; nothing where it has the default.
fn failsafe() -> impl Strategy<Value = Value> {
    let protocol = select(vec!["TCP", "TCP", "UDP", "SCTP"]);
    let peers = option::of(select(vec!["10.0.0.0/30", "10.0.0.2/32", "203.0.113.0/29", "fd00::/64"]));
    let port = (select(PORTS.to_vec()), protocol, peers).prop_map(|(port, protocol, peers)| match peers {
        None => json!({ "port": port, "protocol": protocol }),
        Some(cidr) => json!({ "port": port, "endPort": port, "protocol": protocol, "cidr": cidr }),
    });
    prop_oneof![1 => Just(Value::Null), 4 => proptest::collection::btree_map(0..9_u8, port, 0..4)
        .prop_map(|ports| Value::from(distinct(ports.into_values())))]
}

/// What is left of `values` without those that were there before.
fn distinct(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for value in values {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all
}

type HostShape = (&'static str, &'static str, Map<String, Value>, Value, Value);

fn host_document(((namespace, account, labels, inbound, outbound), number): (HostShape, u32)) -> String {
    let directions = [("inbound", inbound), ("outbound", outbound)];
    let failsafe = directions.map(|(direction, ports)| (direction.to_owned(), ports));
    let failsafe: Map<_, _> = failsafe.into_iter().filter(|(_, ports)| !ports.is_null()).collect();
    let eth0 =
        json!({ "name": "eth0", "addresses": [format!("203.0.113.{number}"), format!("fd00::1:{number}")] });
    let eth1 = json!({ "name": "eth1", "addresses": [format!("10.0.1.{number}")] });
    let spec = json!({
        "serviceAccount": account,
        "labels": labels,
        "interfaces": [eth0, eth1],
        "failsafe": failsafe,
    });
    document("Host", json!({ "name": format!("h{number}"), "namespace": namespace }), spec)
}

/// Named ports of a workload.
fn ports() -> impl Strategy<Value = Vec<Value>> {
    let http = select(vec![
        Value::Null,
        json!({ "name": "http", "port": 80 }),
        json!({ "name": "http", "port": 9080 }),
    ]);
    let metrics = select(vec![
        Value::Null,
        json!({ "name": "metrics", "port": 443 }),
        json!({ "name": "metrics", "port": 443, "protocol": "UDP" }),
    ]);
    (http, metrics).prop_map(|(http, metrics)| [http, metrics].into_iter().filter(|p| !p.is_null()).collect())
}

type Shape = ((&'static str, &'static str, Map<String, Value>, bool, bool), (bool, Vec<Value>));

fn workload_document(
    (((namespace, account, labels, proxy, ipv6), (jwt, ports)), number): (Shape, u32),
) -> Value {
    let mut addresses = vec![format!("10.0.0.{number}")];
    if ipv6 {
        addresses.push(format!("fd00::{number}"));
    }
    let mut workload = json!({
        "name": format!("w{number}"),
        "namespace": namespace,
        "serviceAccount": account,
        "labels": labels,
        "proxy": proxy,
        "jwt": jwt && proxy,
        "instances": [{ "addresses": addresses }],
    });
    if let (false, Some(workload)) = (ports.is_empty(), workload.as_object_mut()) {
        workload.insert("ports".to_owned(), Value::from(ports));
    }
    workload
}
