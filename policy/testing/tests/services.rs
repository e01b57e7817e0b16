//! Whoever dials a Service is judged alike by everybody who can judge: the engine, the reference, the plan with the kernel's
//! function.

#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use bookend_engine::{End, Protocol};
use bookend_testing::generate::rich_scenario;
use bookend_testing::{Judged, Party, Question, Reference, Traffic, Vehicle, World, vehicle};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A Service in the making: who is behind it, and the ports that are dialled and meant.
type Shape = (Vec<Index>, u16, u16);

fn shape() -> impl Strategy<Value = Shape> {
    let ports = || select(vec![1, 80, 443, 9080, 65535_u16]);
    (vec(any::<Index>(), 1..4), ports(), ports())
}

/// Addresses of nobody, of which some rules speak.
const STRANGERS: [&str; 3] = ["203.0.113.5", "192.0.2.7", "2001:db8::1"];

fn everybody(world: &World) -> Vec<IpAddr> {
    let instances = world.inventory.workloads().iter().flat_map(|workload| &workload.instances);
    let mut all: Vec<IpAddr> = instances.flat_map(|instance| instance.addresses.clone()).collect();
    all.extend(STRANGERS.iter().map(|text| text.parse::<IpAddr>().unwrap()));
    all
}

/// The addresses of a Service: one of a block of which some rules speak, and one of each family of which few do.
fn addresses(number: usize) -> [IpAddr; 3] {
    let parsed = |text: String| text.parse().unwrap();
    [
        parsed(format!("10.96.0.{}", number + 1)),
        parsed(format!("fd00:96::{}", number + 1)),
        parsed(format!("203.0.113.{}", number + 20)),
    ]
}

/// An inventory of these Services, before workloads of the world and others.
fn inventory(world: &World, shapes: &[Shape]) -> String {
    let all = everybody(world);
    let mut text = String::from(
        "apiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: { name: served }\nspec:\n  services:\n",
    );
    let list = |addresses: &BTreeSet<IpAddr>| {
        addresses.iter().map(|address| format!("\"{address}\"")).collect::<Vec<_>>().join(", ")
    };
    for (number, (behind, dialled, meant)) in shapes.iter().enumerate() {
        let behind: BTreeSet<IpAddr> = behind.iter().map(|index| *index.get(&all)).collect();
        let own = BTreeSet::from(addresses(number));
        writeln!(
            text,
            "  - {{ name: s{number}, addresses: [{}], backends: [{}], ports: [{{ port: {dialled}, targetPort: {meant} }}, \
             {{ port: {dialled}, protocol: UDP, targetPort: {meant} }}] }}",
            list(&own),
            list(&behind)
        )
        .unwrap();
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn who_dials_a_service_is_judged_alike_by_all(
        scenario in rich_scenario(),
        shapes in vec(shape(), 1..4),
        asked in vec((any::<Index>(), any::<Index>(), any::<bool>(), any::<bool>()), 12),
    ) {
        let bare = scenario.world().unwrap();
        let services = inventory(&bare, &shapes);
        let mut texts = scenario.texts(0);
        texts.push(services.clone());
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let world = Arc::new(World::compile(&texts).unwrap());
        let (mut engine, mut tables, mut reference) =
            (vehicle::Decision::default(), vehicle::Tables::default(), Reference::default());
        engine.enter(&world).unwrap();
        tables.enter(&world).unwrap();
        reference.enter(&world).unwrap();
        let sources = everybody(&world);
        let dialled: Vec<(IpAddr, u16)> = shapes
            .iter()
            .enumerate()
            .flat_map(|(number, (_, port, _))| addresses(number).map(|address| (address, *port)))
            .collect();
        for (source, destination, udp, other_port) in asked {
            let (destination, port) = *destination.get(&dialled);
            let near: Vec<IpAddr> =
                sources.iter().copied().filter(|source| source.is_ipv4() == destination.is_ipv4()).collect();
            let party = |address: IpAddr| Party { name: address.to_string(), address };
            let question = Question {
                source: party(*source.get(&near)),
                destination: party(destination),
                protocol: if udp { Protocol::Udp } else { Protocol::Tcp },
                port: if other_port { 8081 } else { port },
                traffic: Traffic::Packet,
                end: End::Destination,
            };
            let said = engine.judge(&question).unwrap();
            prop_assert!(matches!(said, Judged::Answer(_)));
            for (name, other) in [
                ("reference", reference.judge(&question).unwrap()),
                ("plan and kernel function", tables.judge(&question).unwrap()),
            ] {
                prop_assert_eq!(&said, &other, "{}: {}\n{}\n{}", name, question, services, texts.join("\n---\n"));
            }
        }
    }
}
