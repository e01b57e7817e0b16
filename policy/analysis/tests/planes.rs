//! What is found about policies of a network plugin and of a mesh that do not go together.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use bookend_analysis::{Clash, Side, clashes};
use bookend_lang::{Compiled, Source, compile};

/// Three workloads with an address each, and a Service in front of one.
const WORLD: &str = "\
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: { name: world }
spec:
  trustDomain: cluster.local
  nodes: [192.0.2.0/28]
  workloads:
  - { name: web, namespace: shop, serviceAccount: web, labels: { app: web }, proxy: true, instances: [{ addresses: [10.0.0.1] }] }
  - { name: cart, namespace: shop, serviceAccount: cart, labels: { app: cart }, proxy: true, ports: [{ name: http, port: 8080 }, { name: db, port: 3306 }], instances: [{ addresses: [10.0.0.2] }] }
  - { name: pay, namespace: shop, serviceAccount: pay, labels: { app: pay }, proxy: true, instances: [{ addresses: [10.0.0.3] }] }
  - { name: old, namespace: shop, serviceAccount: old, labels: { app: old }, proxy: false, instances: [{ addresses: [10.0.0.4] }] }
---
apiVersion: v1
kind: Service
metadata: { name: cart, namespace: shop }
spec:
  clusterIP: 10.96.0.1
  selector: { app: cart }
  ports: [{ name: http, port: 80, targetPort: http }, { name: tcp-db, port: 3306, targetPort: db }]
";

fn compiled(policies: &[String]) -> Compiled {
    let sources = [Source::new("policies.yaml", format!("{WORLD}---\n{}", policies.join("---\n")))];
    compile(&sources).unwrap_or_else(|refused| {
        unreachable!(
            "{}",
            refused.diagnostics.iter().map(|d| d.line(&sources).to_string()).collect::<String>()
        )
    })
}

/// A NetworkPolicy for the pods of an application, with this behind `podSelector`.
fn network(app: &str, rest: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{ name: {app}, namespace: shop }}\n\
         spec: {{ podSelector: {{ matchLabels: {{ app: {app} }} }}, {rest} }}\n"
    )
}

/// An AuthorizationPolicy for the workloads of an application, with this behind `selector`.
fn mesh(app: &str, rest: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{ name: {app}, namespace: shop }}\n\
         spec: {{ selector: {{ matchLabels: {{ app: {app} }} }}, {rest} }}\n"
    )
}

/// `from` an application's account.
fn by(account: &str) -> String {
    format!("from: [{{ source: {{ principals: [cluster.local/ns/shop/sa/{account}] }} }}]")
}

/// `ingress` from an application's pods, at a port.
fn from(app: &str, port: &str) -> String {
    format!(
        "ingress: [{{ from: [{{ podSelector: {{ matchLabels: {{ app: {app} }} }} }}], ports: [{{ port: {port} }}] }}]"
    )
}

fn check(policies: &[String], expected: &[&str]) {
    let compiled = compiled(policies);
    let side = Side { program: &compiled.program, inventory: &compiled.inventory };
    let told = |clash: &Clash<'_>| match clash {
        Clash::Dropped { rule, source, destination, port, by } => {
            format!("{rule} drops {source} to {destination} at {port} by {by}")
        }
        Clash::Unnarrowed { rule, workloads } => {
            format!(
                "{rule} admits to {}",
                workloads.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            )
        }
        Clash::PodBlock { rule, block, workload } => format!("{rule} has {workload} in {block}"),
        Clash::ServicePort { rule, service, port, target } => {
            format!("{rule} means {target} by {port} of {}", service.name)
        }
        Clash::NoRequests { rule, name, .. } => format!("{rule} asks for requests at {name}"),
        Clash::NoSidecar { id, workload } => format!("{id} selects {workload} without a proxy"),
    };
    assert_eq!(clashes(side).iter().map(told).collect::<Vec<_>>(), expected);
}

#[test]
fn requests_that_the_network_drops_are_found_with_both_rules() {
    let reading = format!("rules: [{{ {}, to: [{{ operation: {{ methods: [GET] }} }}] }}]", by("pay"));
    check(
        &[network("cart", &from("web", "8080")), mesh("cart", &reading)],
        &[
            "shop/authorizationpolicy.cart/rules[0] drops shop/pay to shop/cart at 8080 by shop/networkpolicy.cart/isolate[0]",
        ],
    );
}

#[test]
fn requests_that_the_network_lets_pass_are_no_matter() {
    let reading = format!("rules: [{{ {}, to: [{{ operation: {{ methods: [GET] }} }}] }}]", by("web"));
    check(&[network("cart", &from("web", "8080")), mesh("cart", &reading)], &[]);
}

#[test]
fn a_rule_of_the_mesh_may_be_wide_where_the_network_is_narrow() {
    // Everybody, and a whole namespace.
    let reading = "rules: [{ to: [{ operation: { methods: [GET] } }] }, { from: [{ source: { namespaces: [shop] } }] }]";
    check(&[network("cart", &from("web", "8080")), mesh("cart", reading)], &[]);
}

