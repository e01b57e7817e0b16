//! The engine, as the filter uses it: a configuration that came as JSON, narrowed to the proxy's own workload.

use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use bookend_engine::{End, Enforcement, Exchange, FilterEnd, OwnWorkload, Peer, Protocol};

use super::Vehicle;
use crate::{Answer, Judged, Question, Traffic, World};

/// `bookend_engine::Enforcement`.
#[derive(Debug, Default)]
pub struct Proxy {
    world: Option<Arc<World>>,
    excerpts: bool,
}

impl Proxy {
    /// A proxy that gets what is for its own namespace, and not the whole.
    pub fn of_a_namespace() -> Self {
        Self { excerpts: true, ..Self::default() }
    }
}

impl Vehicle for Proxy {
    fn name(&self) -> &'static str {
        if self.excerpts { "engine in a proxy of a namespace" } else { "engine in a proxy" }
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
        let own = match question.end {
            End::Destination => proxied(world, question),
            End::Source => sending(world, question),
        };
        let own = match own {
            Ok(own) => own,
            Err(reason) => return Ok(Judged::NotApplicable(reason)),
        };
        let mut configuration = world.configuration.clone();
        if question.end == End::Source {
            configuration.settings.end = FilterEnd::Source;
        }
        if self.excerpts {
            configuration = configuration.for_namespace(&own.namespace);
        }
        let enforcement = Enforcement::from_json(configuration.to_json()?, own)?;
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
        let (source, destination) = (question.source.address, question.destination.address);
        let ruling = match question.end {
            End::Destination => enforcement.decide(peer, Some(destination), question.port, exchange),
            End::Source => {
                let destination = SocketAddr::new(destination, question.port);
                match enforcement.decide_outbound(Some(source), destination, exchange) {
                    Some(ruling) => ruling,
                    None => return Ok(Answer::left_to_the_kernel().into()),
                }
            }
        };
        let audit = ruling.audit.map(|(_, decision)| (decision.verdict, decision.cause.id().to_owned()));
        Ok(Answer::new(ruling.verdict(), ruling.id()).with(audit).into())
    }
}

/// The workload whose proxy the traffic of `question` passes, or why it passes none.
///
/// # Errors
/// The reason.
pub fn proxied(world: &World, question: &Question) -> Result<OwnWorkload, &'static str> {
    if question.end == End::Source {
        return Err("the filter at the source is asked");
    }
    own(world, question.protocol, question.destination.address)?.ok_or("the destination has no proxy")
}

/// The workload whose proxy the traffic of `question` leaves through, or why it leaves through none.
///
/// # Errors
/// The reason.
pub fn sending(world: &World, question: &Question) -> Result<OwnWorkload, &'static str> {
    if question.end == End::Destination {
        return Err("the filter at the destination is asked");
    }
    own(world, question.protocol, question.source.address)?.ok_or("the source has no proxy")
}

/// The workload at an address, if a proxy stands before it.
fn own(world: &World, protocol: Protocol, address: IpAddr) -> Result<Option<OwnWorkload>, &'static str> {
    if protocol != Protocol::Tcp {
        return Err("a proxy sees TCP only");
    }
    let identity = world.inventory.at(address).map(|workload| &workload.identity);
    Ok(identity.filter(|identity| identity.proxied).map(|identity| OwnWorkload {
        namespace: identity.namespace.clone(),
        service_account: identity.service_account.clone(),
        labels: identity.labels.clone(),
    }))
}
