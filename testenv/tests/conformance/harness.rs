//! The shipped module in wasmtime.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bookend_engine::{End, FilterEnd, OwnWorkload, Verdict};
use bookend_harness::{Conversation, Ending, Exchange, Instance, Module, Plugin, Properties, Value};
use bookend_testenv::requirement::artifact;
use bookend_testing::question::{ServerName, Tokens};
use bookend_testing::vehicle::{proxied, sending};
use bookend_testing::{Answer, Head, Judged, Question, Seen, Traffic, Vehicle, World};

use crate::{ONE_TOKEN, audited};

/// How long a connection is silent after its handshake, for a filter that waits for that.
const SILENCE: Duration = Duration::from_secs(1);

/// `bookend_filter.wasm` in `bookend-harness`, with the attributes that Envoy would offer.
pub(crate) struct Harness {
    module: Module,
    world: Option<Arc<World>>,
    /// One started plugin for each end and workload with a proxy that was asked for, by its address.
    instances: BTreeMap<String, Instance>,
}

impl Harness {
    /// Compiles the module.
    ///
    /// # Errors
    /// When it was not built, or is no module.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let path = artifact("bookend_filter.wasm")?;
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(Self { module: Module::load(&bytes)?, world: None, instances: BTreeMap::new() })
    }

    /// The plugin in the proxy that the question is for.
    fn instance(&mut self, question: &Question, own: &OwnWorkload) -> anyhow::Result<&mut Instance> {
        let world = self.world.as_ref().context("no world was entered")?;
        let party = match question.end {
            End::Source => &question.source,
            End::Destination => &question.destination,
        };
        let key = format!("{:?}/{}/{}", question.end, party.name, party.address);
        Ok(match self.instances.entry(key) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let mut configuration = world.configuration.clone();
                configuration.settings.access_log.allowed = true;
                if question.end == End::Source {
                    configuration.settings.end = FilterEnd::Source;
                }
                entry.insert(self.module.start(&Plugin {
                    configuration: configuration.to_json()?,
                    properties: node(own),
                    ..Plugin::default()
                })?)
            }
        })
    }
}

impl Vehicle for Harness {
    fn name(&self) -> &'static str {
        "module in wasmtime"
    }

    fn enter(&mut self, world: &Arc<World>) -> anyhow::Result<()> {
        self.world = Some(Arc::clone(world));
        self.instances.clear();
        Ok(())
    }

    fn judge(&mut self, question: &Question) -> anyhow::Result<Judged> {
        let world = Arc::clone(self.world.as_ref().context("no world was entered")?);
        let Some(seen) = question.seen() else {
            return Ok(Judged::NotApplicable("packets are the kernel's business"));
        };
        let own = match question.end {
            End::Destination => proxied(&world, question),
            End::Source => sending(&world, question),
        };
        let own = match own {
            Ok(own) => own,
            Err(reason) => return Ok(Judged::NotApplicable(reason)),
        };
        let mut properties = facts(question, seen);
        let instance = self.instance(question, &own)?;
        let (verdict, written) = match &question.traffic {
            Traffic::Request { head, tokens, .. } => {
                match tokens {
                    Tokens::Verified(tokens) if !properties.set_verified_tokens(tokens) => {
                        return Ok(Judged::NotApplicable(ONE_TOKEN));
                    }
                    Tokens::Verified(_) => {}
                    Tokens::Unreadable => properties.set(["metadata"], b"\xff".as_slice()),
                }
                if let Some(client) = head.client {
                    properties.set(["source", "address"], SocketAddr::new(client, 0).to_string());
                }
                if let ServerName::Name(name) = &head.server_name {
                    properties.set(["connection", "requested_server_name"], name.as_str());
                }
                requested(instance, head, properties)?
            }
            Traffic::Stream(_) | Traffic::Packet => connected(instance, question, seen, properties)?,
        };
        let text = |key: &[u8]| written.get(key).map(|text| String::from_utf8_lossy(text).into_owned());
        let audit = audited(text(b"bookend.audit").as_deref())?;
        let answer = match text(b"bookend.rule") {
            Some(rule) => Answer::new(verdict, rule),
            None if question.end == End::Source && verdict == Verdict::Allow => Answer::left_to_the_kernel(),
            None => bail!("no rule was attached"),
        };
        Ok(answer.with(audit).into())
    }
}

