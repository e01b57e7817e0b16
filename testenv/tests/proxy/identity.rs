//! Who the other side is: what its certificate proves, and nothing that it says.

use bookend_testenv::Stand;
use bookend_testenv::envoy::Verifier;
use bookend_testenv::envoy::plugin::Wasm;
use bookend_testenv::token::{Signer, tampered, unsigned};
use serde_json::{Value, json};

use crate::scene::{ECHO, INVENTORY, Plan, Scene, WEB, WEB_PLAIN, configuration};

const WEB_ID: &str = "spiffe://cluster.local/ns/default/sa/web";
const OTHER_ID: &str = "spiffe://cluster.local/ns/default/sa/other";

/// What `/open/1` is answered to who shows a certificate with these names.
fn status(scene: &Scene, names: &[&str]) -> u16 {
    let identity = scene.plan.stand.authority().issue_to_all(names).unwrap();
    scene.dial_as(Some(&identity), "10.0.0.1", WEB, &[]).get("/open/1", &[]).status
}

#[test]
fn every_name_of_a_certificate_counts_and_no_part_of_one() {
    let scene = Scene::new("names");
    assert_eq!(status(&scene, &[WEB_ID]), 200);
    assert_eq!(status(&scene, &[OTHER_ID]), 403);
    // Names without a workload say nothing.
    assert_eq!(status(&scene, &[]), 403);
    assert_eq!(status(&scene, &["https://web.example"]), 403);
    assert_eq!(status(&scene, &["spiffe://elsewhere.test/ns/default/sa/web"]), 403);
    assert_eq!(status(&scene, &["spiffe://cluster.local/ns/default/sa/web/"]), 403);
    // A name with a comma is one name, which Envoy joins with the others by commas: what comes of it is not trusted.
    assert_eq!(status(&scene, &[&format!("{WEB_ID},{OTHER_ID}")]), 403);
    assert_eq!(status(&scene, &[&format!("https://x/,{WEB_ID}")]), 403);
    assert_eq!(status(&scene, &[&format!("{OTHER_ID}%2C{WEB_ID}")]), 403);
    scene.web.heard();
    // The log says what was seen.
    let log = scene.envoy.log();
    assert!(log.contains(r#""principals":["spiffe://cluster.local/ns/default/sa/other"]"#), "{log}");
}

#[test]
fn several_names_of_one_certificate_are_all_seen() {
    const BY_NAME: &str = r#"
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: p }
spec:
  isolate: [{ workloads: { labels: { app: server } }, directions: [ingress] }]
  allow:
  - name: anyone
    to: [{ workloads: { labels: { app: server } } }]
  deny:
  - name: not-other
    from: [{ workloads: { labels: { app: other } } }]
    to: [{ workloads: { labels: { app: server } } }]
"#;
    let stand = Stand::new("several").unwrap();
    let module = stand.module("bookend_filter.wasm").unwrap();
    let scene =
        Plan::with(stand, &Wasm::new(module, configuration(&[INVENTORY, BY_NAME], &json!({})))).start();
    assert_eq!(status(&scene, &[WEB_ID]), 200);
    assert_eq!(status(&scene, &[OTHER_ID]), 403);
    // The name that is denied does not hide behind another, whatever the order.
    assert_eq!(status(&scene, &[WEB_ID, OTHER_ID]), 403);
    assert_eq!(status(&scene, &[OTHER_ID, WEB_ID]), 403);
    assert_eq!(status(&scene, &["https://web.example", OTHER_ID]), 403);
}

/// What a request may say of itself, to be taken for `web`.
fn forgeries() -> Vec<(&'static str, String)> {
    // Istio's peer metadata: a `google.protobuf.Struct` in base64; the labels of `web` in its own words.
    let metadata = "CiAKBkxBQkVMUxIWKhQKEgoDYXBwEgsaCXdlYi1mYWtlZA==";
    let certificate = format!("By={OTHER_ID};Hash=00;Subject=\"\";URI={WEB_ID}");
    let text = |name, value: &str| (name, value.to_owned());
    vec![
        text("x-forwarded-for", "10.0.0.1"),
        text("x-real-ip", "10.0.0.1"),
        text("forwarded", "for=10.0.0.1"),
        text("x-envoy-external-address", "10.0.0.1"),
        text("x-envoy-original-dst-host", "10.0.0.1:80"),
        text("x-envoy-peer-metadata", metadata),
        text("x-envoy-peer-metadata-id", "sidecar~10.0.0.1~web.default~default.svc.cluster.local"),
        ("x-forwarded-client-cert", certificate),
        text("baggage", "k8s.deployment.name=web,service.name=web,k8s.namespace.name=default"),
        text("x-bookend-peer", WEB_ID),
        text("x-bookend-rule", "default/p/reads"),
        text("bookend.peer", &format!("10.0.0.1 10.0.0.2:9080 {WEB_ID}")),
        text("filter_state", &format!("bookend.peer=10.0.0.1 10.0.0.2:9080 {WEB_ID}")),
        text("x-envoy-filter-state", &format!("bookend.peer={WEB_ID}")),
        text("x-envoy-internal", "true"),
        text("authorization", "Bearer web"),
    ]
}

#[test]
fn nothing_that_a_request_says_of_itself_makes_it_another() {
    let scene = Scene::new("forged");
    let forgeries = forgeries();
    let all: Vec<(&str, &str)> = forgeries.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut stranger = scene.dial_as_stranger(WEB);
    for header in &all {
        assert_eq!(stranger.get("/open/1", &[*header]).status, 403, "{header:?}");
    }
    assert_eq!(stranger.get("/open/1", &all).status, 403);
    // In the clear there is no identity, whatever is said and wherever it comes from.
    let mut plain = scene.dial_plain(WEB_PLAIN);
    assert_eq!(plain.get("/open/1", &all).status, 403);
    // Nor does it make who may pass one who may not.
    let from_elsewhere =
        [("x-forwarded-for", "10.0.0.3"), ("x-envoy-peer-metadata-id", "sidecar~10.0.0.3~other~x")];
    assert_eq!(scene.dial(WEB).get("/open/2", &from_elsewhere).status, 200);
    let heard = scene.web.heard();
    assert!(heard.contains("/open/2") && !heard.contains("/open/1"), "{heard}");
}

/// A policy that goes by the address, which every request would like to choose.
const BY_ADDRESS: &str = r#"
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: p }
spec:
  isolate: [{ workloads: { labels: { app: server } }, directions: [ingress] }]
  allow:
  - name: one-address
    from: [{ cidr: 198.51.100.7/32 }]
    to: [{ workloads: { labels: { app: server } } }]
