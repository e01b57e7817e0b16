//! The engine, as the filter uses it: a configuration that came as JSON, narrowed to the proxy's own workload.

use std::sync::Arc;

use anyhow::Context;
use bookend_engine::{Configuration, Enforcement, Exchange, OwnWorkload, Peer, Protocol};

use super::Vehicle;
use crate::{Answer, Judged, Question, Traffic, World};

/// `bookend_engine::Enforcement`.
#[derive(Debug, Default)]
pub struct Proxy {
    world: Option<Arc<World>>,
}

impl Vehicle for Proxy {
    fn name(&self) -> &'static str {
        "engine in a proxy"
    }

    fn enter(&mut self, world: &Arc<World>) -> anyhow::Result<()> {
        self.world = Some(Arc::clone(world));
        Ok(())
    }

    fn judge(&mut self, question: &Question) -> anyhow::Result<Judged> {
        let world = self.world.as_ref().context("no world was entered")?;
        let Some(seen) = question.seen() else {
            return Ok(Judged::NotApplicable("packets are the kernel's business"));
        };
        let own = match proxied(world, question) {
            Ok(own) => own,
            Err(reason) => return Ok(Judged::NotApplicable(reason)),
        };
        let configuration = Configuration::from_json(&world.configuration.to_json()?)?;
        let enforcement = Enforcement::new(configuration, own);
        let uri_sans: Vec<_> = seen.uri_sans.iter().map(String::as_str).collect();
        let peer = Peer { uri_sans: &uri_sans, address: seen.address };
        let (lines, request);
        let exchange = match &question.traffic {
            Traffic::Request { head, tokens, .. } => {
                lines = head.lines();
                request = head.request(&lines, tokens);
                Exchange::Http(&request)
            }
            _ => Exchange::Stream,
        };
        let ruling = enforcement.decide(peer, Some(question.destination.address), question.port, exchange);
        let audit = ruling.audit.map(|(_, decision)| (decision.verdict, decision.cause.id().to_owned()));
        Ok(Answer::new(ruling.verdict(), ruling.id()).with(audit).into())
    }
}

/// The workload whose proxy the traffic of `question` passes, or why it passes none.
///
/// # Errors
/// The reason.
pub fn proxied(world: &World, question: &Question) -> Result<OwnWorkload, &'static str> {
    if question.protocol != Protocol::Tcp {
        return Err("a proxy sees TCP only");
    }
    match world.inventory.at(question.destination.address) {
        Some(workload) if workload.identity.proxied => Ok(OwnWorkload {
            namespace: workload.identity.namespace.clone(),
            service_account: workload.identity.service_account.clone(),
            labels: workload.identity.labels.clone(),
        }),
        _ => Err("the destination has no proxy"),
    }
}