/// What a plugin attached, by name.
type Written = BTreeMap<Vec<u8>, Vec<u8>>;

/// What became of a request. Both ways in which a denial is told name the same rule.
fn requested(
    instance: &mut Instance,
    head: &Head,
    properties: Properties,
) -> anyhow::Result<(Verdict, Written)> {
    let pseudo = [(":method", &head.method), (":authority", &head.authority), (":path", &head.path)]
        .into_iter()
        .filter_map(|(name, value)| Some((name.as_bytes().to_vec(), value.clone()?)));
    // Envoy's names are in lower case, whatever was sent.
    let others = head.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
    let exchange = Exchange { headers: pseudo.chain(others).collect(), properties, end_of_stream: true };
    let outcome = instance.http_request(&exchange)?;
    let verdict = match outcome.ending {
        Ending::Continue(_) => Verdict::Allow,
        Ending::LocalResponse(response) => {
            let details = String::from_utf8_lossy(&response.details).into_owned();
            let rule = outcome.written.get(b"bookend.rule".as_slice()).context("no rule was attached")?;
            let rule = String::from_utf8_lossy(rule).replace(char::is_whitespace, "_");
            anyhow::ensure!(details.contains(&format!("{{{rule}}}")), "details `{details}`, rule `{rule}`");
            Verdict::Deny
        }
        other => bail!("the request ended as {other:?}"),
    };
    Ok((verdict, outcome.written))
}

/// What became of a connection on which something is sent that is no request: nothing of it passes, or everything.
fn connected(
    instance: &mut Instance,
    question: &Question,
    seen: &Seen,
    properties: Properties,
) -> anyhow::Result<(Verdict, Written)> {
    let nobody = Seen::default();
    let before_handshake = (!seen.uri_sans.is_empty())
        .then(|| facts(question, &nobody).with(["connection", "tls_version"], "TLSv1.2"));
    let (from_peer, from_service) = (b"something".to_vec(), b"something else".to_vec());
    let delivery = instance.tcp_connection(&Conversation {
        properties,
        before_handshake,
        pause: SILENCE,
        from_peer: from_peer.clone(),
        from_service: from_service.clone(),
    })?;
    let verdict = match (delivery.refused, delivery.to_service, delivery.to_peer) {
        (false, service, peer) if service == from_peer && peer == from_service => Verdict::Allow,
        (true, service, peer) if service.is_empty() && peer.is_empty() => Verdict::Deny,
        other => bail!("the connection ended as {other:?}"),
    };
    Ok((verdict, delivery.written))
}

/// What Envoy knows of the connection, as it is configured for the filter.
fn facts(question: &Question, seen: &Seen) -> Properties {
    let destination = SocketAddr::new(question.destination.address, question.port);
    let mut properties = Properties::new()
        .with(["destination", "address"], destination.to_string())
        .with(["destination", "port"], i64::from(question.port));
    if question.end == End::Source {
        properties.set(["upstream", "address"], destination.to_string());
        properties
            .set(["filter_state", "bookend.peer"], format!("{} {destination} ", question.source.address));
        return properties;
    }
    if let Some(address) = seen.address {
        let peer = format!("{address} {destination} {}", seen.uri_sans.join(","));
        properties.set(["filter_state", "bookend.peer"], peer);
    }
    if let Some(first) = seen.uri_sans.first() {
        properties.set(["connection", "uri_san_peer_certificate"], first.as_str());
        properties.set(["connection", "tls_version"], "TLSv1.3");
    }
    properties
}

/// The node metadata of a proxy, as Istio gives it.
fn node(own: &OwnWorkload) -> Properties {
    let labels: BTreeMap<String, Value> =
        own.labels.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
    Properties::new()
        .with(["xds", "node", "metadata", "NAMESPACE"], own.namespace.as_str())
        .with(["xds", "node", "metadata", "SERVICE_ACCOUNT"], own.service_account.as_str())
        .with(["xds", "node", "metadata", "LABELS"], Value::Map(labels))
}
