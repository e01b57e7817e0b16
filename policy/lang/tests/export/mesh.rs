//! Istio's own policies, written again.

use bookend_engine::{Clause, Program};
use bookend_lang::export::Effect;

use super::*;

/// A document of a kind, with a namespace and a name.
fn document(kind: &str, namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: security.istio.io/v1, kind: {kind}, metadata: {{name: {name}, namespace: {namespace}}}, spec: {{{spec}}}}}"
    )
}

fn authentication(namespace: &str, name: &str, spec: &str) -> String {
    document("PeerAuthentication", namespace, name, spec)
}

fn authorization(spec: &str) -> String {
    document("AuthorizationPolicy", "default", "p", spec)
}

/// What documents say in a world.
fn read(world: &str, documents: &[String]) -> Compiled {
    let texts = [world.to_owned()].into_iter().chain(documents.iter().cloned());
    let sources: Vec<Source> = texts.map(|text| Source::new("test.yaml", text.into_bytes())).collect();
    compile(&sources).unwrap_or_else(|refused| panic!("{:#?}\n{documents:#?}", refused.diagnostics))
}

fn written(compiled: &Compiled) -> Export {
    export(compiled, Wish { target: Target::Istio, plane: Plane::Mesh, cluster_policies: true })
}

/// What a program says in the plane of a mesh, without ids and orders that mean nothing.
fn meaning(program: &Program) -> Vec<String> {
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list.dedup();
        list
    };
    let rules = program.rules().iter().filter(|rule| rule.plane == Plane::Mesh).map(|rule| {
        let mut rule = rule.clone();
        rule.id.clear();
        // No policy of Istio holds there, whether a rule says so or not.
        let idle = |text: &String| ["15020", "15021", "15090"].iter().any(|port| text.contains(port));
        let ports = rule.not_ports.drain(..).map(|port| format!("{port:?}"));
        let ports = sorted(ports.filter(|text| !idle(text)).collect());
        let only = rule.ports.alternatives().unwrap_or_default();
        let only = sorted(only.iter().map(|port| format!("{port:?}")).collect());
        rule.ports = Clause::Any;
        let peers = rule.to.alternatives().unwrap_or_default().iter().map(|peer| {
            let mut peer = peer.clone();
            let not = sorted(peer.not.iter().map(|not| format!("{not:?}")).collect());
            peer.not.clear();
            format!("{peer:?} but {not:?}")
        });
        let to = sorted(peers.collect());
        rule.to = Clause::Any;
        format!("{rule:?} to {to:?} on {only:?} but {ports:?}")
    });
    let isolations = program.isolations().iter().filter(|isolation| isolation.plane == Plane::Mesh);
    let isolations = isolations.map(|isolation| {
        let mut isolation = isolation.clone();
        isolation.id.clear();
        format!("{isolation:?}")
    });
    sorted(rules.chain(isolations).collect())
}

/// Writes documents again. What is read of that means the same, and is written as the same text.
#[track_caller]
fn again_in(world: &str, documents: &[String]) -> Export {
    let original = read(world, documents);
    let first = written(&original);
    let texts: Vec<String> = first.documents.iter().map(ToString::to_string).collect();
    let back = read(world, &texts);
    assert_eq!(meaning(&original.program), meaning(&back.program), "{documents:#?}\n{}", shown(&first));
    assert_eq!(first.documents, written(&back).documents, "{documents:#?}");
    let open = first.gaps.iter().any(|gap| {
        // What Istio leaves to itself there Bookend holds in the kernel, whoever wrote it.
        let unproxied = gap.reason.ends_with("have no proxy");
        matches!(gap.effect, Effect::Open | Effect::Stricter) && !unproxied
    });
    assert!(!open, "{documents:#?}\n{}", shown(&first));
    first
}

#[track_caller]
fn again(documents: &[String]) -> Export {
    again_in(WORLD, documents)
}

