//! Small generated worlds: programs and inventories in which everything touches everything.

use bookend_engine::{
    Action, Block, Clause, Ends, HttpMatch, Instance, Inventory, IpNet, Isolation, LabelExpression,
    LabelMatch, Labels, Mode, NamedPort, NamespaceMatch, PeerMatch, Plane, PortMatch, PortRange,
    PrincipalPattern, Program, Protocol, Rule, Selector, Workload, WorkloadIdentity,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::net::IpAddr;
use std::sync::Arc;

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

/// Types and codes worth asking about, as ports.
pub(crate) const MESSAGES: &[u16] = &[0x0800, 0x0d00, 0x0f00, 0x2a00, 0x2a01, 0x2aff, 0x8000, 0x8b00, 0xffff];

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

fn namespaces() -> impl Strategy<Value = NamespaceMatch> {
    let team = (option::of(name(&["1", "2"])), vec(expression(), 0..2)).prop_map(|(team, expressions)| {
        let labels = team.map(|team| ("version".to_owned(), team)).into_iter().collect();
        NamespaceMatch::Labelled(LabelMatch { labels, expressions })
    });
    prop_oneof![3 => namespace().prop_map(NamespaceMatch::Named), 1 => Just(NamespaceMatch::any()), 1 => team]
}

fn selector() -> impl Strategy<Value = Selector> {
    let proxied = prop_oneof![4 => Just(None), 1 => any::<bool>().prop_map(Some)];
    (namespaces(), labels(), vec(expression(), 0..2), maybe(name(&["s", "t"])), proxied).prop_map(
        |(namespaces, labels, expressions, service_accounts, proxied)| Selector {
            namespaces,
            labels,
            expressions,
            service_accounts,
            proxied,
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

fn principal() -> impl Strategy<Value = PrincipalPattern> {
    name(&[
        "spiffe://cluster.local/*",
        "spiffe://cluster.local/ns/a/*",
        "spiffe://cluster.local/ns/a/sa/s",
        "spiffe://cluster.local/ns/b/sa/t",
        "spiffe://cluster*",
        "spiffe://partner/*",
        "*/sa/s",
    ])
    .prop_map(|text| PrincipalPattern::parse(&text).unwrap())
}

/// Simple peers mostly; some ask for several things at once, some for what is not so.
fn peer(principals: bool) -> impl Strategy<Value = PeerMatch> {
    let simple =
        || prop_oneof![selector().prop_map(PeerMatch::workloads), block().prop_map(PeerMatch::block)].boxed();
    let mixed = move |inner: BoxedStrategy<PeerMatch>| {
        let principals = if principals {
            prop_oneof![3 => Just(Clause::Any), 1 => one_of(principal())].boxed()
        } else {
            Just(Clause::Any).boxed()
        };
        (option::of(selector()), maybe(block()), principals, vec(inner, 0..3))
            .prop_map(|(workloads, blocks, principals, not)| PeerMatch { workloads, blocks, principals, not })
            .boxed()
    };
    prop_oneof![3 => simple(), 1 => mixed(mixed(simple())), 1 => mixed(simple())]
}

fn port() -> impl Strategy<Value = PortMatch> {
    let protocol = || select(vec![Protocol::Tcp, Protocol::Tcp, Protocol::Udp, Protocol::Sctp]);
    let range = (protocol(), select(PORTS), select(PORTS))
        .prop_map(|(protocol, a, b)| PortMatch::range(protocol, a.min(b), a.max(b)).unwrap());
    let named = (protocol(), name(&["http", "dns"])).prop_map(|(p, name)| PortMatch::named(p, name));
    let message = (any::<bool>(), select(MESSAGES), any::<bool>()).prop_map(|(v6, message, coded)| {
        let [kind, code] = message.to_be_bytes();
        PortMatch::Range(PortRange::icmp(v6, kind, coded.then_some(code)))
    });
    let all = select(vec![Protocol::Sctp, Protocol::Icmp, Protocol::Icmpv6])
        .prop_map(|protocol| PortMatch::Range(PortRange::all(protocol)));
    prop_oneof![3 => range, 2 => named, 2 => message, 1 => all]
}

fn http() -> impl Strategy<Value = HttpMatch> {
    name(&["GET", "POST"]).prop_map(|method| HttpMatch {
        methods: Clause::one_of(vec![method]).unwrap(),
        ..HttpMatch::default()
    })
}

/// Planes, tiers and priorities in which things meet.
fn place() -> impl Strategy<Value = (Plane, u32, i32)> {
    let plane = prop_oneof![3 => Just(Plane::Bookend), 1 => select(Plane::ALL.to_vec())];
    (plane, select(vec![100, 1000, 1000, 10_000]), select(vec![-1, 0, 0, 1]))
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![4 => Just(Mode::Enforce), 1 => Just(Mode::Audit)]
}

fn ends() -> impl Strategy<Value = Ends> {
    let only = |source| Ends { source, destination: !source };
    prop_oneof![4 => Just(Ends::BOTH), 1 => any::<bool>().prop_map(only)]
}

prop_compose! {
    fn rule()(
        (plane, tier, priority) in place(),
        action in select(vec![Action::Allow, Action::Allow, Action::Deny, Action::Pass]),
        (mode, at) in (mode(), ends()),
        namespace in option::weighted(0.8, namespace()),
        from in maybe(peer(true)),
        to in maybe(peer(false)),
        ports in maybe(port()),
        not_ports in prop_oneof![3 => Just(Vec::new()), 1 => vec(port(), 1..3)],
        http in prop_oneof![3 => Just(Clause::Any), 1 => one_of(http())],
    ) -> Rule {
        Rule { id: String::new(), plane, tier, priority, action, mode, at, namespace, from, to, ports, not_ports, http, answer: None, limits: None }
    }
}

/// The beginning of an id.
fn policy(namespace: Option<&str>) -> String {
    namespace.map_or_else(|| "p".to_owned(), |namespace| format!("{namespace}/p"))
}

pub(crate) fn program() -> impl Strategy<Value = Program> {
    let isolation = (place(), mode(), selector(), any::<bool>(), any::<bool>());
    (vec(rule(), 0..6), vec(isolation, 0..3)).prop_map(|(mut rules, isolations)| {
        for (number, rule) in rules.iter_mut().enumerate() {
            rule.id = format!("{}/r{number}", policy(rule.namespace.as_deref()));
        }
        let isolations = isolations.into_iter().enumerate().map(
            |(number, ((plane, tier, _), mode, workloads, egress, ingress))| {
                let id = format!("{}/isolate[{number}]", policy(None));
                Isolation { id, plane, tier, mode, workloads, egress, ingress }
            },
        );
        Program::new(rules, isolations.collect())
    })
}

fn named_ports() -> impl Strategy<Value = Option<Vec<NamedPort>>> {
    let protocol = select(vec![Protocol::Tcp, Protocol::Tcp, Protocol::Udp, Protocol::Sctp]);
    let port = (name(&["http", "dns"]), protocol, select(PORTS))
        .prop_map(|(name, protocol, port)| NamedPort { name, protocol, port });
    option::weighted(
        0.8,
        vec(port, 0..3).prop_map(|mut ports| {
            ports.sort_unstable();
            ports.dedup();
            ports
        }),
    )
}

prop_compose! {
    fn identity()(
        namespace in namespace(),
        service_account in name(&["s", "t"]),
        labels in labels(),
        (proxied, jwt) in any::<(bool, bool)>(),
        ports in named_ports(),
    ) -> WorkloadIdentity {
        WorkloadIdentity { namespace, service_account, labels, proxied, jwt, ports, namespace_labels: None }
    }
}

/// Which addresses an instance has: IPv4, IPv6, and seldom a second IPv4.
type Shape = (bool, bool, bool, bool);

fn shape() -> impl Strategy<Value = Shape> {
    let often = || proptest::bool::weighted(0.8);
    (often(), any::<bool>(), proptest::bool::weighted(0.05), often())
}

pub(crate) fn inventory() -> impl Strategy<Value = Inventory> {
    let namespaces = (option::of(labels()), option::of(labels()));
    (namespaces, vec((identity(), vec(shape(), 1..3)), 1..5)).prop_map(|((a, b), workloads)| {
        let mut next = 0_u8;
        let workloads = workloads.into_iter().enumerate().map(|(number, (identity, shapes))| {
            let instances = shapes.into_iter().map(|shape| instance(shape, &mut next)).collect();
            Workload { name: format!("w{number}"), identity, instances }
        });
        let known = [("a", a), ("b", b)];
        let namespaces = known.into_iter().filter_map(|(name, l)| Some((name.to_owned(), Arc::new(l?))));
        Inventory::new("cluster.local".to_owned(), false, namespaces.collect(), workloads.collect())
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
    Instance { addresses, interface: local.then(|| format!("veth{last}")), ..Instance::default() }
}

/// Addresses worth asking about: of workloads, and at the edges of blocks.
pub(crate) fn addresses(inventory: &Inventory) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = inventory
        .workloads()
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
