//! The verdict of the filter in the destination's proxy: both ends in full.

use bookend_engine::{
    Connection, Decision, End, Endpoint, Exchange, Explanation, Identity, Judgement, Location, Protocol,
    Request, decide,
};

use super::{Answer, Judged, Layer, Pair, Point, Traffic, near};
use crate::sources::Documents;

/// Asks the engine what the filter asks it.
pub(super) fn judge(pair: &Pair<'_>, traffic: &Traffic, documents: &Documents) -> Point {
    let point = |answer| Point { layer: Layer::Proxy, end: End::Destination.name(), answer };
    let absent = |not_on_the_path| point(Answer::Absent { not_on_the_path });
    let protocol = traffic.transport.protocol(pair.source.is_ipv6());
    let Some(destination) = pair.to.workload else {
        return absent(format!("{} is outside", pair.to.name));
    };
    if !destination.identity.proxied {
        return absent(format!("{} has no proxy", pair.to.name));
    }
    if protocol != Protocol::Tcp {
        return absent(format!("{} does not pass a proxy", protocol.name()));
    }
    let connection = Connection {
        source: source(pair, traffic, documents),
        destination: Endpoint {
            identity: Identity::Workload(&destination.identity),
            location: Location::of(pair.destination),
        },
        protocol,
        port: traffic.port,
    };
    let request = traffic
        .request
        .as_ref()
        .map(|(method, path)| Request::new(Some(method.as_bytes()), Some(path.as_bytes())));
    let exchange = request.as_ref().map_or(Exchange::Stream, Exchange::Http);
    let mut trace = Explanation::default();
    let judgement = decide(&documents.compiled.program, &connection, exchange, &mut trace);
    let (end, Decision { verdict, cause }) = Judgement::deciding(&judgement);
    // A denial has one end to ask; for a permission both had to agree.
    let asked: &[End] = if judgement.permit().is_some() { &End::BOTH } else { &[end] };
    point(Answer::Judged(Judged {
        verdict: verdict.name(),
        id: cause.id().to_owned(),
        at: documents.place(cause.id()),
        for_end: end.name(),
        near: near::near(asked, verdict, &connection, exchange, &trace, documents),
        trace,
    }))
}

/// What the filter knows of the source: its certificate if it has a proxy of its own, else at most its address.
fn source<'c>(pair: &'c Pair<'_>, traffic: &Traffic, documents: &'c Documents) -> Endpoint<'c> {
    let inventory = &documents.compiled.inventory;
    // Where the inventory has no address, the filter could not use one to tell workloads of one account apart.
    let address = (!pair.from.addresses.is_empty()).then_some(pair.source);
    let identity = match pair.from.workload {
        Some(workload) if workload.identity.proxied && !traffic.plaintext => {
            inventory.behind_spiffe(&spiffe_id(&inventory.trust_domain, workload), address)
        }
        _ => match address {
            Some(address) if inventory.trust_addresses => inventory.behind_address(address),
            _ => Identity::Anonymous,
        },
    };
    Endpoint { identity, location: Location::of(pair.source) }
}

/// The SPIFFE id that Istio gives to a workload.
pub(crate) fn spiffe_id(trust_domain: &str, workload: &bookend_engine::Workload) -> String {
    let identity = &workload.identity;
    format!("spiffe://{trust_domain}/ns/{}/sa/{}", identity.namespace, identity.service_account)
}
