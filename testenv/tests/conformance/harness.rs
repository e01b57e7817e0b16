//! The shipped module in wasmtime.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, bail};
use bookend_engine::{OwnWorkload, Verdict};
use bookend_harness::{Ending, Exchange, Instance, Module, Plugin, Properties, Value};
use bookend_testenv::requirement::artifact;
use bookend_testing::question::Tokens;
use bookend_testing::vehicle::proxied;
use bookend_testing::{Answer, Judged, Question, Traffic, Vehicle, World};

use crate::{ONE_TOKEN, audited, refusal};

/// `bookend_filter.wasm` in `bookend-harness`, with the attributes that Envoy would offer.
pub(crate) struct Harness {
    module: Module,
    world: Option<Arc<World>>,
    /// One started plugin for each workload with a proxy that was asked for, by its address.
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
        let world = self.world.as_ref().context("no world was entered")?;
        let (peer, head, tokens) = match &question.traffic {
            Traffic::Packet => return Ok(Judged::NotApplicable("packets are the kernel's business")),
            Traffic::Stream(_) => return Ok(Judged::NotApplicable("the module judges no streams")),
            Traffic::Request { peer, head, tokens } => (peer, head, tokens),
        };
        let own = match proxied(world, question) {
            Ok(own) => own,
            Err(reason) => return Ok(Judged::NotApplicable(reason)),
        };
        let key = format!("{}/{}", question.destination.name, question.destination.address);
        let instance = match self.instances.entry(key) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(self.module.start(&Plugin {
                    configuration: world.configuration.to_json()?,
                    properties: node(&own),
                    ..Plugin::default()
                })?)
            }
        };
        let destination = SocketAddr::new(question.destination.address, question.port);
        let mut properties = Properties::new().with(["destination", "address"], destination.to_string());
        if !peer.uri_sans.is_empty() {
            properties.set(["filter_state", "bookend.peer_uri_sans"], peer.uri_sans.join(","));
        }
        if let Some(address) = peer.address {
            properties.set(["filter_state", "bookend.peer_address"], address.to_string());
        }
        match tokens {
            Tokens::Verified(tokens) if !properties.set_verified_tokens(tokens) => {
                return Ok(Judged::NotApplicable(ONE_TOKEN));
            }
            Tokens::Verified(_) => {}
            Tokens::Unreadable => properties.set(["metadata"], b"\xff".as_slice()),
        }
        let pseudo = [(":method", &head.method), (":authority", &head.authority), (":path", &head.path)]
            .into_iter()
            .filter_map(|(name, value)| Some((name.as_bytes().to_vec(), value.clone()?)));
        // Envoy's names are in lower case, whatever was sent.
        let others = head.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
        let exchange = Exchange { headers: pseudo.chain(others).collect(), properties, end_of_stream: true };
        let outcome = instance.http_request(&exchange)?;
        let rule = outcome.written.get(b"bookend.rule".as_slice()).context("no rule was attached")?;
        let rule = String::from_utf8_lossy(rule).into_owned();
        let answer = match outcome.ending {
            Ending::Continue(_) => Answer::new(Verdict::Allow, rule),
            Ending::LocalResponse(response) => {
                let answer = refusal(&response.body)?;
                anyhow::ensure!(response.status == 403, "status {}", response.status);
                // Both ways in which a denial is told name the same rule.
                anyhow::ensure!(answer.id == rule, "the body says `{}`, the log `{rule}`", answer.id);
                answer
            }
            other => bail!("the request ended as {other:?}"),
        };
        let audit =
            outcome.written.get(b"bookend.audit".as_slice()).map(|text| String::from_utf8_lossy(text));
        Ok(answer.with(audited(audit.as_deref())?).into())
    }
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
