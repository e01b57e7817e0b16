//! The verdict of the filter in the destination's proxy: both ends in full.

use bookend_engine::{
    Connection, End, Endpoint, Exchange, Identity, Location, NoTrace, Peer, Principal, Protocol, Workload,
    decide, rehearse,
};

use super::{Answer, Judged, Layer, Pair, Point, Rehearsed, Told, Watch, near, only_opens};
use crate::documents::Documents;
use crate::traffic::{Payload, Traffic};

/// Asks the engine what the filter asks it.
pub(super) fn judge(pair: &Pair<'_>, traffic: &Traffic, documents: &Documents, explained: bool) -> Point {
    let point = |answer| Point { layer: Layer::Proxy, end: End::Destination.name(), answer };
    let absent = |not_on_the_path| point(Answer::Absent { not_on_the_path });
    let Some(destination) = pair.to.workload else {
        let what = if pair.to.service.is_some() { "a Service" } else { "outside" };
        return absent(format!("{} is {what}", pair.to.name));
    };
    if !destination.identity.proxied {
        return absent(format!("{} has no proxy", pair.to.name));
    }
    if pair.protocol != Protocol::Tcp {
        return absent(format!("{} does not pass a proxy", pair.protocol.name()));
    }
    if only_opens(traffic) {
        return absent("nothing has been sent on the connection yet".to_owned());
    }
    let authority = traffic.authority(pair.to, pair.port);
    let encrypted = certificate(pair, traffic, documents).is_some();
    let judged = match &traffic.payload {
        Payload::Request(request) => request.ask(&authority, encrypted, |request| {
            asked(pair, destination, traffic, Exchange::Http(request), documents, explained)
        }),
        Payload::Stream | Payload::Packet => {
            asked(pair, destination, traffic, Exchange::Stream, documents, explained)
        }
    };
    point(Answer::Judged(Box::new(judged)))
}

fn asked(
    pair: &Pair<'_>,
    destination: &Workload,
    traffic: &Traffic,
    exchange: Exchange<'_>,
    documents: &Documents,
    explained: bool,
) -> Judged {
    let inventory = &documents.compiled.inventory;
    let certificate = certificate(pair, traffic, documents);
    let uri_sans: Vec<&str> = certificate.iter().map(String::as_str).collect();
    // Where the inventory has no address, the filter could not use one to tell workloads of one account apart.
    let known = !pair.from.addresses.is_empty() || pair.from.workload.is_none();
    let source = inventory.peer_endpoint(Peer { uri_sans: &uri_sans, address: known.then_some(pair.source) });
    let connection = Connection {
        source: Endpoint { location: Location::of(pair.source), ..source },
        destination: Endpoint {
            identity: Identity::Workload(&destination.identity),
            location: Location::of(pair.destination),
            principal: Principal::Derived { trust_domain: inventory.trust_domain() },
        },
        protocol: pair.protocol,
        port: pair.port,
    };
    let program = &documents.compiled.program;
    let mut watch = Watch::new(explained);
    let judgement = decide(program, &connection, exchange, &mut watch);
    let (end, decision) = judgement.deciding();
    let mut judged = Judged::new(end, decision, watch.explanation(), documents);
    judged.answer = traffic
        .payload
        .request()
        .and_then(|request| Told::new(decision.verdict, decision.cause, request, documents));
    judged.audit = rehearse(program, &connection, exchange, &judgement, &mut NoTrace).map(|rehearsed| {
        let (end, decision) = rehearsed.deciding();
        Rehearsed::new(end, decision, documents)
    });
    if explained {
        // A denial has one end to ask; for a permission both had to agree.
        let asked: &[End] = if judgement.permit().is_some() { &End::BOTH } else { &[end] };
        judged.near = near::near(asked, decision.verdict, &connection, exchange, &judged.trace, documents);
    }
    judged
}

/// The SPIFFE id that the source proves: a workload's own if it has a proxy, or the one it was called by.
pub fn certificate(pair: &Pair<'_>, traffic: &Traffic, documents: &Documents) -> Option<String> {
    if traffic.plaintext {
        return None;
    }
    match pair.from.workload {
        Some(workload) => workload
            .identity
            .proxied
            .then(|| workload.identity.spiffe_id(documents.compiled.inventory.trust_domain())),
        None => pair.from.principal.clone(),
    }
}

#[cfg(test)]
mod tests;
