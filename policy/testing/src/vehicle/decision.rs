//! The engine, as everybody uses it who knows the whole of a case: the command, the page, the plan.

use std::sync::Arc;

use anyhow::Context;
use bookend_engine::{
    Connection, Decision as EndDecision, End, Exchange, Identity, Judgement, NoTrace, Peer, decide,
    decide_dialled, decide_end, rehearse, rehearse_end,
};

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
        let source = match question.seen().filter(|_| question.end == End::Destination) {
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
        let address = question.destination.address;
        let dialled = inventory.dialled(address, question.protocol, question.port);
        if let (Traffic::Packet, Some(dialled)) = (&question.traffic, dialled) {
            let judged = decide_dialled(&world.program, &connection.source, &dialled, &mut NoTrace);
            let told = |decision: EndDecision<'_>| (decision.verdict, decision.cause.id().to_owned());
            let (verdict, id) = told(judged.decision);
            return Ok(Answer::new(verdict, id).with(judged.audit.map(told)).into());
        }
        if question.end == End::Source {
            return Ok(at_the_source(world, &connection, exchange).into());
        }
        let judgement = decide(&world.program, &connection, exchange, &mut NoTrace);
        let audit = rehearse(&world.program, &connection, exchange, &judgement, &mut NoTrace);
        let told =
            |judgement: &Judgement<'_>| (judgement.verdict(), judgement.deciding().1.cause.id().to_owned());
        let (verdict, id) = told(&judgement);
        Ok(Answer::new(verdict, id).with(audit.as_ref().map(told)).into())
    }
}

/// What holds at the source's filter, which knows its own workload, and the destination by its address (S60, S61).
fn at_the_source(world: &World, connection: &Connection<'_>, exchange: Exchange<'_>) -> Answer {
    let stranger = connection.destination.identity == Identity::Outside;
    if stranger && matches!(exchange, Exchange::Stream) {
        return Answer::left_to_the_kernel();
    }
    let decision = decide_end(&world.program, End::Source, connection, exchange, &mut NoTrace);
    let audit = rehearse_end(&world.program, End::Source, connection, exchange, &decision, &mut NoTrace);
    let told = |decision: EndDecision<'_>| (decision.verdict, decision.cause.id().to_owned());
    let (verdict, id) = told(decision);
    Answer::new(verdict, id).with(audit.map(told))
}
