//! A few workloads and a few policies, and the connections between them.

use core::net::IpAddr;

use bookend_engine::Protocol;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use super::document::{PORTS, Policy, labels, namespace, policy, single};
use crate::{Party, Question, Traffic, World};

/// Documents that belong together.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The inventory document.
    pub inventory: String,
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
        let mut texts: Vec<String> = self.policies.iter().map(|policy| policy.document(turn)).collect();
        texts.push(self.inventory.clone());
        let middle = turn % texts.len();
        texts.rotate_left(middle);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        World::compile(&texts)
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
        let protocol = match self.protocol {
            Protocol::Icmp if source.is_ipv6() => Protocol::Icmpv6,
            other => other,
        };
        Question {
            source: party(source),
            destination: party(destination),
            protocol,
            port: if protocol.has_ports() { self.port } else { 0 },
            traffic: Traffic::Packet,
        }
    }
}

/// Addresses of no workload, inside and outside of the blocks that rules name.
const STRANGERS: [&str; 5] = ["203.0.113.5", "203.0.113.9", "198.51.100.1", "2001:db8::1", "2001:db8:1::1"];

/// The ends of a connection.
pub fn pair() -> impl Strategy<Value = Pair> {
    let protocol = select(vec![Protocol::Tcp, Protocol::Tcp, Protocol::Udp, Protocol::Icmp, Protocol::Other]);
    (any::<Index>(), any::<Index>(), protocol, select(PORTS.to_vec()))
        .prop_map(|(source, destination, protocol, port)| Pair { source, destination, protocol, port })
}

/// A scenario.
pub fn scenario() -> impl Strategy<Value = Scenario> {
    let policies = (policy("one"), option::of(policy("two")), option::of(policy("three")));
    (inventory(), policies).prop_map(|(inventory, (one, two, three))| {
        let mut policies: Vec<Policy> = [Some(one), two, three].into_iter().flatten().collect();
        let mut next = 0;
        for policy in &mut policies {
            policy.number_conditions(&mut next);
        }
        Scenario { inventory, policies }
    })
}

/// A policy of a single rule. It may ask a condition that others ask too.
pub fn single_rule(deny: bool) -> impl Strategy<Value = Policy> {
    single(deny).prop_map(|mut policy| {
        policy.number_conditions(&mut 0);
        policy
    })
}

fn inventory() -> impl Strategy<Value = String> {
    let workload = (namespace(), select(vec!["s", "t"]), labels(), any::<bool>(), any::<bool>());
    vec(workload, 2..7).prop_map(|workloads| {
        let workloads = workloads.into_iter().zip(1..).map(workload_document);
        json!({
            "apiVersion": "bookend.dev/v1alpha1",
            "kind": "Inventory",
            "metadata": { "name": "generated" },
            "spec": { "workloads": workloads.collect::<Vec<_>>() },
        })
        .to_string()
    })
}

type Shape = (&'static str, &'static str, Map<String, Value>, bool, bool);

fn workload_document(((namespace, account, labels, proxy, ipv6), number): (Shape, u32)) -> Value {
    let mut addresses = vec![format!("10.0.0.{number}")];
    if ipv6 {
        addresses.push(format!("fd00::{number}"));
    }
    json!({
        "name": format!("w{number}"),
        "namespace": namespace,
        "serviceAccount": account,
        "labels": labels,
        "proxy": proxy,
        "instances": [{ "addresses": addresses }],
    })
}
