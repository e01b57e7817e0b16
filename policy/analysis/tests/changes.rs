//! What a change of policies is found to change.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use std::fmt::Write;

use bookend_analysis::{Side, diff};
use bookend_lang::{Compiled, Source, compile};

const SHOP: &str = "
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: { name: shop }
spec:
  workloads:
  - { name: web-1, namespace: shop, labels: { app: web }, proxy: true, instances: [{ addresses: [10.0.0.1] }] }
  - { name: web-2, namespace: shop, labels: { app: web }, proxy: true, instances: [{ addresses: [10.0.0.2] }] }
  - { name: cart, namespace: shop, labels: { app: cart }, proxy: true, instances: [{ addresses: [10.0.0.3] }] }
  - { name: stock, namespace: shop, labels: { app: stock }, instances: [{ addresses: [10.0.0.4] }] }
  - { name: ledger, namespace: bank, labels: { app: ledger }, proxy: true, instances: [{ addresses: [10.0.1.1] }] }
";

/// A policy of namespace `shop`, with what is written under `spec`.
fn policy(spec: &str) -> String {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: {{ name: p, namespace: shop }}\nspec:\n{spec}"
    )
}

fn compiled(texts: &[&str]) -> Compiled {
    let sources: Vec<_> =
        texts.iter().enumerate().map(|(n, text)| Source::new(format!("{n}.yaml"), *text)).collect();
    compile(&sources).unwrap_or_else(|refused| {
        unreachable!(
            "{}",
            refused.diagnostics.iter().map(|d| d.line(&sources).to_string()).collect::<String>()
        )
    })
}

fn check(old: &str, new: &str) -> String {
    let (old, new) = (policy(old), policy(new));
    check_documents(&[SHOP, &old], &[SHOP, &new])
}

fn check_documents(old: &[&str], new: &[&str]) -> String {
    let (old, new) = (compiled(old), compiled(new));
    let side =
        |compiled: &'static Compiled| Side { program: &compiled.program, inventory: &compiled.inventory };
    let (old, new) = (Box::leak(Box::new(old)), Box::leak(Box::new(new)));
    let found = diff(side(old), side(new));
    let mut text = String::new();
    for change in &found.changes {
        let (from, to) = (found.ground.crowd(&change.sources), found.ground.crowd(&change.destinations));
        let detail = &change.detail;
        writeln!(text, "{:?}: {from} -> {to}, {}", detail.kind, change.ports).unwrap();
        for (name, stand) in [("before", &detail.before), ("after", &detail.after)] {
            writeln!(text, "  {name}: {:?} by {}", stand.extent, stand.by.join(", ")).unwrap();
        }
        for (name, examples) in [("opens", &detail.opens), ("closes", &detail.closes)] {
            for example in examples {
                writeln!(text, "  {name}: {example}").unwrap();
            }
        }
    }
    if text.is_empty() { "nothing\n".to_owned() } else { text }
}

const ISOLATED: &str = "isolate: [{ workloads: {}, directions: [ingress] }]";

fn allow(rules: &str) -> String {
    format!("{ISOLATED}\nallow:\n{rules}")
}

fn web_to_cart(rest: &str) -> String {
    let from = "from: [{ workloads: { labels: { app: web } } }]";
    allow(&format!("- {{ name: r, {from}, to: [{{ workloads: {{ labels: {{ app: cart }} }} }}]{rest} }}"))
}

#[test]
fn a_policy_is_no_change_of_itself_whatever_its_rules_are_called() {
    let policy = web_to_cart(", ports: [80], http: [{ methods: [GET] }]");
    assert_eq!(check(&policy, &policy), "nothing\n");
    assert_eq!(check(&policy, &policy.replace("name: r,", "name: other,")), "nothing\n");
}

