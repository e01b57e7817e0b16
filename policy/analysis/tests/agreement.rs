//! What is found by classes is what the engine says of every single pair.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use std::time::{Duration, Instant};

use bookend_analysis::{Extent, Name, Place, Side, diff, reach};
use bookend_engine::{Connection, Exchange, NoTrace, Protocol, Verdict, decide};
use bookend_lang::{Compiled, Source, compile};

const WORLD: &str = "
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: { name: world }
spec:
  nodes: [192.0.2.0/28]
  workloads:
  - { name: web-1, namespace: shop, labels: { app: web }, proxy: true, instances: [{ addresses: [10.0.0.1] }] }
  - { name: web-2, namespace: shop, labels: { app: web, track: beta }, proxy: true, instances: [{ addresses: [10.0.0.2, 'fd00::2'] }] }
  - { name: cart, namespace: shop, labels: { app: cart }, proxy: true, ports: [{ name: http, port: 8080 }], instances: [{ addresses: [10.0.0.3] }] }
  - { name: stock, namespace: shop, labels: { app: stock }, instances: [{ addresses: [10.0.0.4] }] }
  - { name: ledger, namespace: bank, labels: { app: ledger }, proxy: true, instances: [{ addresses: [10.0.1.1] }] }
  - { name: vault, namespace: bank, labels: { app: vault }, instances: [{ addresses: [10.9.1.1] }] }
---
apiVersion: bookend.dev/v1alpha1
kind: ClusterPolicy
metadata: { name: platform }
spec:
  tier: admin
  pass:
  - { name: bank-knows, to: [{ workloads: { namespace: bank } }], ports: [{ protocol: ICMP, type: 8 }] }
  deny:
  - { name: no-telnet, ports: [23] }
  - { name: no-ping, ports: [{ protocol: ICMP }], notPorts: [{ protocol: ICMP, type: 13 }] }
  allow:
  - { name: nodes-probe, from: [{ entities: [node] }], to: [{ workloads: { namespaces: {} } }], ports: [8080] }
---
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: shop, namespace: shop }
spec:
  isolate: [{ workloads: {} }]
  allow:
  - { name: a, from: [{ workloads: { labels: { app: web } } }], to: [{ workloads: { labels: { app: cart } } }], ports: [http], http: [{ methods: [GET] }] }
  - { name: b, from: [{ workloads: { labels: { app: cart } } }], to: [{ workloads: { labels: { app: stock } } }], ports: [{ port: 5000, endPort: 6000 }] }
  - { name: c, to: [{ cidr: 10.0.0.0/8, except: [10.9.0.0/16] }], ports: [{ port: 53, protocol: UDP }] }
  - { name: d, from: [{ not: [{ workloads: { labels: { track: beta } } }] }], to: [{ workloads: { labels: { app: web } } }], ports: [80] }
  - { name: e, at: [source], to: [{ workloads: { namespace: bank } }], ports: [443] }
  deny:
  - { name: f, priority: -1, from: [{ workloads: { labels: { app: web } } }], to: [{ workloads: { labels: { app: cart } } }], http: [{ paths: ['/admin/*'] }] }
  - { name: g, mode: audit, ports: [80] }
---
apiVersion: bookend.dev/v1alpha1
kind: ClusterPolicy
metadata: { name: base }
spec:
  tier: baseline
  isolate: [{ workloads: { namespace: bank, labels: { app: vault } }, directions: [ingress] }]
";

fn world(text: &str) -> Compiled {
    let sources = [Source::new("world.yaml", text)];
    compile(&sources).unwrap_or_else(|refused| {
        unreachable!(
            "{}",
            refused.diagnostics.iter().map(|d| d.line(&sources).to_string()).collect::<String>()
        )
    })
}

/// Every workload at every address it has, and somebody at some addresses outside.
fn ends(compiled: &Compiled) -> Vec<(Option<(String, String)>, std::net::IpAddr)> {
    let mut ends = Vec::new();
    for workload in compiled.inventory.workloads() {
        for address in workload.instances.iter().flat_map(|instance| &instance.addresses) {
            ends.push((Some((workload.identity.namespace.clone(), workload.name.clone())), *address));
        }
    }
    ends.extend(
        ["192.0.2.3", "10.9.3.3", "10.3.3.3", "203.0.113.1", "2001:db8::1"]
            .map(|a| (None, a.parse().unwrap())),
    );
    ends
}

const PORTS: [(Protocol, u16); 13] = [
    (Protocol::Tcp, 23),
    (Protocol::Tcp, 80),
    (Protocol::Tcp, 443),
    (Protocol::Tcp, 4999),
    (Protocol::Tcp, 5000),
    (Protocol::Tcp, 6000),
    (Protocol::Tcp, 8080),
    (Protocol::Udp, 53),
    (Protocol::Udp, 80),
    (Protocol::Sctp, 80),
    (Protocol::Icmp, 8 << 8),
    (Protocol::Icmp, 13 << 8),
    (Protocol::Other, 0),
];

