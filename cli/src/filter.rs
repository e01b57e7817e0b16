//! The filter's own module, run as the sidecar of a destination: what it is told, and what it says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, bail};
use bookend_engine::{Verdict, Workload};
use bookend_harness::{
    Ending, Exchange, Instance, LocalResponse, LogLine, Module, Plugin, Properties, Value,
};

use crate::module;
use crate::passage::{Pair, certificate};
use crate::request::Request;
use crate::sources::Documents;
use crate::subject::title;
use crate::traffic::Traffic;

/// Where the filter attaches the id of the deciding rule.
const RULE: &[u8] = b"bookend.rule";

/// The module, and one started plugin for each destination that was asked for.
pub(crate) struct Filter<'d> {
    module: Module,
    documents: &'d Documents,
    configuration: Vec<u8>,
    instances: BTreeMap<String, Instance>,
}

/// What became of a request.
pub(crate) struct Ruled {
    pub(crate) verdict: Verdict,
    /// The id that the filter attaches to the request for access logs.
    pub(crate) rule: Option<String>,
    /// The answer in the place of the service.
    pub(crate) response: Option<LocalResponse>,
    /// Without an answer, what happened to the request.
    pub(crate) stopped: Option<&'static str>,
    pub(crate) logs: Vec<LogLine>,
}

impl<'d> Filter<'d> {
    /// Loads the module that was named, or finds it.
    ///
    /// # Errors
    /// When there is none, and when it is no module.
    pub(crate) fn load(named: Option<&Path>, documents: &'d Documents) -> anyhow::Result<Self> {
        let configuration = documents.compiled.configuration().to_json()?;
        Ok(Self { module: module::load(named)?, documents, configuration, instances: BTreeMap::new() })
    }

    /// Puts a request through the filter of the destination.
    ///
    /// # Errors
    /// When the module fails, and when a proxy could not be told all of the request.
    pub(crate) fn judge(
        &mut self,
        pair: &Pair<'_>,
        traffic: &Traffic,
        request: &Request,
    ) -> anyhow::Result<Ruled> {
        let own = pair
            .to
            .workload
            .filter(|workload| workload.identity.proxied)
            .with_context(|| format!("`{}` has no proxy, so no filter sees the request", pair.to.name))?;
        let exchange = exchange(pair, own, traffic, request, self.documents)?;
        let instance = match self.instances.entry(title(own)) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(self.module.start(&plugin(own, self.configuration.clone()))?)
            }
        };
        let outcome = instance.http_request(&exchange)?;
        let (verdict, response, stopped) = match outcome.ending {
            Ending::Continue(_) => (Verdict::Allow, None, None),
            Ending::LocalResponse(response) => (Verdict::Deny, Some(response), None),
            Ending::Paused => {
                (Verdict::Deny, None, Some("the module holds the request and never lets it go"))
            }
            Ending::Closed => (Verdict::Deny, None, Some("the module reset the stream")),
        };
        let rule = outcome.written.get(RULE).map(|id| String::from_utf8_lossy(id).into_owned());
        let logs = instance.startup_logs().iter().cloned().chain(outcome.logs).collect();
        Ok(Ruled { verdict, rule, response, stopped, logs })
    }
}

/// The plugin in the proxy of a workload.
fn plugin(own: &Workload, configuration: Vec<u8>) -> Plugin {
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

/// The request from one end to the other, with the attributes that the filter reads, as Istio configures them.
fn exchange(
    pair: &Pair<'_>,
    own: &Workload,
    traffic: &Traffic,
    request: &Request,
    documents: &Documents,
) -> anyhow::Result<Exchange> {
    let authority = request.host.clone().unwrap_or_else(|| traffic.authority(pair.to, pair.port));
    let pseudo = [
        (":method", request.method.as_str()),
        (":scheme", "http"),
        (":authority", authority.as_str()),
        (":path", request.path.as_str()),
    ];
    let named = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let headers = pseudo.into_iter().chain(named);
    let destination = SocketAddr::new(pair.destination, pair.port);
    let mut properties = Properties::new()
        .with(["destination", "address"], destination.to_string())
        .with(["destination", "port"], i64::from(pair.port));
    let certificate = certificate(pair, traffic, documents);
    properties.set(["connection", "mtls"], certificate.is_some());
    if let Some(id) = certificate {
        properties.set(["filter_state", "bookend.peer_uri_sans"], id.as_str());
        properties.set(["connection", "uri_san_peer_certificate"], id);
    }
    // An address that the inventory does not know would tell the filter nothing.
    if !pair.from.addresses.is_empty() || pair.from.workload.is_none() {
        properties.set(["filter_state", "bookend.peer_address"], pair.source.to_string());
    }
    if !request.claims.is_empty() && !own.identity.jwt {
        // Nothing was verified, so there is nothing to hand over.
        let _none = properties.set_verified_tokens(&[]);
    } else if !properties.set_verified_tokens(&request.claims) {
        bail!("a proxy keeps one verified token of each issuer; give each token an `iss` of its own");
    }
    Ok(Exchange {
        headers: headers.map(|(name, value)| (name.into(), value.into())).collect(),
        properties,
        end_of_stream: true,
    })
}