#[test]
fn a_port_that_the_network_does_not_let_pass_is_found() {
    let reading = format!("rules: [{{ {}, to: [{{ operation: {{ ports: [\"9090\"] }} }}] }}]", by("web"));
    check(
        &[network("cart", &from("web", "8080")), mesh("cart", &reading)],
        &[
            "shop/authorizationpolicy.cart/rules[0] drops shop/web to shop/cart at 9090 by shop/networkpolicy.cart/isolate[0]",
        ],
    );
}

#[test]
fn who_is_admitted_beside_others_that_are_authorized_is_found() {
    let policies = [
        network("cart", &from("web", "8080")),
        network("pay", &from("cart", "8080")),
        network("web", "ingress: [{}]"),
        mesh("cart", &format!("rules: [{{ {} }}]", by("web"))),
        mesh("pay", &format!("rules: [{{ {} }}]", by("cart"))),
    ];
    check(&policies, &["shop/networkpolicy.web/ingress[0] admits to shop/web"]);
}

#[test]
fn who_protects_some_only_did_not_forget_the_others() {
    let policies = [
        network("cart", &from("web", "8080")),
        network("pay", &from("cart", "8080")),
        network("web", "ingress: [{}]"),
        mesh("cart", &format!("rules: [{{ {} }}]", by("web"))),
    ];
    check(&policies, &[]);
}

#[test]
fn a_block_with_pods_in_it_is_found() {
    let block = |cidr: &str| {
        network("web", &format!("policyTypes: [Egress], egress: [{{ to: [{{ ipBlock: {{ {cidr} }} }}] }}]"))
    };
    check(&[block("cidr: 10.0.0.0/8")], &["shop/networkpolicy.web/egress[0] has shop/cart in 10.0.0.0/8"]);
    check(&[block("cidr: 10.0.0.0/8, except: [10.0.0.0/16]")], &[]);
    check(&[block("cidr: 0.0.0.0/0")], &[]);
    check(&[block("cidr: 198.51.100.0/24")], &[]);
}

#[test]
fn the_port_of_a_service_is_told_from_that_of_its_pods() {
    check(
        &[network("cart", &from("web", "80"))],
        &["shop/networkpolicy.cart/ingress[0] means 8080 by 80 of cart"],
    );
    check(&[network("cart", &from("web", "8080"))], &[]);
    check(&[network("cart", &from("web", "http"))], &[]);
    // Of this nothing says anything.
    check(&[network("cart", &from("web", "9090"))], &[]);
}

#[test]
fn requests_on_a_port_that_carries_none_are_found() {
    let reading = |port: &str| {
        mesh("cart", &format!("rules: [{{ to: [{{ operation: {{ methods: [GET]{port} }} }}] }}]"))
    };
    check(
        &[reading(", ports: [\"3306\"]")],
        &["shop/authorizationpolicy.cart/rules[0] asks for requests at tcp-db"],
    );
    check(&[reading(", ports: [\"8080\"]")], &[]);
    // Some ports carry requests, and these are meant.
    check(&[reading("")], &[]);
}

#[test]
fn a_policy_of_the_mesh_for_a_workload_outside_of_it_is_found() {
    check(
        &[mesh("old", &format!("rules: [{{ {} }}]", by("web")))],
        &["shop/authorizationpolicy.old/isolate[0] selects shop/old without a proxy"],
    );
    let everybody = mesh("old", "rules: [{}]").replace("selector: { matchLabels: { app: old } }, ", "");
    check(&[everybody], &[]);
}

#[test]
fn a_policy_of_bookends_own_is_no_matter_of_planes() {
    let own = "apiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: { name: p, namespace: shop }\n\
               spec: { isolate: [{ workloads: {} }], allow: [{ name: a, to: [{ cidr: 10.0.0.0/8 }], ports: [80] }] }\n";
    check(&[own.to_owned()], &[]);
}

/// The text of every document in a directory of this checkout.
fn directory(path: &str) -> Vec<Source> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    let files = directory.read_dir().unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| Source::new(file.display().to_string(), std::fs::read(&file).unwrap())).collect()
}

#[test]
fn nothing_is_found_about_bookinfo() {
    let mut sources = directory("examples/migration");
    sources.extend(
        directory("examples/bookinfo").into_iter().filter(|source| {
            source.name.ends_with("bookinfo.yaml") || source.name.ends_with("inventory.yaml")
        }),
    );
    let compiled = compile(&sources).unwrap();
    let side = Side { program: &compiled.program, inventory: &compiled.inventory };
    assert_eq!(clashes(side), Vec::new());
}

#[test]
fn nothing_is_found_about_recipes() {
    let recipes = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conformance/foreign/kubernetes/recipes");
    let corpus = bookend_testing::Corpus::read(recipes.as_ref()).unwrap();
    let mut seen = 0;
    for section in &corpus.sections {
        let side = Side { program: &section.world.program, inventory: &section.world.inventory };
        assert_eq!(clashes(side), Vec::new(), "{}", section.about);
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}
