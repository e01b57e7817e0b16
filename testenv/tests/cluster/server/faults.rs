//! What goes wrong on demand.

use std::time::{Duration, Instant};

use bookend_testenv::apiserver::{ApiServer, Fault, When};
use bookend_testenv::http::{Connection, Request};
use serde_json::Value;

use super::{LIMIT, ask, get, text, until};

const PODS: &str = "/api/v1/pods";

#[test]
fn requests_are_refused_as_often_as_is_said() {
    let server = ApiServer::start().unwrap();
    let when = || When::always().verb("list").resource("pods");
    server.fault(when(), Fault::Refuse(500, "InternalError".to_owned(), "etcd is away".to_owned()), Some(2));
    assert_eq!(text(&get(&server, PODS).1, "/message"), "etcd is away");
    assert_eq!(get(&server, "/api/v1/nodes").0, 200);
    assert_eq!(get(&server, PODS).0, 500);
    assert_eq!(get(&server, PODS).0, 200);
    server.fault(when(), Fault::TooMany(3), None);
    let busy = ask(&server, "GET", PODS, "", &Value::Null);
    assert_eq!((busy.status, busy.header("retry-after")), (429, Some("3")));
    server.heal();
    assert_eq!(get(&server, PODS).0, 200);
}

#[test]
fn answers_may_be_garbage_late_or_of_a_load_balancer() {
    let server = ApiServer::start().unwrap();
    let once = |fault| server.fault(When::always(), fault, Some(1));
    once(Fault::Garbage);
    assert!(serde_json::from_str::<Value>(&ask(&server, "GET", PODS, "", &Value::Null).text()).is_err());
    once(Fault::Nonsense);
    assert_eq!(text(&get(&server, PODS).1, "/kind"), "Banana");
    once(Fault::Page(502));
    assert!(get(&server, PODS).1.as_str().unwrap().starts_with("<html>"));
    once(Fault::Delay(Duration::from_millis(300)));
    let begin = Instant::now();
    assert_eq!(get(&server, PODS).0, 200);
    assert!(begin.elapsed() >= Duration::from_millis(300));
    once(Fault::Expired);
    assert_eq!(get(&server, PODS).0, 410);
}

#[test]
fn a_body_may_end_too_early() {
    let server = ApiServer::start().unwrap();
    server.fault(When::always(), Fault::Cut(10), Some(1));
    let address = server.http().trim_start_matches("http://").parse().unwrap();
    let outcome = Connection::open(address, LIMIT).unwrap().ask(&Request::get("localhost", PODS), LIMIT);
    assert!(outcome.is_err(), "{outcome:?}");
}

#[test]
fn a_server_that_went_away_refuses_connections_and_comes_back_where_it_was() {
    let server = ApiServer::start().unwrap();
    let address: std::net::SocketAddr = server.http().trim_start_matches("http://").parse().unwrap();
    server.go_away();
    until("connections are refused", || std::net::TcpStream::connect(address).err());
    server.come_back();
    until("it answers again", || {
        let mut connection = Connection::open(address, LIMIT).ok()?;
        connection.ask(&Request::get("localhost", PODS), LIMIT).ok()
    });
}

#[test]
fn every_request_is_counted() {
    let server = ApiServer::start().unwrap();
    server.reset();
    for _ in 0..3 {
        get(&server, PODS);
    }
    get(&server, "/api/v1/namespaces/default/pods/none");
    let load = server.load();
    assert_eq!((load.count("list", "pods"), load.count("get", "pods"), load.count("", "")), (3, 1, 4));
    assert_eq!(server.asked().last().unwrap().code, 404);
}

#[test]
fn what_a_container_wrote_is_told_with_and_without_its_time() {
    let server = ApiServer::start().unwrap();
    server
        .put(serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p" },
            "spec": { "containers": [{ "name": "app" }, { "name": "istio-proxy" }] },
        }))
        .unwrap();
    server.write_log("default", "p", "istio-proxy", "one");
    server.write_log("default", "p", "istio-proxy", "two");
    let path = "/api/v1/namespaces/default/pods/p/log";
    assert_eq!(get(&server, path).0, 400, "it does not say which container");
    let all = ask(&server, "GET", &format!("{path}?container=istio-proxy"), "", &Value::Null);
    assert_eq!(all.text(), "one\ntwo\n");
    let last = format!("{path}?container=istio-proxy&tailLines=1&timestamps=true");
    let last = ask(&server, "GET", &last, "", &Value::Null).text();
    assert!(last.ends_with("Z two\n"), "{last}");
}
