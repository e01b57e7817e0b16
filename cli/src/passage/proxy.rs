//! The verdict of the filter in the destination's proxy: both ends in full.

use bookend_engine::{
    Connection, Decision, End, Endpoint, Exchange, Explanation, Identity, Judgement, Location, Peer,
    Protocol, Request, decide,
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
    let certificate = match pair.from.workload {
        Some(workload) if workload.identity.proxied && !traffic.plaintext => {
            Some(spiffe_id(&inventory.trust_domain, workload))
        }
        _ => None,
    };
    let uri_sans: Vec<&str> = certificate.iter().map(String::as_str).collect();
    let identity = inventory.behind_peer(Peer { uri_sans: &uri_sans, address });
    Endpoint { identity, location: Location::of(pair.source) }
}

/// The SPIFFE id that Istio gives to a workload.
pub(crate) fn spiffe_id(trust_domain: &str, workload: &bookend_engine::Workload) -> String {
    let identity = &workload.identity;
    format!("spiffe://{trust_domain}/ns/{}/sa/{}", identity.namespace, identity.service_account)
}

#[cfg(test)]
mod tests {
    use bookend_engine::{Enforcement, OwnWorkload};
    use bookend_lang::{Source, compile};

    use super::*;
    use crate::passage::Places;
    use crate::subject::Subject;
    use crate::traffic::Transport;

    /// Bookinfo, as the command would read it.
    fn bookinfo() -> Documents {
        let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/bookinfo");
        let sources: Vec<_> = ["bookinfo.yaml", "inventory.yaml", "policy.yaml"]
            .into_iter()
            .map(|name| Source::new(name, std::fs::read(examples.join(name)).unwrap()))
            .collect();
        let compiled = compile(&sources).unwrap();
        Documents { sources, compiled }
    }

    #[test]
    fn the_answer_is_the_one_of_the_filter() {
        let documents = bookinfo();
        let inventory = &documents.compiled.inventory;
        let everybody: Vec<_> = inventory
            .workloads
            .iter()
            .map(|w| {
                Subject::resolve(&crate::subject::title(w), &documents.compiled).unwrap().parties.remove(0)
            })
            .collect();
        let places = Places::new(&everybody, &documents).unwrap();
        let mut compared = 0;
        for (from, to) in everybody.iter().flat_map(|from| everybody.iter().map(move |to| (from, to))) {
            let own = to.workload.unwrap().identity.clone();
            let own = OwnWorkload {
                namespace: own.namespace,
                service_account: own.service_account,
                labels: own.labels,
            };
            let filter = Enforcement::new(documents.compiled.configuration(), own);
            for (method, path) in
                [("GET", "/ratings/7"), ("POST", "/ratings/7"), ("GET", "/reviews/%2e%2e/1")]
            {
                for plaintext in [false, true] {
                    let pair = Pair::new(from, to, &places).unwrap();
                    let request = Some((method.to_owned(), path.to_owned()));
                    let traffic = Traffic { transport: Transport::Tcp, port: 9080, request, plaintext };
                    let Answer::Judged(judged) = judge(&pair, &traffic, &documents).answer else { continue };
                    let source = from.workload.unwrap();
                    let id = spiffe_id(&inventory.trust_domain, source);
                    let certified = source.identity.proxied && !plaintext;
                    let uri_sans: &[&str] = if certified { &[&id] } else { &[] };
                    let peer = Peer { uri_sans, address: Some(pair.source) };
                    let request = Request::new(Some(method.as_bytes()), Some(path.as_bytes()));
                    let ruling = filter.decide(peer, Some(pair.destination), 9080, Exchange::Http(&request));
                    assert_eq!((judged.verdict, judged.id.as_str()), (ruling.verdict().name(), ruling.id()));
                    compared += 1;
                }
            }
        }
        assert!(compared > 100, "{compared}");
    }
}