/// The `spec` of a written document.
#[track_caller]
fn spec(export: &Export, namespace: &str, name: &str) -> String {
    let said = |document: &serde_json::Value, pointer: &str, text: &str| {
        document.pointer(pointer).and_then(serde_json::Value::as_str) == Some(text)
    };
    let found = export.documents.iter().find(|document| {
        said(document, "/metadata/namespace", namespace) && said(document, "/metadata/name", name)
    });
    let spec = found.and_then(|document| document.get("spec"));
    spec.unwrap_or_else(|| panic!("no `{namespace}/{name}` in\n{}", shown(export))).to_string()
}

const STRICT: &str = "mtls: {mode: STRICT}";
const PERMISSIVE: &str = "mtls: {mode: PERMISSIVE}";
const API: &str = "selector: {matchLabels: {app: api}}";

#[test]
fn mutual_tls_of_the_mesh_of_namespaces_and_of_workloads_is_written_as_it_was() {
    let mesh = authentication("istio-system", "default", STRICT);
    let export = again(core::slice::from_ref(&mesh));
    assert_eq!(kinds(&export), ["PeerAuthentication"]);
    assert_eq!(spec(&export, "istio-system", "default"), r#"{"mtls":{"mode":"STRICT"}}"#);
    again(&[authentication("default", "default", STRICT)]);
    again(&[mesh.clone(), authentication("default", "default", STRICT)]);
    again(&[mesh.clone(), authentication("default", "api", &format!("{API}, {STRICT}"))]);
    let export = again(&[authentication("default", "api", &format!("{API}, {STRICT}"))]);
    let wanted = r#"{"mtls":{"mode":"STRICT"},"selector":{"matchLabels":{"app":"api"}}}"#;
    assert_eq!(spec(&export, "default", "api"), wanted);
    let unset = authentication("default", "api", API);
    again(&[mesh, unset]);
}

#[test]
fn whoever_is_left_out_of_mutual_tls_is_left_out_again() {
    let mesh = authentication("istio-system", "default", STRICT);
    let quiet = authentication("ops", "quiet", PERMISSIVE);
    let export = again(&[mesh.clone(), quiet.clone()]);
    assert_eq!(spec(&export, "ops", "permissive"), r#"{"mtls":{"mode":"PERMISSIVE"}}"#);
    let api = authentication("default", "api", &format!("{API}, mtls: {{mode: DISABLE}}"));
    let export = again(&[mesh.clone(), quiet, api.clone()]);
    assert_eq!(kinds(&export), ["PeerAuthentication"; 3]);
    again(&[mesh, authentication("default", "default", STRICT), api.clone()]);
    again(&[authentication("default", "default", STRICT), api]);
}

#[test]
fn ports_with_another_mode_are_written_as_such() {
    let one = |spec: &str| authentication("default", "api", &format!("{API}, {spec}"));
    let export = again(&[one("mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}}")]);
    assert!(spec(&export, "default", "api").contains(r#""portLevelMtls":{"8080":{"mode":"PERMISSIVE"}}"#));
    let export =
        again(&[one("mtls: {mode: DISABLE}, portLevelMtls: {80: {mode: STRICT}, 81: {mode: STRICT}}")]);
    let wanted = r#""portLevelMtls":{"80":{"mode":"STRICT"},"81":{"mode":"STRICT"}}"#;
    assert!(spec(&export, "default", "api").contains(wanted));
    again(&[one("portLevelMtls: {80: {mode: STRICT}}")]);
    let mesh = authentication("istio-system", "default", STRICT);
    again(&[mesh, one("portLevelMtls: {80: {mode: PERMISSIVE}, 15020: {mode: DISABLE}}")]);
    // What is named there is meant.
    again(&[one("portLevelMtls: {15020: {mode: STRICT}}")]);
}

#[test]
fn the_mesh_of_another_root_namespace_is_its_own() {
    let world = format!(
        "{WORLD}---\napiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: {{ name: root }}\nspec: {{ rootNamespace: root }}\n"
    );
    let export = again_in(&world, &[authentication("root", "default", STRICT)]);
    assert_eq!(spec(&export, "root", "default"), r#"{"mtls":{"mode":"STRICT"}}"#);
    again_in(
        &world,
        &[authentication("root", "default", STRICT), authentication("istio-system", "own", STRICT)],
    );
}

#[test]
fn what_no_peer_authentication_says_is_left_to_authorization_policies() {
    let deny = |to: &str, rest: &str| {
        format!(
            "apiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: {{ name: p }}\nspec: {{ tier: mesh, deny: [{{ name: r, at: [destination], \
             from: [{{ not: [{{ principals: [\"spiffe://*\"] }}] }}], to: [{{ {to} }}], {rest} }}] }}\n"
        )
    };
    let proxied = "workloads: { labels: { app: api }, proxy: true }";
    let fewer = "workloads: { labels: { app: api }, matchExpressions: [{ key: istio, operator: DoesNotExist }], proxy: true }";
    let agents = "notPorts: [15020, 15021, 15090]";
    for (to, rest, kind) in [
        (proxied, agents, "PeerAuthentication"),
        (proxied, "ports: [80], http: [{ methods: [GET] }]", "AuthorizationPolicy"),
        (fewer, agents, "AuthorizationPolicy"),
        ("workloads: { labels: { app: api } }", agents, "AuthorizationPolicy"),
    ] {
        let export = written(&read(WORLD, &[deny(to, rest)]));
        assert_eq!(kinds(&export), [kind], "{to} {rest}\n{}", shown(&export));
    }
}

#[test]
fn what_istio_does_by_itself_is_not_written() {
    let export = again(&[authorization("action: ALLOW, rules: [{to: [{operation: {ports: ['80']}}]}]")]);
    assert!(!shown(&export).contains("150"), "{}", shown(&export));
    let export = again(&[authorization("action: DENY, rules: [{to: [{operation: {notPorts: ['80']}}]}]")]);
    assert_eq!(
        spec(&export, "default", "p"),
        r#"{"action":"DENY","rules":[{"to":[{"operation":{"notPorts":["80"]}}]}]}"#
    );
    let export = again(&[authorization("action: DENY, rules: [{}]")]);
    assert_eq!(spec(&export, "default", "p"), r#"{"action":"DENY","rules":[{}]}"#);
}

#[test]
fn authorization_policies_are_written_again() {
    for spec in [
        "",
        "action: ALLOW",
        "selector: {matchLabels: {app: api}}, rules: [{}]",
        "rules: [{from: [{source: {principals: [cluster.local/ns/default/sa/web]}}], to: [{operation: {methods: [GET], paths: ['/a/*', '/b/{*}']}}]}]",
        "rules: [{from: [{source: {namespaces: [ops]}}]}, {to: [{operation: {ports: ['80', '81']}}]}]",
        "rules: [{from: [{source: {ipBlocks: [10.1.0.0/16]}}]}]",
        "rules: [{when: [{key: 'request.headers[x-role]', values: [ad*]}]}]",
        "action: DENY, rules: [{from: [{source: {notPrincipals: [cluster.local/ns/default/sa/web]}}]}]",
        "action: DENY, rules: [{from: [{source: {notPrincipals: ['*']}}]}]",
        "action: DENY, rules: [{to: [{operation: {paths: [/admin], notMethods: [GET]}}]}]",
        "action: DENY, selector: {matchLabels: {app: api}}, rules: [{from: [{source: {namespaces: [ops]}}], to: [{operation: {ports: ['80']}}]}]",
    ] {
        again(&[authorization(spec)]);
    }
}

#[test]
fn policies_that_are_being_replaced_are_written_again() {
    let file = |name: &str| {
        std::fs::read_to_string(format!("{}/../../examples/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let world = format!("{}\n---\n{}", file("bookinfo/bookinfo.yaml"), file("bookinfo/inventory.yaml"));
    let export = again_in(&world, &[file("migration/authorization-policies.yaml")]);
    assert_eq!(kinds(&export), ["AuthorizationPolicy", "PeerAuthentication"]);
    let all =
        ["authorization-policies", "network-policies"].map(|name| file(&format!("migration/{name}.yaml")));
    insta::assert_snapshot!(shown(&again_in(&world, &all)));
}
