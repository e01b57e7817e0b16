use bookend_engine::{Enforcement, OwnWorkload};
use bookend_lang::{Source, TestPort, compile};

use super::*;
use crate::passage::Places;
use crate::request::Request;
use crate::subject::{Directory, title};
use crate::traffic::Transport;

/// Bookinfo, as the command would read it.
fn bookinfo() -> Documents {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/bookinfo");
    let sources: Vec<_> = ["bookinfo.yaml", "inventory.yaml", "policy.yaml"]
        .into_iter()
        .map(|name| Source::new(name, std::fs::read(examples.join(name)).unwrap()))
        .collect();
    Documents::new(compile(&sources).unwrap(), sources)
}

fn asking(method: &str, path: &str, plaintext: bool) -> Traffic {
    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        host: None,
        headers: Vec::new(),
        claims: Vec::new(),
        client: None,
        sni: None,
    };
    Traffic {
        transport: Transport::Tcp,
        family: None,
        port: Some(TestPort::Number(9080)),
        message: None,
        payload: Payload::Request(request),
        plaintext,
        dialled: None,
        called: "somebody".to_owned(),
    }
}

#[test]
fn the_answer_is_the_one_of_the_filter() {
    let documents = bookinfo();
    let inventory = &documents.compiled.inventory;
    let directory = Directory::new(&documents.compiled);
    let everybody: Vec<_> = inventory
        .workloads()
        .iter()
        .map(|w| directory.resolve(&title(w)).unwrap().parties.remove(0))
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
        for (method, path) in [("GET", "/ratings/7"), ("POST", "/ratings/7"), ("GET", "/reviews/%2e%2e/1")] {
            for plaintext in [false, true] {
                let traffic = asking(method, path, plaintext);
                let pair = Pair::new(from, to, &traffic, &places).unwrap();
                let Answer::Judged(judged) = judge(&pair, &traffic, &documents, true).answer else {
                    continue;
                };
                let id = certificate(&pair, &traffic, &documents);
                let uri_sans: Vec<&str> = id.iter().map(String::as_str).collect();
                let peer = Peer { uri_sans: &uri_sans, address: Some(pair.source) };
                let request = traffic.payload.request().unwrap();
                request.ask("somebody:9080", id.is_some(), |request| {
                    let exchange = Exchange::Http(request);
                    let ruling = filter.decide(peer, Some(pair.destination), 9080, exchange);
                    assert_eq!((judged.verdict, judged.id.as_str()), (ruling.verdict().name(), ruling.id()));
                });
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "{compared}");
}
