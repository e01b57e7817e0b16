//! Denials that an edit moves from one end to the other.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "functions shared by tests fail as tests do"
)]

use std::fmt::Write;

use bookend_analysis::{Side, diff};
use bookend_engine::{Connection, Exchange, Inventory, NoTrace, Program, Protocol, Verdict, decide};
use bookend_lang::{Compiled, Source, compile};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const SHOP: &str = "
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: { name: shop }
spec:
  workloads:
  - { name: web, namespace: shop, labels: { app: web }, proxy: true, instances: [{ addresses: [10.0.0.1] }] }
  - { name: cart, namespace: shop, labels: { app: cart }, proxy: true, instances: [{ addresses: [10.0.0.3] }] }
  - { name: stock, namespace: shop, labels: { app: stock }, instances: [{ addresses: [10.0.0.4] }] }
";

/// One rule of namespace `shop` that denies connections from web at an end.
fn denying(to: &str, end: &str) -> String {
    format!(
        "apiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: {{ name: p, namespace: shop }}\nspec:\n  deny:\n  \
         - {{ name: {end}, from: [{{ workloads: {{ labels: {{ app: web }} }} }}], to: [{{ workloads: {{ labels: {{ app: {to} }} }} }}], \
         ports: [80], at: [{end}] }}\n"
    )
}

fn compiled(policy: &str) -> Compiled {
    compile(&[Source::new("inventory", SHOP), Source::new("policy", policy)]).unwrap()
}

fn crossings(old: &str, new: &str) -> String {
    let (old, new) = (compiled(old), compiled(new));
    let side = |compiled: &'static Compiled| side(&compiled.program, &compiled.inventory);
    let found = diff(side(Box::leak(Box::new(old))), side(Box::leak(Box::new(new))));
    let mut text = String::new();
    for crossing in &found.crossings {
        let crowd = |classes| found.ground.crowd(classes).to_string();
        let (from, to) = (crowd(&crossing.sources), crowd(&crossing.destinations));
        let moved = &crossing.moved;
        let (place, before, after) = (moved.from, moved.before, moved.after);
        writeln!(text, "{from} -> {to}, {}: {place:?} by {before}, then by {after}", crossing.ports).unwrap();
    }
    text
}

fn side<'s>(program: &'s Program, inventory: &'s Inventory) -> Side<'s> {
    Side { program, inventory }
}

#[test]
fn a_denial_that_moves_to_the_other_end_is_found_where_each_end_is_judged_by_its_own_kernel() {
    assert_eq!(
        crossings(&denying("stock", "source"), &denying("stock", "destination")),
        "shop/web -> shop/stock, TCP 80: Source by shop/p/source, then by shop/p/destination\n"
    );
    assert_eq!(crossings(&denying("stock", "source"), &denying("stock", "source")), "");
}

#[test]
fn a_filter_judges_both_ends_so_that_nothing_moves() {
    assert_eq!(crossings(&denying("cart", "source"), &denying("cart", "destination")), "");
}

const WORKLOADS: [(&str, &str); 3] = [("web", "10.0.0.1"), ("cart", "10.0.0.3"), ("stock", "10.0.0.4")];

/// A rule, and in which of the two versions it stands.
#[derive(Clone, Debug)]
struct Drawn {
    deny: bool,
    from: usize,
    to: usize,
    at: &'static str,
    ports: &'static str,
    versions: (bool, bool),
}

fn directions() -> impl Strategy<Value = &'static str> {
    select(vec!["[]", "[ingress]", "[egress]", "[ingress, egress]"])
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let at = select(vec!["[source]", "[destination]", "[source, destination]"]);
    let ports = select(vec!["[80]", "[{ port: 80, protocol: UDP }]", "[{ port: 15000, endPort: 15100 }]"]);
    (any::<bool>(), 0..WORKLOADS.len(), 0..WORKLOADS.len(), at, ports, any::<(bool, bool)>())
        .prop_map(|(deny, from, to, at, ports, versions)| Drawn { deny, from, to, at, ports, versions })
}

