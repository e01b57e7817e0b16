//! The engine, as everybody uses it who knows the whole of a case: the command, the page, the plan.

use std::sync::Arc;

use anyhow::Context;
use bookend_engine::{Connection, Endpoint, Exchange, Location, NoTrace, Peer, Request, decide};

use super::Vehicle;
use crate::{Answer, Judged, Question, Traffic, World};

/// `bookend_engine::decide`.
#[derive(Debug, Default)]
pub struct Decision {
    world: Option<Arc<World>>,
}

impl Vehicle for Decision {
    fn name(&self) -> &'static str {
        "engine"
    }

    fn enter(&mut self, world: &Arc<World>) -> anyhow::Result<()> {
        self.world = Some(Arc::clone(world));
        Ok(())
    }

    fn judge(&mut self, question: &Question) -> anyhow::Result<Judged> {
        let world = self.world.as_ref().context("no world was entered")?;
        let inventory = &world.inventory;
        let (address, identity) = match question.seen() {
            None => (Some(question.source.address), inventory.behind_address(question.source.address)),
            Some(seen) => {
                let uri_sans: Vec<&str> = seen.uri_sans.iter().map(AsRef::as_ref).collect();
                (seen.address, inventory.behind_peer(Peer { uri_sans: &uri_sans, address: seen.address }))
            }
        };
        let connection = Connection {
            source: Endpoint { identity, location: address.map_or(Location::Unknown, Location::of) },
            destination: Endpoint {
                identity: inventory.behind_address(question.destination.address),
                location: Location::of(question.destination.address),
            },
            protocol: question.protocol,
            port: question.port,
        };
        let request;
        let exchange = match &question.traffic {
            Traffic::Packet => Exchange::Packet,
            Traffic::Stream(_) => Exchange::Stream,
            Traffic::Request { method, path, .. } => {
                request = Request::new(method.as_deref(), path.as_deref());
                Exchange::Http(&request)
            }
        };
        let judgement = decide(&world.program, &connection, exchange, &mut NoTrace);
        Ok(Answer::new(judgement.verdict(), judgement.deciding().1.cause.id()).into())
    }
}
