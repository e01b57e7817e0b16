//! What Envoy would tell the filter: the attributes that the filter reads, as Istio configures them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bookend_engine::{Inventory, Workload};
use bookend_harness::{Exchange, Header, Plugin, Properties, Value};

use crate::passage::{Pair, spiffe_id};

/// Where the filter attaches the id of the deciding rule.
pub(super) const RULE: &[u8] = b"bookend.rule";

/// The plugin in the proxy of a workload.
pub(super) fn plugin(own: &Workload, configuration: Vec<u8>) -> Plugin {
    let identity = &own.identity;
    let labels: BTreeMap<String, Value> =
        identity.labels.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    let metadata = |name| ["xds", "node", "metadata", name];
    Plugin {
        name: "bookend".to_owned(),
        configuration,
        properties: Properties::new()
            .with(metadata("NAMESPACE"), identity.namespace.as_str())
            .with(metadata("SERVICE_ACCOUNT"), identity.service_account.as_str())
            .with(metadata("LABELS"), Value::Map(labels)),
        ..Plugin::default()
    }
}

/// A request, whoever sends it.
pub(super) struct Request<'r> {
    pub(super) method: &'r str,
    pub(super) path: &'r str,
    pub(super) authority: &'r str,
    pub(super) headers: &'r [Header],
    pub(super) port: u16,
    pub(super) plaintext: bool,
}

impl Request<'_> {
    /// The request, from one end to the other.
    pub(super) fn exchange(&self, pair: &Pair<'_>, inventory: &Inventory) -> Exchange {
        let pseudo = [
            (":method", self.method),
            (":scheme", "http"),
            (":authority", self.authority),
            (":path", self.path),
        ];
        let pseudo = pseudo.into_iter().map(|(name, value)| (name.into(), value.into()));
        let destination = SocketAddr::new(pair.destination, self.port);
        let mut properties = Properties::new()
            .with(["destination", "address"], destination.to_string())
            .with(["destination", "port"], i64::from(self.port));
        let certified = pair.from.workload.filter(|w| w.identity.proxied && !self.plaintext);
        properties.set(["connection", "mtls"], certified.is_some());
        if let Some(workload) = certified {
            let id = spiffe_id(&inventory.trust_domain, workload);
            properties.set(["filter_state", "bookend.peer_uri_sans"], id.as_str());
            properties.set(["connection", "uri_san_peer_certificate"], id);
        }
        // An address that the inventory does not know would tell the filter nothing.
        if !pair.from.addresses.is_empty() {
            properties.set(["filter_state", "bookend.peer_address"], pair.source.to_string());
        }
        Exchange {
            headers: pseudo.chain(self.headers.iter().cloned()).collect(),
            properties,
            end_of_stream: true,
        }
    }
}