/// The policy of one version, which isolates everybody in these directions.
fn version(rules: &[Drawn], isolated: &str, second: bool) -> Compiled {
    let mut text =
        "apiVersion: bookend.dev/v1alpha1\nkind: ClusterPolicy\nmetadata: { name: p }\nspec:\n".to_owned();
    // So that there is always a rule.
    let never = Drawn { deny: false, from: 0, to: 0, at: "[source]", ports: "[9]", versions: (true, true) };
    for (word, deny) in [("allow", false), ("deny", true)] {
        let chosen =
            |rule: &&Drawn| rule.deny == deny && if second { rule.versions.1 } else { rule.versions.0 };
        let chosen: Vec<_> = std::iter::once(&never).chain(rules).filter(chosen).collect();
        if !chosen.is_empty() {
            writeln!(text, "  {word}:").unwrap();
        }
        for (number, rule) in chosen.iter().enumerate() {
            let meant =
                |which: usize| format!("[{{ workloads: {{ labels: {{ app: {} }} }} }}]", WORKLOADS[which].0);
            let (from, to) = (meant(rule.from), meant(rule.to));
            let Drawn { at, ports, .. } = rule;
            writeln!(
                text,
                "  - {{ name: {word}-{number}, from: {from}, to: {to}, at: {at}, ports: {ports} }}"
            )
            .unwrap();
        }
    }
    if isolated != "[]" {
        writeln!(text, "  isolate: [{{ workloads: {{}}, directions: {isolated} }}]").unwrap();
    }
    compiled(&text)
}

/// Whether the kernels at both ends let a connection pass.
fn kernels(compiled: &Compiled, connection: (&str, &str, Protocol, u16)) -> (bool, bool) {
    let (source, destination, protocol, port) = connection;
    let endpoint = |address: &str| compiled.inventory.endpoint(address.parse().unwrap());
    let (source, destination) = (endpoint(source), endpoint(destination));
    let connection = Connection { source, destination, protocol, port };
    let judgement = decide(&compiled.program, &connection, Exchange::Packet, &mut NoTrace);
    (judgement.source.verdict == Verdict::Allow, judgement.destination.verdict == Verdict::Allow)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_crossing_is_listed_exactly_where_a_mixture_admits_what_both_policies_forbid(
        rules in vec(drawn(), 1..8),
        isolated in (directions(), directions()),
    ) {
        let (old, new) = (version(&rules, isolated.0, false), version(&rules, isolated.1, true));
        let found = diff(side(&old.program, &old.inventory), side(&new.program, &new.inventory));
        let class = |name: &str| {
            let has = |party: &bookend_analysis::Party<'_>| party.workloads.iter().any(|known| known.name == name);
            found.ground.parties().iter().position(has).unwrap() as u32
        };
        let asked = [(Protocol::Tcp, 80), (Protocol::Udp, 80), (Protocol::Tcp, 15_020), (Protocol::Tcp, 15_030)];
        for (from, source) in WORKLOADS {
            for (to, destination) in WORKLOADS.into_iter().filter(|(to, _)| *to != from) {
                for (protocol, port) in asked {
                    let connection = (source, destination, protocol, port);
                    let ((s0, d0), (s1, d1)) = (kernels(&old, connection), kernels(&new, connection));
                    let filtered = to != "stock" && protocol == Protocol::Tcp && port != 15_020;
                    let forbidden = !((s0 && d0) || (s1 && d1));
                    let admitted = ((s0 && d1) || (s1 && d0)) && !filtered;
                    let listed = found.crossings.iter().any(|crossing| {
                        let within = |(of, first, last): (Protocol, u16, u16)| {
                            of == protocol && (first..=last).contains(&port)
                        };
                        crossing.sources.iter().any(|at| at == class(from))
                            && crossing.destinations.iter().any(|at| at == class(to))
                            && crossing.ports.ranges().any(within)
                    });
                    prop_assert_eq!(listed, forbidden && admitted, "{} to {} {} {}", from, to, protocol.name(), port);
                }
            }
        }
    }
}
