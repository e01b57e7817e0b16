//! Small generated worlds: programs and inventories in which everything touches everything.

use bookend_engine::{
    Action, Block, Clause, HttpMatch, Instance, Inventory, IpNet, Isolation, LabelExpression, Labels,
    PeerMatch, PortMatch, Program, Protocol, Rule, Selector, Workload, WorkloadIdentity,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::net::IpAddr;

/// Blocks that nest, touch, and surround the IPv4-mapped addresses.
const BLOCKS: &[&str] = &[
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.0.0/24",
    "10.0.0.0/29",
    "10.0.0.2/32",
    "10.0.0.4/30",
    "10.0.0.8/29",
    "128.0.0.0/1",
    "203.0.113.0/24",
    "203.0.113.9/32",
    "255.255.255.255/32",
    "::/0",
    "::/1",
    "::/64",
    "::fffe:0:0/95",
    "::1:0:0:0/96",
    "fd00::/8",
    "fd00::/125",
    "fd00::2/128",
    "fd00::8/125",
    "8000::/1",
    "2001:db8::/32",
];

pub(crate) fn block_nets() -> Vec<IpNet> {
    BLOCKS.iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) const PORTS: &[u16] = &[1, 2, 22, 79, 80, 81, 443, 1023, 1024, 9080, 32767, 32768, 65534, 65535];

fn name(list: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(list).prop_map(str::to_owned)
}

fn namespace() -> impl Strategy<Value = String> {
    name(&["a", "a", "b"])
}

fn labels() -> impl Strategy<Value = Labels> {
    (option::of(name(&["x", "y"])), option::of(name(&["1", "2"]))).prop_map(|(app, version)| {
        let app = app.map(|value| ("app".to_owned(), value));
        app.into_iter().chain(version.map(|value| ("version".to_owned(), value))).collect()
    })
}

fn one_of<T: std::fmt::Debug + Clone>(item: impl Strategy<Value = T>) -> impl Strategy<Value = Clause<T>> {
    vec(item, 1..3).prop_map(|list| Clause::one_of(list).unwrap())
}

fn maybe<T: std::fmt::Debug + Clone>(item: impl Strategy<Value = T>) -> impl Strategy<Value = Clause<T>> {
    prop_oneof![Just(Clause::Any), one_of(item)]
}

fn expression() -> impl Strategy<Value = LabelExpression> {
    let key = || name(&["app", "version"]);
    prop_oneof![
        key().prop_map(|key| LabelExpression::Exists { key }),
        (key(), one_of(name(&["x", "1"]))).prop_map(|(key, values)| LabelExpression::NotIn { key, values }),
    ]
}

fn selector(namespace: impl Strategy<Value = String>) -> impl Strategy<Value = Selector> {
    (namespace, labels(), vec(expression(), 0..2), maybe(name(&["s", "t"]))).prop_map(
        |(namespace, labels, expressions, service_accounts)| Selector {
            namespace,
            labels,
            expressions,
            service_accounts,
        },
    )
}

fn block() -> impl Strategy<Value = Block> {
    (select(block_nets()), vec(any::<Index>(), 0..3)).prop_map(|(cidr, picks)| {
        let inside: Vec<_> =
            block_nets().into_iter().filter(|net| cidr.contains(net) && *net != cidr).collect();
        let except =
            if inside.is_empty() { Vec::new() } else { picks.iter().map(|i| *i.get(&inside)).collect() };
        Block::new(cidr, except).unwrap()
    })
}

fn peer() -> impl Strategy<Value = PeerMatch> {
    prop_oneof![selector(namespace()).prop_map(PeerMatch::Workloads), block().prop_map(PeerMatch::Block)]
}

fn ports() -> impl Strategy<Value = PortMatch> {
    (select(vec![Protocol::Tcp, Protocol::Tcp, Protocol::Udp]), select(PORTS), select(PORTS))
        .prop_map(|(protocol, a, b)| PortMatch::new(protocol, a.min(b), a.max(b)).unwrap())
}

fn http() -> impl Strategy<Value = HttpMatch> {
    name(&["GET", "POST"])
        .prop_map(|method| HttpMatch { methods: Clause::one_of(vec![method]).unwrap(), paths: Clause::Any })
}

prop_compose! {
    fn rule()(
        action in select(vec![Action::Allow, Action::Allow, Action::Deny]),
        namespace in namespace(),
        from in maybe(peer()),
        to in maybe(peer()),
        ports in maybe(ports()),
        http in prop_oneof![3 => Just(Clause::Any), 1 => one_of(http())],
    ) -> Rule {
        Rule { id: String::new(), action, namespace, from, to, ports, http }
    }
}

pub(crate) fn program() -> impl Strategy<Value = Program> {
    let isolation = (selector(namespace()), any::<bool>(), any::<bool>());
    (vec(rule(), 0..6), vec(isolation, 0..3)).prop_map(|(mut rules, isolations)| {
        for (number, rule) in rules.iter_mut().enumerate() {
            rule.id = format!("{}/p/r{number}", rule.namespace);
        }
        let isolations =
            isolations.into_iter().enumerate().map(|(number, (workloads, egress, ingress))| Isolation {
                id: format!("{}/p/isolate[{number}]", workloads.namespace),
                workloads,
                egress,
                ingress,
            });
        Program::new(rules, isolations.collect())
    })
}

prop_compose! {
    fn identity()(
        namespace in namespace(),
        service_account in name(&["s", "t"]),
        labels in labels(),
        proxied in any::<bool>(),
    ) -> WorkloadIdentity {
        WorkloadIdentity { namespace, service_account, labels, proxied }
    }
}

/// Which addresses an instance has: IPv4, IPv6, and seldom a second IPv4.
type Shape = (bool, bool, bool, bool);

fn shape() -> impl Strategy<Value = Shape> {
    let often = || proptest::bool::weighted(0.8);
    (often(), any::<bool>(), proptest::bool::weighted(0.05), often())
}

pub(crate) fn inventory() -> impl Strategy<Value = Inventory> {
    vec((identity(), vec(shape(), 1..3)), 1..5).prop_map(|workloads| {
        let mut next = 0_u8;
        let workloads = workloads.into_iter().enumerate().map(|(number, (identity, shapes))| {
            let instances = shapes.into_iter().map(|shape| instance(shape, &mut next)).collect();
            Workload { name: format!("w{number}"), identity, instances }
        });
        Inventory { workloads: workloads.collect(), ..Inventory::default() }
    })
}

fn instance((v4, v6, second, local): Shape, next: &mut u8) -> Instance {
    *next += 1;
    let last = *next;
    let mut addresses: Vec<IpAddr> = Vec::new();
    if v4 {
        addresses.push([10, 0, 0, last].into());
    }
    if v6 {
        addresses.push(format!("fd00::{last:x}").parse().unwrap());
    }
    if second {
        addresses.push([10, 9, 0, last].into());
    }
    Instance { addresses, interface: local.then(|| format!("veth{last}")) }
}

/// Addresses worth asking about: of workloads, and at the edges of blocks.
pub(crate) fn addresses(inventory: &Inventory) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = inventory
        .workloads
        .iter()
        .flat_map(|workload| &workload.instances)
        .flat_map(|instance| instance.addresses.iter().copied())
        .collect();
    for net in block_nets() {
        for edge in [net.network(), net.broadcast()] {
            let step = |by: i128| match edge {
                IpAddr::V4(v4) => IpAddr::from(((i128::from(u32::from(v4)) + by) as u32).to_be_bytes()),
                IpAddr::V6(v6) => IpAddr::from(u128::from(v6).wrapping_add_signed(by).to_be_bytes()),
            };
            addresses.extend([edge, step(-1), step(1)]);
        }
    }
    // An IPv4-mapped address in an IPv6 header is refused by the parser, so it is not asked about.
    addresses.retain(|address| address.to_canonical() == *address);
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}
