//! A configuration is refused, or is read as it is written and judged alike by everybody.

use bookend_engine::{
    Cause, Configuration, Connection, Endpoint, Exchange, Explanation, Head, Judgement, NoTrace, Program,
    Protocol, Request, Tokens, Verdict, decide, rehearse,
};
use serde_json::json;

/// How many workloads are asked about, from and to each other.
const ENDS: usize = 4;

/// * What is accepted survives being written and read.
/// * An index makes no difference, and neither does looking on.
/// * The packet layer lets pass what the request layer does (S5).
pub fn law(bytes: &[u8]) {
    let Ok(configuration) = Configuration::from_json(bytes) else { return };
    let json = configuration.to_json().expect("it was just read");
    assert_eq!(Configuration::from_json(&json).expect("it was just written"), configuration);

    let Configuration { program, inventory, .. } = &configuration;
    let indexed = program.clone().indexed();
    let addresses = inventory.workloads().iter().flat_map(|w| &w.instances).flat_map(|i| &i.addresses);
    let outside = "192.0.2.99".parse().expect("an address");
    let mut ends: Vec<Endpoint<'_>> = addresses.take(ENDS).map(|a| inventory.endpoint(*a)).collect();
    ends.push(inventory.endpoint(outside));
    let request = Request::new(Head {
        method: Some(b"GET"),
        authority: Some(b"shop.test:8080"),
        path: Some(b"/a/b?q=1"),
        headers: Some(&[(b"x-role", b"admin")]),
        tokens: Tokens::Verified(vec![json!({ "iss": "https://iss.test", "sub": "alice" })]),
        ..Head::default()
    });
    for source in &ends {
        for destination in &ends {
            for (protocol, port) in [(Protocol::Tcp, 8080), (Protocol::Udp, 53), (Protocol::Icmp, 0x800)] {
                let connection =
                    Connection { source: source.clone(), destination: destination.clone(), protocol, port };
                judged(program, &indexed, &connection, &request);
            }
        }
    }
}

fn judged(program: &Program, indexed: &Program, connection: &Connection<'_>, request: &Request<'_>) {
    let judge = |exchange| {
        let plainly = decide(program, connection, exchange, &mut NoTrace);
        let rehearsed = rehearse(program, connection, exchange, &plainly, &mut NoTrace).map(told);
        assert!(rehearsed.is_none() || program.rehearses(), "an audit of nothing");
        let quickly = decide(indexed, connection, exchange, &mut NoTrace);
        let quickly_rehearsed = rehearse(indexed, connection, exchange, &quickly, &mut NoTrace).map(told);
        let plainly = told(plainly);
        let traced = told(decide(program, connection, exchange, &mut Explanation::default()));
        assert_eq!(traced, plainly, "looking on makes a difference: {connection:?} {exchange:?}");
        assert_eq!(told(quickly), plainly, "an index makes a difference: {connection:?} {exchange:?}");
        assert_eq!(quickly_rehearsed, rehearsed, "an index makes a difference: {connection:?} {exchange:?}");
        plainly
    };
    let packet = judge(Exchange::Packet);
    let stream = judge(Exchange::Stream);
    if connection.protocol == Protocol::Tcp {
        let http = judge(Exchange::Http(request));
        assert!(
            http.0 <= packet.0,
            "the packet layer blocks what a request may do: {packet:?} {http:?} {connection:?}"
        );
    }
    assert!(stream.0 <= packet.0, "the packet layer blocks what a stream may do: {connection:?}");
}

/// The verdict, and what decided at each end.
fn told(judgement: Judgement<'_>) -> (Verdict, Cause<'_>, Cause<'_>) {
    assert_eq!(judgement.permit().is_some(), judgement.verdict() == Verdict::Allow);
    (judgement.verdict(), judgement.source.cause, judgement.destination.cause)
}