#[test]
fn every_pair_has_one_passage_and_it_says_what_the_engine_says() {
    let compiled = world(WORLD);
    let found = reach(side(&compiled));
    let nets: Vec<_> = found.ground.parties().iter().flat_map(|party| party.places.clone()).collect();
    let class_of = |end: &(Option<(String, String)>, std::net::IpAddr)| -> Vec<u32> {
        let of = |party: &bookend_analysis::Party<'_>| match &end.0 {
            Some((namespace, name)) => party.workloads.contains(&Name { namespace, name }),
            None => {
                let around = nets.iter().filter_map(|place| match place {
                    Place::Block(net) if net.contains(&end.1) => Some(*net),
                    _ => None,
                });
                let place = around.max_by_key(|net| net.prefix_len()).map_or(Place::Elsewhere, Place::Block);
                party.places.contains(&place)
            }
        };
        (0..).zip(found.ground.parties()).filter(|(_, party)| of(party)).map(|(class, _)| class).collect()
    };
    let ends = ends(&compiled);
    for source in &ends {
        for destination in &ends {
            for (protocol, port) in PORTS {
                let connection = Connection {
                    source: compiled.inventory.endpoint(source.1),
                    destination: compiled.inventory.endpoint(destination.1),
                    protocol,
                    port,
                };
                let verdict =
                    |exchange| decide(&compiled.program, &connection, exchange, &mut NoTrace).verdict();
                let (from, to) = (class_of(source), class_of(destination));
                let fitting: Vec<_> = found
                    .passages
                    .iter()
                    .filter(|p| {
                        from.iter().any(|c| p.sources.contains(*c))
                            && to.iter().any(|c| p.destinations.contains(*c))
                    })
                    .filter(|p| p.ports.contains(protocol, port))
                    .collect();
                let expected = match (verdict(Exchange::Packet), verdict(Exchange::Stream)) {
                    (Verdict::Deny, _) => vec![Extent::Denied],
                    (_, Verdict::Deny) => vec![Extent::SomeRequests, Extent::MostRequests],
                    (_, Verdict::Allow) => vec![Extent::Allowed, Extent::SomeRequests, Extent::MostRequests],
                };
                let told = format!("{source:?} -> {destination:?} {protocol:?} {port}: {fitting:?}");
                assert!(
                    fitting.iter().any(|p| expected.contains(&p.stand.extent)),
                    "{told}\nnot {expected:?}"
                );
                if from.len() == 1 && to.len() == 1 {
                    assert_eq!(fitting.len(), 1, "{told}");
                }
            }
        }
    }
}

fn side(compiled: &Compiled) -> Side<'_> {
    Side { program: &compiled.program, inventory: &compiled.inventory }
}

/// So many namespaces of ten workloads, all isolated, with a rule from each workload to the next.
fn estate(namespaces: usize, edit: bool) -> Compiled {
    let mut text = String::from(
        "apiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: { name: estate }\nspec:\n  workloads:\n",
    );
    for (number, namespace) in (0..namespaces * 10).map(|number| (number, number / 10)) {
        text += &format!(
            "  - {{ name: w{number}, namespace: n{namespace}, labels: {{ app: w{number} }}, proxy: true }}\n"
        );
    }
    for namespace in 0..namespaces {
        text += &format!(
            "---\napiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: {{ name: p, namespace: n{namespace} }}\n\
             spec:\n  isolate: [{{ workloads: {{}} }}]\n  allow:\n"
        );
        for number in namespace * 10..namespace * 10 + 9 {
            let port = if edit && number % 100 == 0 { 81 } else { 80 };
            text += &format!(
                "  - {{ name: r{number}, from: [{{ workloads: {{ labels: {{ app: w{number} }} }} }}], \
                 to: [{{ workloads: {{ labels: {{ app: w{} }} }} }}], ports: [{port}] }}\n",
                number + 1
            );
        }
    }
    world(&text)
}

#[test]
fn the_time_to_compare_grows_with_the_workloads_and_not_with_their_pairs() {
    let measure = |namespaces: usize| -> Duration {
        let (old, new) = (estate(namespaces, false), estate(namespaces, true));
        let once = || {
            let start = Instant::now();
            let changes = diff(side(&old), side(&new)).changes.len();
            // One opens and one closes for every hundredth workload.
            assert_eq!(changes, 2 * (namespaces / 10));
            start.elapsed()
        };
        (0..3).map(|_| once()).min().unwrap()
    };
    let (small, large) = (measure(10), measure(80));
    // Eight times the workloads are sixty-four times the pairs.
    assert!(large < small * 32, "{small:?} for 100 workloads, {large:?} for 800");
}
