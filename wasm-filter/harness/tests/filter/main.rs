//! The module that is shipped, `bookend_filter.wasm`, in this host.
//!
//! The module is found in the directory that `BOOKEND_DIST` names (`scripts/build wasm` makes it, `scripts/test`
//! sets the variable). Without the variable nothing is tested here, which is said loudly, so that a plain `cargo test`
//! needs no cross target; in CI that is a failure.
#![expect(clippy::expect_used, reason = "functions shared by tests fail as tests do")]

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use bookend_harness::{Ending, Error, Exchange, Instance, Level, Metric, Module, Plugin, Properties, Value};

/// `reviews` may read single ratings on port 9080; everybody is isolated.
const CONFIGURATION: &str = include_str!("configuration.json");

fn module() -> Option<Module> {
    let Some(directory) = std::env::var_os("BOOKEND_DIST") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "in CI `BOOKEND_DIST` must name the directory of the artifacts"
        );
        // Past the capture of the test harness.
        let _ = std::io::stderr().write_all(
            b"\n*** NOT TESTED: the filter's module. These tests need BOOKEND_DIST; run `scripts/test`. ***\n",
        );
        return None;
    };
    let file = Path::new(&directory).join("bookend_filter.wasm");
    let bytes = std::fs::read(&file).expect("`BOOKEND_DIST` holds `bookend_filter.wasm`");
    Some(Module::load(&bytes).expect("the filter is a module for this host"))
}

fn node() -> Properties {
    let node = |name| ["xds", "node", "metadata", name];
    let labels = Value::Map([("app".to_owned(), Value::from("ratings"))].into());
    Properties::new()
        .with(node("NAMESPACE"), "default")
        .with(node("SERVICE_ACCOUNT"), "ratings")
        .with(node("LABELS"), labels)
}

fn plugin(configuration: &str) -> Plugin {
    Plugin { configuration: configuration.into(), properties: node(), ..Plugin::default() }
}

fn request(method: &str, path: &str) -> Exchange {
    let header = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    Exchange {
        headers: vec![
            header(":method", method),
            header(":path", path),
            (b"x".to_vec(), b"\xff\x00".to_vec()),
        ],
        properties: Properties::new()
            .with(
                ["filter_state", "bookend.peer"],
                "10.0.0.7 10.0.0.1:9080 spiffe://cluster.local/ns/default/sa/reviews",
            )
            .with(["destination", "address"], "10.0.0.1:9080"),
        end_of_stream: true,
    }
}

/// The details of the answer, or nothing if the request goes on.
fn refused(instance: &mut Instance, exchange: &Exchange) -> Option<String> {
    match instance.http_request(exchange).expect("the filter does not crash").ending {
        Ending::LocalResponse(response) => {
            assert_eq!((response.status, response.grpc_status), (403, Some(7)));
            Some(String::from_utf8(response.details).expect("the details are text"))
        }
        Ending::Continue(headers) => {
            assert_eq!(headers, exchange.headers, "a request goes on as it came");
            None
        }
        other => unreachable!("the filter neither holds nor resets requests: {other:?}"),
    }
}

#[test]
fn the_shipped_filter_judges_counts_and_labels_requests() {
    let Some(module) = module() else { return };
    let telling = CONFIGURATION.replacen('{', r#"{ "settings": { "accessLog": { "allowed": true } },"#, 1);
    let mut instance = module.start(&plugin(&telling)).expect("the filter starts");
    let outcome = instance.http_request(&request("GET", "/ratings/1")).expect("the filter does not crash");
    assert!(matches!(outcome.ending, Ending::Continue(_)), "{outcome:?}");
    let rule = b"default/bookinfo/reviews-reads-ratings".to_vec();
    assert_eq!(outcome.written, [(b"bookend.rule".to_vec(), rule)].into());

    let denied = Some("bookend_denied{default/bookinfo/isolate[0]}".to_owned());
    assert_eq!(refused(&mut instance, &request("POST", "/ratings/1")), denied);
    assert_eq!(refused(&mut instance, &request("GET", "/ratings/1/2")), denied);
    // What is counted is handed over from time to time.
    instance.advance(Duration::from_secs(2)).expect("the filter does not crash");
    let counted = |name: &str| instance.metrics().get(name).cloned();
    assert_eq!(counted("bookend.requests.allowed"), Some(Metric::Counter(1)));
    assert_eq!(counted("bookend.requests.denied"), Some(Metric::Counter(2)));
    assert_eq!(counted("bookend.requests.faults"), Some(Metric::Counter(0)));
}

#[test]
fn the_shipped_filter_refuses_a_bad_configuration_with_its_reason() {
    let Some(module) = module() else { return };
    for bad in ["", "{}", "[", "\u{0}", &CONFIGURATION.replace("9080", "908000")] {
        let error = module.start(&plugin(bad)).expect_err("the configuration is refused");
        let Error::ConfigurationRefused { logs } = &error else {
            unreachable!("refused, not crashed: {error}")
        };
        assert!(logs.iter().all(|line| line.level == Level::Error) && logs.len() == 1, "{error}");
    }
}

#[test]
fn the_shipped_filter_denies_where_attributes_lack_or_lie() {
    let Some(module) = module() else { return };
    let mut instance = module.start(&plugin(CONFIGURATION)).expect("the filter starts");
    let mut nowhere = request("GET", "/ratings/1");
    nowhere.properties = Properties::new();
    let fault = Some("bookend_fault{destination.address}".to_owned());
    assert_eq!(refused(&mut instance, &nowhere), fault);
    let mut garbled = request("GET", "/ratings/1");
    garbled.properties.set(["filter_state", "bookend.peer"], b"\xff".as_slice());
    let fault = Some("bookend_fault{filter_state.bookend.peer}".to_owned());
    assert_eq!(refused(&mut instance, &garbled), fault);

    let unknown = Plugin { properties: Properties::new(), ..plugin(CONFIGURATION) };
    let mut instance = module.start(&unknown).expect("the filter starts");
    let fault = Some("bookend_fault{xds.node.metadata.NAMESPACE}".to_owned());
    assert_eq!(refused(&mut instance, &request("GET", "/ratings/1")), fault);
}

#[test]
fn a_thousand_hostile_requests_neither_crash_the_filter_nor_eat_its_memory() {
    let Some(module) = module() else { return };
    let mut plugin = plugin(CONFIGURATION);
    plugin.limits.memory = 4 << 20;
    let mut instance = module.start(&plugin).expect("the filter starts");
    for round in 0..1000_usize {
        let mut exchange = request("GET", &format!("/{}", "%2e/".repeat(round)));
        exchange.headers.push((b":method".to_vec(), vec![0xff; round]));
        exchange.headers.rotate_left(round % 4);
        exchange.headers.truncate(round % 5);
        assert!(refused(&mut instance, &exchange).is_some(), "{exchange:?}");
    }
    assert_eq!(refused(&mut instance, &request("GET", "/ratings/1")), None);
}
