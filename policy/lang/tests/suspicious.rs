//! What is read and probably not meant, in policies of other systems.

use bookend_lang::{Code, Source, compile};

const WORLD: &str = "\
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: { name: world }
spec:
  workloads:
  - { name: web, namespace: shop, serviceAccount: web, labels: { app: web }, proxy: true, instances: [{ addresses: [10.0.0.1] }] }
  - { name: job, namespace: shop, serviceAccount: job, labels: { app: job }, proxy: false, instances: [{ addresses: [10.0.0.2] }] }
  - { name: cart, namespace: shop, serviceAccount: cart, labels: { app: cart }, proxy: true, instances: [{ addresses: [10.0.0.3] }] }
---
";

/// The warnings about documents: their codes and messages.
fn warnings(documents: &str) -> Vec<(Code, String)> {
    let sources = [Source::new("documents.yaml", format!("{WORLD}{documents}"))];
    let compiled = compile(&sources).unwrap_or_else(|refused| {
        unreachable!(
            "{}",
            refused.diagnostics.iter().map(|d| d.line(&sources).to_string()).collect::<String>()
        )
    });
    compiled.warnings.into_iter().map(|warning| (warning.code, warning.message)).collect()
}

fn network(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{ name: {name}, namespace: shop }}\nspec: {{ {spec} }}\n"
    )
}

fn mesh(spec: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{ name: p, namespace: shop }}\nspec: {{ {spec} }}\n"
    )
}

const TO_CART: &str = "podSelector: { matchLabels: { app: web } }, policyTypes: [Egress], \
                       egress: [{ to: [{ podSelector: { matchLabels: { app: cart } } }], ports: [{ port: 8080 }] }]";

#[test]
fn a_network_policy_whose_other_half_is_missing_is_found() {
    let closed = network("closed", "podSelector: { matchLabels: { app: cart } }, policyTypes: [Ingress]");
    let found = warnings(&format!("{}---\n{closed}", network("out", TO_CART)));
    let expected = "`shop/web` to `shop/cart` is allowed here, but denied at the destination".to_owned();
    assert_eq!(found, [(Code::HalfOpen, expected)]);
}

#[test]
fn a_network_policy_may_be_wider_than_the_other_end_needs() {
    let out = TO_CART.replace("{ matchLabels: { app: cart } }", "{}");
    let closed = network("closed", "podSelector: { matchLabels: { app: cart } }, policyTypes: [Ingress]");
    assert_eq!(warnings(&format!("{}---\n{closed}", network("out", &out))), []);
    let open = "podSelector: { matchLabels: { app: cart } }, ingress: [{ ports: [{ port: 8080 }] }]";
    assert_eq!(warnings(&format!("{}---\n{}", network("out", TO_CART), network("open", open))), []);
}

#[test]
fn what_the_mesh_denies_is_no_missing_half() {
    let nothing = mesh("{}").replace("{ {} }", "{}");
    assert_eq!(warnings(&format!("{}---\n{nothing}", network("out", TO_CART))), []);
}

#[test]
fn selectors_of_other_systems_that_select_nobody_are_found() {
    let found = warnings(&network(
        "p",
        "podSelector: { matchLabels: { app: kart } }, ingress: [{ from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: bank } } }] }]",
    ));
    assert!(!found.is_empty() && found.iter().all(|(code, _)| *code == Code::SelectsNothing), "{found:?}");
    assert_eq!(
        warnings(&mesh("selector: { matchLabels: { app: kart } }")).first().unwrap().0,
        Code::SelectsNothing
    );
    assert_eq!(warnings(&network("p", "podSelector: {}")), []);
}

#[test]
fn a_deny_rule_that_forgets_the_root_is_found() {
    let deny = |paths: &str| {
        mesh(&format!(
            "selector: {{ matchLabels: {{ app: cart }} }}, action: DENY, rules: [{{ to: [{{ operation: {{ paths: [{paths}], ports: [\"8080\"] }} }}] }}]"
        ))
    };
    let expected = |pattern: &str| {
        vec![(
            Code::ForgottenRoot,
            format!("`{pattern}` does not mean `/admin`, which many servers answer alike"),
        )]
    };
    assert_eq!(warnings(&deny("\"/admin/{**}\"")), expected("/admin/{**}"));
    assert_eq!(warnings(&deny("\"/admin/*\"")), expected("/admin/*"));
    assert_eq!(warnings(&deny("\"/admin/*\", /admin")), []);
    assert_eq!(warnings(&deny("\"/admin*\"")), []);
    assert_eq!(warnings(&deny("\"/*\"")), []);
}

#[test]
fn an_allow_rule_below_a_path_is_no_matter_unless_it_is_a_template() {
    let allow = |path: &str| {
        mesh(&format!(
            "selector: {{ matchLabels: {{ app: cart }} }}, rules: [{{ to: [{{ operation: {{ paths: [\"{path}\"] }} }}] }}]"
        ))
    };
    assert_eq!(warnings(&allow("/static/*")), []);
    assert_eq!(warnings(&allow("/static/{**}")).first().unwrap().0, Code::ForgottenRoot);
}

#[test]
fn a_policy_of_the_mesh_for_a_namespace_is_for_those_in_the_mesh() {
    let rules = "rules: [{ to: [{ operation: { methods: [GET] } }] }]";
    assert_eq!(warnings(&mesh(rules)), []);
    let one = mesh(&format!("selector: {{ matchLabels: {{ app: job }} }}, {rules}"));
    assert_eq!(warnings(&one).first().unwrap().0, Code::NoProxy);
}

#[test]
fn a_deny_rule_of_the_mesh_on_every_port_denies_streams_as_well() {
    let deny = "selector: { matchLabels: { app: cart } }, action: DENY, rules: [{ to: [{ operation: { methods: [DELETE] } }] }]";
    assert_eq!(warnings(&mesh(deny)).first().unwrap().0, Code::DeniesStreams);
    assert_eq!(
        warnings(&mesh(&deny.replace("methods: [DELETE]", "methods: [DELETE], ports: [\"8080\"]"))),
        []
    );
}

#[test]
fn bad_documents_of_any_system_refuse_all_of_them_and_all_are_told() {
    let good = network("good", "podSelector: {}");
    let misspelt = network("misspelt", "podSelectr: {}");
    let unversioned = good.replace("networking.k8s.io/v1", "networking.k8s.io/v1beta1");
    let unknown = mesh("action: ALOW");
    let listed: String = [&misspelt, &unknown]
        .iter()
        .map(|document| format!("- {}\n", document.trim_end().replace('\n', "\n  ")))
        .collect();
    let documents =
        format!("{WORLD}{good}---\n{unversioned}---\napiVersion: v1\nkind: List\nitems:\n{listed}");
    let refused = compile(&[Source::new("documents.yaml", documents)]).unwrap_err();
    let codes: Vec<Code> = refused.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, [Code::WrongApiVersion, Code::UnknownField, Code::UnknownWord]);
}
