//! What counts as a verified token, in a real Envoy with Istio's way of asking for tokens.

use std::net::SocketAddr;
use std::sync::Arc;

use bookend_engine::{End, Protocol, Verdict};
use bookend_testenv::envoy::Verifier;
use bookend_testenv::token::{Signer, tampered, unsigned};
use bookend_testing::question::{Head, Tokens};
use bookend_testing::{Answer, Judged, Party, Question, Seen, Traffic, Vehicle, World};
use serde_json::{Value, json};

use crate::envoy::{Build, Envoy};

const GOOD: &str = "https://issuer.test";
const BANNED: &str = "https://banned.test";

const DOCUMENTS: &str = r#"
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: { name: tokens }
spec:
  workloads:
  - name: client
    labels: { app: client }
    proxy: true
    instances: [{ addresses: [10.0.0.1] }]
  - name: server
    labels: { app: server }
    proxy: true
    jwt: true
    instances: [{ addresses: [10.0.0.2] }]
---
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: p }
spec:
  isolate: [{ workloads: { labels: { app: server } }, directions: [ingress] }]
  allow:
  - name: admins
    to: [{ workloads: { labels: { app: server } } }]
    http: [{ jwt: [{ issuer: "https://issuer.test", claims: [{ claim: [realm, roles], exact: admin }] }] }]
  deny:
  - name: banned
    to: [{ workloads: { labels: { app: server } } }]
    http: [{ jwt: [{ issuer: "https://banned.test" }] }]
"#;

/// `client` asks `server`.
struct Scene {
    envoy: Envoy,
    signer: Signer,
    verifier: Verifier,
}

impl Scene {
    fn new(tolerant: bool) -> Self {
        let signer = Signer::new().unwrap();
        let issuers = [Some(GOOD.to_owned()), Some(BANNED.to_owned())];
        let mut verifier = Verifier::new(signer.key_set(), issuers);
        if tolerant {
            verifier = verifier.tolerant();
        }
        let endpoint = SocketAddr::from(([10, 0, 0, 2], 80));
        let mut envoy = Envoy::at(
            Build::Wasm,
            vec![(End::Destination, endpoint)],
            Signer::new().unwrap(),
            verifier.clone(),
        )
        .unwrap();
        envoy.enter(&Arc::new(World::compile(&[DOCUMENTS]).unwrap())).unwrap();
        Self { envoy, signer, verifier }
    }

    fn good(&self) -> String {
        self.signer.sign(&admin(GOOD)).unwrap()
    }

    fn header(&self, issuer: &str) -> String {
        self.verifier.header(Some(issuer)).unwrap()
    }

    /// What becomes of a request with these headers.
    fn judged(&mut self, headers: &[(&str, &str)]) -> Judged {
        let party =
            |name: &str, number: u8| Party { name: name.to_owned(), address: [10, 0, 0, number].into() };
        let bytes = |(name, value): &(&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let peer = Seen {
            uri_sans: vec!["spiffe://cluster.local/ns/default/sa/default".to_owned()],
            address: Some([10, 0, 0, 1].into()),
        };
        let head = Head {
            method: Some(b"GET".to_vec()),
            authority: Some(b"server".to_vec()),
            path: Some(b"/?iss=https://issuer.test".to_vec()),
            headers: headers.iter().map(bytes).collect(),
            client: peer.address,
            ..Head::default()
        };
        let question = Question {
            source: party("client", 1),
            destination: party("server", 2),
            protocol: Protocol::Tcp,
            port: 80,
            traffic: Traffic::Request { peer, head, tokens: Tokens::default() },
            end: End::Destination,
        };
        self.envoy.judge(&question).unwrap()
    }
}

fn admin(issuer: &str) -> Value {
    json!({ "iss": issuer, "sub": "alice", "realm": { "roles": ["user", "admin"], "more": null } })
}

fn denied(rule: &str) -> Judged {
    Answer::new(Verdict::Deny, rule).into()
}

#[test]
fn a_token_counts_only_where_envoy_verified_it() {
    let mut scene = Scene::new(false);
    let (good, header) = (scene.good(), scene.header(GOOD));
    let allowed: Judged = Answer::new(Verdict::Allow, "default/p/admins").into();
    assert_eq!(scene.judged(&[(&header, &good)]), allowed);
    assert_eq!(scene.judged(&[]), denied("default/p/isolate[0]"));

    // Nor does what a request says itself.
    let claims = admin(GOOD).to_string();
    let hearsay = [
        ("authorization", format!("Bearer {good}")),
        ("x-jwt-payload", claims.clone()),
        ("x-envoy-jwt-payload", claims.clone()),
        ("metadata", claims),
    ];
    let hearsay: Vec<_> = hearsay.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(scene.judged(&hearsay), denied("default/p/isolate[0]"));

    // Envoy answers these itself.
    let strangers = Signer::new().unwrap().sign(&admin(GOOD)).unwrap();
    let other = scene.signer.sign(&json!({ "iss": "https://other.test" })).unwrap();
    let users = scene.signer.sign(&json!({ "iss": GOOD })).unwrap();
    for bad in [&unsigned(&admin(GOOD)), &tampered(&users, &admin(GOOD)), &strangers, &other] {
        let refused = Judged::NotApplicable("Envoy takes no such token");
        assert_eq!(scene.judged(&[(&header, bad)]), refused, "{bad}");
    }
}

#[test]
fn no_token_hides_another() {
    let mut scene = Scene::new(false);
    let banned = scene.signer.sign(&admin(BANNED)).unwrap();
    let (good, headers) = (scene.good(), [scene.header(GOOD), scene.header(BANNED)]);
    let both = [(headers[0].as_str(), good.as_str()), (headers[1].as_str(), banned.as_str())];
    assert_eq!(scene.judged(&both), denied("default/p/banned"));
}

#[test]
fn a_token_that_failed_is_none_where_envoy_tolerates_it() {
    let mut scene = Scene::new(true);
    let (good, header) = (scene.good(), scene.header(GOOD));
    let strangers = Signer::new().unwrap().sign(&admin(GOOD)).unwrap();
    let users = scene.signer.sign(&json!({ "iss": GOOD })).unwrap();
    for bad in [&unsigned(&admin(GOOD)), &tampered(&users, &admin(GOOD)), &strangers] {
        assert_eq!(scene.judged(&[(&header, bad)]), denied("default/p/isolate[0]"), "{bad}");
    }
    assert_eq!(scene.judged(&[(&header, &good)]), Answer::new(Verdict::Allow, "default/p/admins").into());
}
