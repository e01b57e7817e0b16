//! The engine, as everybody uses it who knows the whole of a case: the command, the page, the plan.

use std::sync::Arc;

use anyhow::Context;
use bookend_engine::{Connection, Exchange, Judgement, NoTrace, Peer, decide, rehearse};

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
        let uri_sans: Vec<&str>;
        let source = match question.seen() {
            None => inventory.endpoint(question.source.address),
            Some(seen) => {
                uri_sans = seen.uri_sans.iter().map(AsRef::as_ref).collect();
                inventory.peer_endpoint(Peer { uri_sans: &uri_sans, address: seen.address })
            }
        };
        let connection = Connection {
            source,
            destination: inventory.endpoint(question.destination.address),
            protocol: question.protocol,
            port: question.port,
        };
        let (lines, request);
        let exchange = match &question.traffic {
            Traffic::Packet => Exchange::Packet,
            Traffic::Stream(_) => Exchange::Stream,
            Traffic::Request { head, tokens, .. } => {
                lines = head.lines();
                request = head.request(&lines, tokens);
                Exchange::Http(&request)
            }
        };
        let judgement = decide(&world.program, &connection, exchange, &mut NoTrace);
        let audit = rehearse(&world.program, &connection, exchange, &judgement, &mut NoTrace);
        let told =
            |judgement: &Judgement<'_>| (judgement.verdict(), judgement.deciding().1.cause.id().to_owned());
        let (verdict, id) = told(&judgement);
        Ok(Answer::new(verdict, id).with(audit.as_ref().map(told)).into())
    }
}