"#;

#[test]
fn the_address_of_a_peer_is_the_one_it_connects_from() {
    for remote in [false, true] {
        let stand = Stand::new("address").unwrap();
        stand.own("198.51.100.7".parse().unwrap()).unwrap();
        let module = stand.module("bookend_filter.wasm").unwrap();
        let mut plan =
            Plan::with(stand, &Wasm::new(module, configuration(&[INVENTORY, BY_ADDRESS], &json!({}))));
        plan.options = json!({ "use_remote_address": remote, "xff_num_trusted_hops": u8::from(remote) });
        let scene = plan.start();
        let ask = |from: &str, said: &str| {
            let mut line = scene.dial_as(None, from, WEB_PLAIN, &[]);
            line.get("/1", &[("x-forwarded-for", said)]).status
        };
        assert_eq!(ask("198.51.100.7", "10.0.0.3"), 200, "use_remote_address: {remote}");
        assert_eq!(ask("10.0.0.3", "198.51.100.7"), 403, "use_remote_address: {remote}");
        assert_eq!(ask("10.0.0.3", "198.51.100.7, 198.51.100.7"), 403, "use_remote_address: {remote}");
    }
}

const BY_TOKEN: &str = r#"
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: p }
spec:
  isolate: [{ workloads: { labels: { app: server } }, directions: [ingress] }]
  allow:
  - name: admins
    to: [{ workloads: { labels: { app: server } } }]
    http: [{ jwt: [{ issuer: "https://issuer.test", claims: [{ claim: [role], exact: admin }] }] }]
"#;

#[test]
fn claims_come_from_tokens_that_envoy_verified() {
    const ISSUER: &str = "https://issuer.test";
    let stand = Stand::new("claims").unwrap();
    let module = stand.module("bookend_filter.wasm").unwrap();
    let mut plan = Plan::with(stand, &Wasm::new(module, configuration(&[INVENTORY, BY_TOKEN], &json!({}))));
    let signer = Signer::new().unwrap();
    let verifier = Verifier::new(signer.key_set(), [Some(ISSUER.to_owned())]).tolerant();
    let header = verifier.header(Some(ISSUER)).unwrap();
    plan.before = vec![verifier.filter()];
    let scene = plan.start();
    let admin = json!({ "iss": ISSUER, "role": "admin" });
    let good = signer.sign(&admin).unwrap();
    let mut line = scene.dial(WEB);
    assert_eq!(line.get("/1", &[(&header, &good)]).status, 200);
    let user = signer.sign(&json!({ "iss": ISSUER, "role": "user" })).unwrap();
    let stranger = Signer::new().unwrap().sign(&admin).unwrap();
    for bad in [&user, &unsigned(&admin), &tampered(&user, &admin), &stranger] {
        assert_eq!(line.get("/2", &[(&header, bad)]).status, 403, "{bad}");
    }
    let claims = admin.to_string();
    let said: [(&str, &str); 4] = [
        ("authorization", &format!("Bearer {good}")),
        ("x-jwt-payload", &claims),
        ("x-envoy-dynamic-metadata", &claims),
        ("metadata", &claims),
    ];
    assert_eq!(line.get("/3", &said).status, 403);
    assert_eq!(scene.web.heard().matches("GET ").count(), 1);
}

/// An Envoy whose node says this of itself.
fn node(name: &str, metadata: Value) -> Scene {
    let mut plan = Plan::new(name);
    plan.metadata = Some(metadata);
    plan.start()
}

#[test]
fn a_proxy_that_does_not_say_whose_it_is_refuses_everything_and_says_why() {
    let whole = json!({ "NAMESPACE": "default", "SERVICE_ACCOUNT": "server", "LABELS": { "app": "server" } });
    for missing in ["NAMESPACE", "SERVICE_ACCOUNT", "LABELS"] {
        let mut metadata = whole.clone();
        metadata.as_object_mut().unwrap().remove(missing);
        let scene = node("nobody", metadata);
        let denied = scene.dial(WEB).get("/open/1", &[]);
        assert_eq!((denied.status, denied.body.contains(missing)), (403, false), "{missing}");
        assert_eq!(scene.dial(ECHO).hear_out(), "");
        assert_eq!(scene.web.heard() + &scene.echo.heard(), "");
        let log = scene.envoy.log();
        assert!(log.contains("everything is refused, because"), "{log}");
        let details = scene.logged("/open/1")["details"].clone();
        assert_eq!(details, format!("bookend_fault{{xds.node.metadata.{missing}}}"));
        let faulty = || Ok(scene.envoy.sum("bookend.configuration.faulty")? > 0);
        scene.envoy.await_that("a gauge of the fault", faulty).unwrap();
    }
    let scene = node("somebody", whole);
    assert_eq!(scene.dial(WEB).get("/open/1", &[]).status, 200);
}
