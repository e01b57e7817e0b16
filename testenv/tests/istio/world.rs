//! Who is there: the workload that everybody asks, those who ask, and the tokens that they show.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use crate::pilot::TRUST_DOMAINS;
use crate::policy::{NAMESPACE, ROOT};

/// Ports that take requests, and ports that take streams.
pub(crate) const HTTP_PORTS: [u16; 2] = [8080, 9090];
pub(crate) const STREAM_PORTS: [u16; 2] = [7000, 7001];

/// Somebody who asks.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Trust domain, namespace and service account; nothing in plaintext.
    pub(crate) account: Option<(&'static str, &'static str, &'static str)>,
    pub(crate) address: [u8; 4],
}

const fn peer(
    domain: &'static str,
    namespace: &'static str,
    account: &'static str,
    address: [u8; 4],
) -> Peer {
    Peer { account: Some((domain, namespace, account)), address }
}

/// Everybody: workloads of the inventory, one under an older name of the trust domain, one of another mesh, one that the
/// inventory does not know, and two without a certificate, of whom one is where a workload is.
pub(crate) const PEERS: [Peer; 9] = [
    peer("cluster.local", "default", "web", [10, 30, 0, 1]),
    peer("cluster.local", "default", "api", [10, 30, 0, 2]),
    peer("cluster.local", "ops", "admin", [10, 30, 1, 1]),
    peer("cluster.local", "ops-2", "web", [10, 30, 1, 2]),
    peer("old.test", "default", "web", [10, 30, 0, 3]),
    peer("far.test", "default", "web", [10, 30, 2, 1]),
    peer("cluster.local", "ghost", "ghost", [10, 30, 3, 1]),
    Peer { account: None, address: [10, 30, 0, 1] },
    Peer { account: None, address: [10, 30, 9, 9] },
];

/// The namespaces of the inventory.
pub(crate) const NAMESPACES: [&str; 3] = ["default", "ops", "ops-2"];

impl Peer {
    /// The identity without its scheme, as policies name it.
    pub(crate) fn principal(&self) -> Option<String> {
        self.account.map(|(domain, namespace, account)| format!("{domain}/ns/{namespace}/sa/{account}"))
    }

    pub(crate) fn spiffe_id(&self) -> Option<String> {
        self.principal().map(|principal| format!("spiffe://{principal}"))
    }

    pub(crate) fn ip(&self) -> IpAddr {
        Ipv4Addr::from(self.address).into()
    }
}

/// Where the workload is that a set of policies is for.
pub(crate) fn destination(set: usize, port: u16) -> SocketAddr {
    let [.., high, low] = u32::try_from(set).unwrap().to_be_bytes();
    (Ipv4Addr::new(10, 20, high, low), port).into()
}

/// What Bookend is told of the cluster, for a set.
pub(crate) fn inventory(set: usize) -> String {
    let server = destination(set, 0).ip();
    let [domain, alias] = TRUST_DOMAINS;
    format!(
        "apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: {{ name: mesh }}
spec:
  trustDomain: {domain}
  trustDomainAliases: [{alias}]
  rootNamespace: {ROOT}
  workloads:
  - {{ name: server, serviceAccount: server, labels: {{ app: server, version: v1 }}, proxy: true, instances: [{{ addresses: [{server}] }}] }}
  - {{ name: web, serviceAccount: web, labels: {{ app: web }}, proxy: true, instances: [{{ addresses: [10.30.0.1] }}] }}
  - {{ name: api, serviceAccount: api, labels: {{ app: api }}, proxy: true, instances: [{{ addresses: [10.30.0.2] }}] }}
  - {{ name: admin, namespace: ops, serviceAccount: admin, labels: {{ app: admin }}, proxy: true, instances: [{{ addresses: [10.30.1.1] }}] }}
  - {{ name: web, namespace: ops-2, serviceAccount: web, labels: {{ app: web }}, proxy: true, instances: [{{ addresses: [10.30.1.2] }}] }}
"
    )
}

/// What Istio is told besides: whose tokens the workload's proxy verifies.
pub(crate) fn authentication() -> String {
    let [first, second] = ISSUERS;
    format!(
        "apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{ name: tokens, namespace: {NAMESPACE} }}
spec:
  selector: {{ matchLabels: {{ app: server }} }}
  jwtRules:
  - {{ issuer: \"{first}\", jwksUri: \"https://keys.test/first\" }}
  - {{ issuer: \"{second}\", jwksUri: \"https://keys.test/second\" }}
"
    )
}

/// The issuers whose tokens the proxy verifies.
pub(crate) const ISSUERS: [&str; 2] = ["https://issuer.test", "accounts.test"];

/// The claims of the tokens that there are.
pub(crate) fn tokens() -> Vec<Value> {
    let [first, second] = ISSUERS;
    let until = 4_102_444_800u64;
    vec![
        json!({ "iss": first, "sub": "alice", "exp": until, "aud": "shop", "groups": ["admin", "ops"] }),
        json!({ "iss": first, "sub": "bob", "exp": until, "aud": ["shop", "bank"], "azp": "app", "groups": "dev" }),
        json!({ "iss": second, "sub": "bob", "exp": until, "scope": "read write", "realm": { "roles": ["admin"] } }),
        json!({ "iss": second, "sub": "alice", "exp": until, "scope": "read", "realm": { "roles": "ops" }, "groups": [] }),
        json!({ "iss": first, "exp": until, "groups": ["dev"], "azp": "other" }),
        json!({ "iss": second, "sub": "carol/admin", "exp": until, "aud": [], "level": 3, "admin": true }),
        json!({ "iss": first, "sub": "", "exp": until, "groups": ["admin,ops"], "realm": "admin", "level": 3.5 }),
        json!({ "iss": second, "sub": "dave", "exp": until, "groups": [7, null, ["admin"], "ops"], "azp": null }),
    ]
}
