//! The shipped filter with the same configurations, asked the same by a real peer and by the harness.

mod access;
mod question;
mod setting;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bookend_harness::{Conversation, Ending, Exchange, Header, Instance, Metric, Properties};
use bookend_testenv::http::Response;

use crate::client::{Client, Message};
use access::Line;
use question::{Peer, Question, peers, questions};
use setting::{Bench, SETTINGS, destination};

/// How many requests are sent if nobody says.
const REQUESTS: usize = 250;

/// Headers that the connection manager adds to an answer.
const OF_THE_MANAGER: [&str; 4] = ["connection", "date", "server", "transfer-encoding"];

/// The number of requests that was asked for.
pub(crate) fn number() -> usize {
    match std::env::var("BOOKEND_DIFFERENTIAL") {
        Ok(text) => text.parse().expect("`BOOKEND_DIFFERENTIAL` is a number"),
        Err(_) => REQUESTS,
    }
}

/// What became of a request: its status, what is told about it, and the answer of the filter, if it gave one.
#[derive(Debug, PartialEq, Eq)]
struct Fate {
    status: u32,
    details: Option<String>,
    rule: Option<String>,
    audit: Option<String>,
    answer: Option<(Vec<(String, String)>, String)>,
}

/// Asks both, and compares.
pub(crate) fn check(requests: usize) {
    let started = Instant::now();
    let bench = Bench::new();
    let mut instances: Vec<Instance> = SETTINGS.iter().map(|setting| bench.start(setting)).collect();
    let (mut problems, mut compared, mut refused) = (Vec::new(), 0, 0);
    for question in questions(requests) {
        let response = ask(&bench, &question);
        // Who sends nonsense gets this answer from Envoy itself, or none; no rule answers so.
        let nonsense = response.as_ref().is_none_or(|response| response.status == 400);
        let line = if nonsense { None } else { bench.line(question.number) };
        let Some(theirs) = line.filter(Line::reached_the_filter).map(|line| seen(line, response)) else {
            refused += 1;
            continue;
        };
        let instance = instances.get_mut(question.setting).expect("a setting");
        let ours = judged(instance, &question);
        compared += 1;
        if theirs != ours {
            problems.push(format!("{question:?}\n  Envoy   {theirs:?}\n  harness {ours:?}"));
        }
    }
    let connections = check_connections(&bench, &mut instances, &mut problems);
    problems.extend(uncounted(&bench, &mut instances));
    let seconds = started.elapsed().as_secs_f64();
    eprintln!(
        "{compared} requests and {connections} connections compared in {seconds:.1} s; Envoy itself refused {refused} requests"
    );
    assert!(compared * 2 > requests, "Envoy refuses too much itself: {refused} of {requests}");
    assert!(problems.is_empty(), "{} differences:\n{}", problems.len(), problems.join("\n"));
}

fn ask(bench: &Bench, question: &Question) -> Option<Response> {
    let peer = &peers()[question.peer];
    let identity = bench.identity(peer);
    let client = Client {
        from: SocketAddr::new(peer.address, 0),
        to: destination(question.setting, identity.is_some()),
        identity: identity.as_ref(),
        server_name: None,
    };
    let case = question.number.to_string();
    let case = (b"x-case".as_slice(), case.as_bytes());
    let headers = question.headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice()));
    let message = Message {
        method: &question.method,
        path: Some(&question.path),
        authority: Some(&question.authority),
        headers: headers.chain([case]).collect(),
    };
    bench.stand.namespace().run(|| client.ask(&message)).unwrap().ok().and_then(|(_, response)| response)
}

/// What Envoy made of a request.
fn seen(line: Line, response: Option<Response>) -> Fate {
    let answer = line.details.starts_with("bookend_").then(|| {
        let response = response.expect("who is refused is answered");
        let headers = response.headers.iter().filter(|(name, _)| !OF_THE_MANAGER.contains(&name.as_str()));
        (sorted(headers.cloned().collect()), String::from_utf8_lossy(&response.body).into_owned())
    });
    let details = answer.is_some().then_some(line.details);
    Fate { status: line.status, details, rule: line.rule, audit: line.audit, answer }
}

