//! The example everybody reads compiles, and means what its comments say.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "functions shared by tests fail as tests do"
)]

use bookend_engine::{
    Connection, Endpoint, Exchange, Head, Inventory, NoTrace, Protocol, Request, Tokens, Verdict, decide,
};
use bookend_lang::{Compiled, Source, compile};

fn bookinfo() -> Compiled {
    let sources = ["policy.yaml", "bookinfo.yaml", "inventory.yaml"].map(|name| {
        let path = format!("{}/../../examples/bookinfo/{name}", env!("CARGO_MANIFEST_DIR"));
        Source::new(name, std::fs::read(path).unwrap())
    });
    match compile(&sources) {
        Ok(compiled) => compiled,
        Err(refused) => {
            let lines: Vec<_> = refused.diagnostics.iter().map(|d| d.line(&sources).to_string()).collect();
            panic!("{}", lines.join("\n"))
        }
    }
}

fn end<'a>(inventory: &'a Inventory, name: &str) -> Endpoint<'a> {
    let address = name.parse().unwrap_or_else(|_| {
        let workload = inventory.workloads().iter().find(|w| w.name == name).unwrap();
        workload.instances[0].addresses[0]
    });
    inventory.endpoint(address)
}

#[track_caller]
fn check(from: &str, to: &str, port: u16, request: Option<(&str, &str)>, verdict: Verdict, id: &str) {
    let compiled = bookinfo();
    let connection = Connection {
        source: end(&compiled.inventory, from),
        destination: end(&compiled.inventory, to),
        protocol: Protocol::Tcp,
        port,
    };
    let request = request.map(|(method, path)| {
        Request::new(Head {
            method: Some(method.as_bytes()),
            authority: None,
            path: Some(path.as_bytes()),
            headers: None,
            tokens: Tokens::Unknown,
            ..Head::default()
        })
    });
    let exchange = request.as_ref().map_or(Exchange::Packet, Exchange::Http);
    let judgement = decide(&compiled.program, &connection, exchange, &mut NoTrace);
    assert_eq!((judgement.verdict(), judgement.deciding().1.cause.id()), (verdict, id));
}

#[test]
fn the_example_has_no_warnings() {
    assert_eq!(bookinfo().warnings, []);
}

#[test]
fn reviews_may_read_ratings_and_do_nothing_else_there() {
    use Verdict::{Allow, Deny};
    let rule = "default/bookinfo/reviews-read-ratings";
    check("reviews-v2", "ratings-v1", 9080, None, Allow, rule);
    check("reviews-v3", "ratings-v1", 9080, Some(("GET", "/ratings/1")), Allow, rule);
    check(
        "reviews-v3",
        "ratings-v1",
        9080,
        Some(("POST", "/ratings/1")),
        Deny,
        "default/bookinfo/isolate[0]",
    );
    check("reviews-v1", "ratings-v1", 9080, None, Deny, "default/bookinfo/isolate[0]");
    check("details-v1", "ratings-v1", 9080, None, Deny, "default/bookinfo/isolate[0]");
}

#[test]
fn what_lies_outside_is_reached_only_where_a_rule_says_so() {
    use Verdict::{Allow, Deny};
    check("ratings-v1", "192.0.2.33", 3306, None, Allow, "default/bookinfo/ratings-to-database");
    check("ratings-v1", "192.0.2.33", 22, None, Deny, "default/bookinfo/isolate[0]");
    check("details-v1", "203.0.113.10", 443, None, Allow, "default/bookinfo/details-to-books-api");
    check("details-v1", "203.0.113.9", 443, None, Deny, "default/bookinfo/isolate[0]");
    check("productpage-v1", "169.254.169.254", 80, None, Deny, "default/bookinfo/nobody-touches-metadata");
}
