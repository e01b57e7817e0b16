//! The filter's own module, run as the sidecar of destinations: what it is told, and what it says.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bookend_answers::Documents;
use bookend_answers::passage::{Pair, certificate};
use bookend_answers::request::Request;
use bookend_answers::subject::title;
use bookend_answers::traffic::Traffic;
use bookend_engine::{Verdict, Workload};
use bookend_harness::{
    Conversation, Delivery, Ending, Exchange, Instance, LocalResponse, LogLine, Module, Outcome, Plugin,
    Properties, Value,
};

use crate::module;
use crate::progress::Running;

/// Where the filter attaches the id of the deciding rule.
const RULE: &[u8] = b"bookend.rule";

/// The filter state that tells who is at the other end of a connection.
const PEER: &str = "bookend.peer";

/// How many questions one thread takes at a time, so that a proxy is not started for each of them.
const SHARE: usize = 64;

/// How long a connection is silent after the handshake: long enough for a filter that waits for it.
const SILENCE: Duration = Duration::from_secs(1);

/// The module, for proxies of every destination.
pub(crate) struct Filter<'d> {
    module: Module,
    documents: &'d Documents,
    configuration: Vec<u8>,
}

/// A connection, and what travels on it.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) pair: &'a Pair<'a>,
    pub(crate) traffic: &'a Traffic,
}

/// What became of a request or of a connection.
pub(crate) struct Ruled {
    pub(crate) verdict: Verdict,
    /// The id that the filter attaches for access logs.
    pub(crate) rule: Option<String>,
    /// The answer in the place of the service.
    pub(crate) response: Option<LocalResponse>,
    /// Without an answer, what happened.
    pub(crate) stopped: Option<&'static str>,
    pub(crate) logs: Vec<LogLine>,
}

/// The proxies of one thread, by their workloads.
type Proxies = BTreeMap<String, Instance>;

impl<'d> Filter<'d> {
    /// Loads the module that was named, or finds it.
    ///
    /// # Errors
    /// When there is none, and when it is no module.
    pub(crate) fn load(named: Option<&Path>, documents: &'d Documents) -> anyhow::Result<Self> {
        let mut configuration = documents.compiled.configuration();
        // So that it says which rule allows, too.
        configuration.settings.access_log.allowed = true;
        Ok(Self { module: module::load(named)?, documents, configuration: configuration.to_json()? })
    }

    /// Puts everything through the filters of the destinations, on every processor; the answers in the order of the
    /// questions. What is no request is a connection on which something else is sent.
    ///
    /// # Errors
    /// When the module fails, and when a proxy could not be told all of a request.
    pub(crate) fn judge(&self, asks: &[Ask<'_>], what: &'static str) -> anyhow::Result<Vec<Ruled>> {
        let shares = shares(asks);
        let progress = Mutex::new(Running::new(what, asks.len()));
        let next = AtomicUsize::new(0);
        let work = || -> anyhow::Result<Vec<(usize, Ruled)>> {
            let (mut proxies, mut done) = (Proxies::new(), Vec::new());
            while let Some(share) = shares.get(next.fetch_add(1, Ordering::Relaxed)) {
                for &place in share {
                    let Some(ask) = asks.get(place) else { continue };
                    done.push((place, self.answer(&mut proxies, ask)?));
                    if let Ok(mut progress) = progress.lock() {
                        progress.step();
                    }
                }
            }
            Ok(done)
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(shares.len());
        let mut done = std::thread::scope(|scope| -> anyhow::Result<Vec<(usize, Ruled)>> {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut done = work()?;
            for other in others {
                done.extend(other.join().map_err(|_| anyhow!("a thread was lost"))??);
            }
            Ok(done)
        })?;
        done.sort_unstable_by_key(|(place, _)| *place);
        Ok(done.into_iter().map(|(_, ruled)| ruled).collect())
    }

    fn answer(&self, proxies: &mut Proxies, ask: &Ask<'_>) -> anyhow::Result<Ruled> {
        let Ask { pair, traffic } = ask;
        let own = pair
            .to
            .workload
            .filter(|workload| workload.identity.proxied)
            .with_context(|| format!("`{}` has no proxy, so no filter sees the traffic", pair.to.name))?;
        let instance = match proxies.entry(title(own)) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(self.module.start(&plugin(own, self.configuration.clone()))?)
            }
        };
        let mut ruled = match traffic.payload.request() {
            Some(request) => {
                let exchange = exchange(pair, own, traffic, request, self.documents)?;
                Ruled::of_request(instance.http_request(&exchange)?)
            }
            None => {
                let conversation = conversation(pair, traffic, self.documents);
                Ruled::of_connection(instance.tcp_connection(&conversation)?)
            }
        };
        ruled.logs.splice(0..0, instance.startup_logs().iter().cloned());
        Ok(ruled)
    }
}