/// What the harness makes of it.
fn judged(instance: &mut Instance, question: &Question) -> Fate {
    let peer = &peers()[question.peer];
    let to = destination(question.setting, !peer.names.is_empty());
    let exchange = Exchange {
        headers: handed_over(question, !peer.names.is_empty()),
        properties: facts(peer, to).with(["connection", "id"], i64::try_from(question.number).unwrap()),
        end_of_stream: true,
    };
    let outcome = instance.http_request(&exchange).expect("the filter does not crash");
    let attached =
        |key: &[u8]| outcome.written.get(key).map(|text| String::from_utf8_lossy(text).into_owned());
    let (rule, audit) = (attached(b"bookend.rule"), attached(b"bookend.audit"));
    match outcome.ending {
        Ending::Continue(_) => Fate { status: 200, details: None, rule, audit, answer: None },
        Ending::LocalResponse(local) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let headers = outcome.response.headers.unwrap_or_default();
            let status = headers.iter().find(|(name, _)| name == b":status").map(|(_, value)| text(value));
            let mut told: Vec<_> = headers
                .iter()
                .filter(|(name, _)| !name.starts_with(b":"))
                .map(|(name, value)| (text(name), text(value)))
                .collect();
            // What has no body says so on the wire.
            let told_length = told.iter().any(|(name, _)| name == "content-length");
            if !told_length && question.method != b"HEAD" {
                told.push(("content-length".to_owned(), "0".to_owned()));
            }
            let body = text(&outcome.response.body);
            Fate {
                status: status.and_then(|status| status.parse().ok()).unwrap_or_default(),
                details: Some(text(&local.details)),
                rule,
                audit,
                answer: Some((sorted(told), body)),
            }
        }
        other => panic!("the filter neither holds nor resets requests: {other:?}"),
    }
}

fn sorted(mut headers: Vec<(String, String)>) -> Vec<(String, String)> {
    headers.sort();
    headers
}

/// The headers as Envoy's connection manager hands them to filters.
fn handed_over(question: &Question, encrypted: bool) -> Vec<Header> {
    let scheme: &[u8] = if encrypted { b"https" } else { b"http" };
    let mut headers: Vec<Header> = vec![
        (b":authority".to_vec(), question.authority.clone()),
        (b":path".to_vec(), question.path.clone()),
        (b":method".to_vec(), question.method.clone()),
        (b":scheme".to_vec(), scheme.to_vec()),
    ];
    headers.extend(
        question.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.trim_ascii().to_vec())),
    );
    headers.push((b"x-case".to_vec(), question.number.to_string().into_bytes()));
    headers.push((b"x-forwarded-proto".to_vec(), scheme.to_vec()));
    headers
}

/// What Envoy knows of the connection.
fn facts(peer: &Peer, to: SocketAddr) -> Properties {
    let names = peer.names.join(",");
    let mut facts = before_handshake(peer, to)
        .with(["filter_state", "bookend.peer"], format!("{} {to} {names}", peer.address))
        .with(["connection", "mtls"], !peer.names.is_empty());
    if let Some(first) = peer.names.first() {
        facts.set(["connection", "uri_san_peer_certificate"], *first);
    }
    facts
}

fn before_handshake(peer: &Peer, to: SocketAddr) -> Properties {
    let facts = Properties::new()
        .with(["destination", "address"], to.to_string())
        .with(["destination", "port"], i64::from(to.port()));
    if peer.names.is_empty() { facts } else { facts.with(["connection", "tls_version"], "TLSv1.2") }
}

/// Asks both about connections to a service that speaks first, one by each peer for each setting.
fn check_connections(bench: &Bench, instances: &mut [Instance], problems: &mut Vec<String>) -> usize {
    let mut compared = 0;
    for (setting, instance) in instances.iter_mut().enumerate() {
        for peer in peers() {
            let identity = bench.identity(&peer);
            let to = setting::stream_destination(setting, identity.is_some());
            let from = SocketAddr::new(peer.address, 0);
            let client = Client { from, to, identity: identity.as_ref(), server_name: None };
            let listened = bench.stand.namespace().run(|| client.listen()).unwrap();
            let (from, heard) = listened.expect("a connection");
            let line = bench.connection(from);
            let theirs = (!heard.is_empty(), line.rule, line.audit);
            let delivery = instance
                .tcp_connection(&Conversation {
                    properties: facts(&peer, to),
                    before_handshake: identity.is_some().then(|| before_handshake(&peer, to)),
                    pause: Duration::from_secs(1),
                    from_peer: Vec::new(),
                    from_service: setting::BANNER.to_vec(),
                })
                .expect("the filter does not crash");
            let attached =
                |key: &[u8]| delivery.written.get(key).map(|text| String::from_utf8_lossy(text).into_owned());
            let ours =
                (delivery.to_peer == setting::BANNER, attached(b"bookend.rule"), attached(b"bookend.audit"));
            compared += 1;
            if theirs != ours {
                problems.push(format!(
                    "a connection of {peer:?} to {to}\n  Envoy   {theirs:?}\n  harness {ours:?}"
                ));
            }
        }
    }
    compared
}

/// Where the sums of counters differ, once both filters have handed them over.
fn uncounted(bench: &Bench, instances: &mut [Instance]) -> Option<String> {
    let mut ours: BTreeMap<String, u64> = BTreeMap::new();
    for instance in instances {
        instance.advance(Duration::from_secs(3)).expect("the filter does not crash");
        for (name, metric) in instance.metrics() {
            if let (Metric::Counter(value @ 1..), true) = (metric, name != setting::SUPPRESSED) {
                *ours.entry(name.clone()).or_default() += value;
            }
        }
    }
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let theirs = bench.counters();
        if theirs == ours {
            return None;
        }
        if Instant::now() > end {
            return Some(format!("counters\n  Envoy   {theirs:?}\n  harness {ours:?}"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