#[test]
fn a_new_rule_opens_exactly_what_it_allows() {
    insta::assert_snapshot!(check(ISOLATED, &web_to_cart(", ports: [80, { port: 8000, endPort: 8010 }]")), @r"
    Opened: shop/web-1, shop/web-2 -> shop/cart, TCP 80, 8000–8010
      before: Denied by shop/p/isolate[0]
      after: Allowed by shop/p/r
    ");
}

#[test]
fn isolation_closes_everything_that_nobody_allows() {
    insta::assert_snapshot!(check("deny: [{ name: d, ports: [25] }]", &format!("{ISOLATED}\ndeny: [{{ name: d, ports: [25] }}]")), @r"
    Closed: every workload of shop (4), bank/ledger, everybody outside -> every workload of shop (4), every port except TCP 25
      before: Allowed by default-allow
      after: Denied by shop/p/isolate[0]
    ");
}

#[test]
fn a_wider_condition_opens_requests() {
    insta::assert_snapshot!(check(
        &web_to_cart(", ports: [80], http: [{ methods: [GET], paths: ['/a/{id}'] }]"),
        &web_to_cart(", ports: [80], http: [{ methods: [GET, POST], paths: ['/a/{id}'] }]"),
    ), @r"
    Opened: shop/web-1, shop/web-2 -> shop/cart, TCP 80
      before: SomeRequests by shop/p/isolate[0], shop/p/r
      after: SomeRequests by shop/p/isolate[0], shop/p/r
      opens: POST /a/x
    ");
}

#[test]
fn a_condition_that_is_written_otherwise_is_never_passed_over() {
    insta::assert_snapshot!(check(
        &web_to_cart(", ports: [80], http: [{ headers: [{ name: x-id, regex: '[a-f]{40}' }] }]"),
        &web_to_cart(", ports: [80], http: [{ headers: [{ name: x-id, regex: '[a-f]{41}' }] }]"),
    ), @r"
    Undecided: shop/web-1, shop/web-2 -> shop/cart, TCP 80
      before: SomeRequests by shop/p/isolate[0], shop/p/r
      after: SomeRequests by shop/p/isolate[0], shop/p/r
    ");
}

#[test]
fn a_rule_that_is_split_in_two_says_the_same() {
    let rule = |name: &str, method: &str| {
        format!(
            "- {{ name: {name}, from: [{{ workloads: {{ labels: {{ app: web }} }} }}], \
             to: [{{ workloads: {{ labels: {{ app: cart }} }} }}], ports: [80], http: [{method}] }}\n"
        )
    };
    let (get, post) = ("{ methods: [GET] }", "{ methods: [POST] }");
    let one = allow(&rule("r", &format!("{get}, {post}")));
    let two = allow(&(rule("a", get) + &rule("b", post)));
    assert_eq!(check(&one, &two), "nothing\n");
}

#[test]
fn conditions_toward_a_workload_without_a_proxy_allow_nothing() {
    let rule = allow(
        "- { name: r, to: [{ workloads: { labels: { app: stock } } }], ports: [80], http: [{ methods: [GET] }] }",
    );
    assert_eq!(check(ISOLATED, &rule), "nothing\n");
}

#[test]
fn what_is_only_audited_is_told_apart_from_what_is_enforced() {
    insta::assert_snapshot!(check(&web_to_cart(""), &format!("{}\ndeny: [{{ name: d, mode: audit, to: [{{ workloads: {{ labels: {{ app: cart }} }} }}], ports: [80] }}]", web_to_cart(""))), @r"
    Audited: shop/web-1, shop/web-2 -> shop/cart, TCP 80
      before: Allowed by shop/p/r
      after: Allowed by shop/p/r
    ");
}

#[test]
fn blocks_are_cut_where_rules_cut_them() {
    let rule = |except: &str| {
        allow(&format!("- {{ name: r, from: [{{ cidr: 10.0.0.0/8{except} }}], ports: [80] }}"))
    };
    insta::assert_snapshot!(check(&rule(""), &rule(", except: [10.9.0.0/16, 10.0.0.1/32]")), @r"
    Closed: shop/web-1, 10.9.0.0/16 -> every workload of shop (4), TCP 80
      before: Allowed by shop/p/r
      after: Denied by shop/p/isolate[0]
    ");
}

#[test]
fn a_label_that_changes_changes_what_is_allowed() {
    let policy = policy(&web_to_cart(", ports: [80]"));
    let new = SHOP.replace(
        "name: stock, namespace: shop, labels: { app: stock }",
        "name: stock, namespace: shop, labels: { app: web }",
    );
    insta::assert_snapshot!(check_documents(&[SHOP, &policy], &[&new, &policy]), @r"
    Opened: shop/stock -> shop/cart, TCP 80
      before: Denied by shop/p/isolate[0]
      after: Allowed by shop/p/r
    ");
}