/// The places of the questions, those about one destination together, in parts that threads may take.
fn shares(asks: &[Ask<'_>]) -> Vec<Vec<usize>> {
    let mut by_destination: HashMap<*const Workload, Vec<usize>> = HashMap::new();
    let mut order = Vec::new();
    for (place, ask) in asks.iter().enumerate() {
        let destination = ask.pair.to.workload.map_or(std::ptr::null(), std::ptr::from_ref);
        by_destination.entry(destination).or_insert_with(|| {
            order.push(destination);
            Vec::new()
        });
        if let Some(places) = by_destination.get_mut(&destination) {
            places.push(place);
        }
    }
    let parts = order.iter().filter_map(|destination| by_destination.get(destination));
    parts.flat_map(|places| places.chunks(SHARE).map(<[usize]>::to_vec)).collect()
}

impl Ruled {
    fn of_request(outcome: Outcome) -> Self {
        let (verdict, response, stopped) = match outcome.ending {
            Ending::Continue(_) => (Verdict::Allow, None, None),
            Ending::LocalResponse(response) => (Verdict::Deny, Some(response), None),
            Ending::Paused => {
                (Verdict::Deny, None, Some("the module holds the request and never lets it go"))
            }
            Ending::Closed => (Verdict::Deny, None, Some("the module reset the stream")),
        };
        Self { verdict, rule: rule(&outcome.written), response, stopped, logs: outcome.logs }
    }

    fn of_connection(delivery: Delivery) -> Self {
        let (verdict, stopped) = match (delivery.refused, delivery.to_service.is_empty()) {
            (false, false) => (Verdict::Allow, None),
            (true, _) => (Verdict::Deny, Some("the module closed the connection")),
            (false, true) => {
                (Verdict::Deny, Some("the module holds the connection and never lets anything pass"))
            }
        };
        Self { verdict, rule: rule(&delivery.written), response: None, stopped, logs: delivery.logs }
    }
}

fn rule(written: &BTreeMap<Vec<u8>, Vec<u8>>) -> Option<String> {
    written.get(RULE).map(|id| String::from_utf8_lossy(id).into_owned())
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
    let mut properties = facts(pair, traffic, documents);
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

/// A connection on which something is sent that is no request.
fn conversation(pair: &Pair<'_>, traffic: &Traffic, documents: &Documents) -> Conversation {
    let encrypted = certificate(pair, traffic, documents).is_some();
    Conversation {
        properties: facts(pair, traffic, documents),
        before_handshake: encrypted.then(|| end(pair, encrypted)),
        pause: SILENCE,
        from_peer: b"something".to_vec(),
        from_service: b"something else".to_vec(),
    }
}

/// What is known of a connection as it begins: where it arrives, and whether a handshake follows.
fn end(pair: &Pair<'_>, encrypted: bool) -> Properties {
    let destination = SocketAddr::new(pair.destination, pair.port);
    let mut properties = Properties::new()
        .with(["destination", "address"], destination.to_string())
        .with(["destination", "port"], i64::from(pair.port))
        .with(["connection", "mtls"], false);
    if encrypted {
        properties.set(["connection", "tls_version"], "TLSv1.3");
    }
    properties
}

/// The facts about both ends of a connection.
fn facts(pair: &Pair<'_>, traffic: &Traffic, documents: &Documents) -> Properties {
    let certificate = certificate(pair, traffic, documents);
    let mut properties = end(pair, certificate.is_some());
    // An address that the inventory does not know would tell the filter nothing.
    if !pair.from.addresses.is_empty() || pair.from.workload.is_none() {
        let destination = SocketAddr::new(pair.destination, pair.port);
        let names = certificate.as_deref().unwrap_or_default();
        properties.set(["filter_state", PEER], format!("{} {destination} {names}", pair.source));
    }
    if let Some(request) = traffic.payload.request() {
        if let Some(client) = request.client {
            properties.set(["source", "address"], SocketAddr::new(client, 0).to_string());
        }
        if let Some(name) = &request.sni {
            properties.set(["connection", "requested_server_name"], name.as_str());
        }
    }
    if let Some(id) = certificate {
        properties.set(["connection", "mtls"], true);
        properties.set(["connection", "uri_san_peer_certificate"], id);
    }
    properties
}
