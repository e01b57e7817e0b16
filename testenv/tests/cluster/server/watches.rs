//! Watches: every change once, bookmarks, and revisions that are too old.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use bookend_testenv::apiserver::ApiServer;
use serde_json::{Value, json};

use super::{LIMIT, get, text, until};

/// A watch, line by line.
struct Watch {
    lines: BufReader<TcpStream>,
}

impl Watch {
    fn open(server: &ApiServer, path: &str) -> Self {
        let mut stream = TcpStream::connect(server.http().trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).unwrap();
        Self { lines: BufReader::new(stream) }
    }

    /// The next event; `None` if the watch is over.
    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        loop {
            line.clear();
            // What is between the events frames them.
            if self.lines.read_line(&mut line).ok()? == 0 || line.trim() == "0" {
                return None;
            }
            if line.starts_with('{') {
                return serde_json::from_str(&line).ok();
            }
        }
    }

    fn told(&mut self) -> (String, String) {
        let event = self.next().unwrap();
        (text(&event, "/type").to_owned(), text(&event, "/object/metadata/name").to_owned())
    }
}

fn pod(name: &str, color: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "labels": { "color": color } } })
}

fn is(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

#[test]
fn changes_are_told_from_a_revision_on() {
    let server = ApiServer::start().unwrap();
    server.put(pod("before", "blue")).unwrap();
    let (_, list) = get(&server, "/api/v1/pods");
    let revision = text(&list, "/metadata/resourceVersion");
    server.put(pod("a", "blue")).unwrap();
    let mut watch = Watch::open(&server, &format!("/api/v1/pods?watch=true&resourceVersion={revision}"));
    assert_eq!(watch.told(), is("ADDED", "a"));
    server.put(pod("a", "red")).unwrap();
    assert_eq!(watch.told(), is("MODIFIED", "a"));
    server.delete("pods", "default", "a").unwrap();
    let gone = watch.next().unwrap();
    assert_eq!(text(&gone, "/type"), "DELETED");
    assert_eq!(text(&gone, "/object/metadata/resourceVersion"), server.revision().to_string());
    assert_eq!(text(&gone, "/object/kind"), "Pod");
}

#[test]
fn what_begins_or_stops_to_match_comes_and_goes() {
    let server = ApiServer::start().unwrap();
    server.put(pod("a", "blue")).unwrap();
    server.put(pod("b", "red")).unwrap();
    let mut watch = Watch::open(&server, "/api/v1/pods?watch=1&labelSelector=color%3Dblue&resourceVersion=0");
    assert_eq!(watch.told(), is("ADDED", "a"));
    server.put(pod("b", "blue")).unwrap();
    assert_eq!(watch.told(), is("ADDED", "b"));
    server.put(pod("a", "red")).unwrap();
    assert_eq!(watch.told(), is("DELETED", "a"));
}

#[test]
fn bookmarks_tell_the_revision_to_those_who_take_them() {
    let server = ApiServer::start().unwrap();
    let path = "/api/v1/pods?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    let mut watch = Watch::open(&server, path);
    let first = watch.next().unwrap();
    assert_eq!(text(&first, "/type"), "BOOKMARK");
    assert_eq!(
        first.pointer("/object/metadata/annotations"),
        Some(&json!({ "k8s.io/initial-events-end": "true" }))
    );
    // Of another kind: only a bookmark tells that nothing was missed.
    server.put(json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" } })).unwrap();
    server.bookmark();
    let mark = watch.next().unwrap();
    assert_eq!(text(&mark, "/object/metadata/resourceVersion"), server.revision().to_string());
}

#[test]
fn a_revision_that_is_forgotten_is_an_error_in_the_stream() {
    let server = ApiServer::start().unwrap();
    server.put(pod("a", "blue")).unwrap();
    let revision = server.revision();
    server.put(pod("b", "blue")).unwrap();
    server.forget();
    let mut watch = Watch::open(&server, &format!("/api/v1/pods?watch=1&resourceVersion={revision}"));
    let told = watch.next().unwrap();
    assert_eq!((text(&told, "/type"), told.pointer("/object/code")), ("ERROR", Some(&json!(410))));
    assert_eq!(text(&told, "/object/reason"), "Expired");
    assert_eq!(watch.next(), None);
}

#[test]
fn a_watch_ends_when_its_time_is_over_or_it_is_cut() {
    let server = ApiServer::start().unwrap();
    let mut watch = Watch::open(&server, "/api/v1/pods?watch=1&timeoutSeconds=1");
    assert_eq!(watch.next(), None);
    let mut watch = Watch::open(&server, "/api/v1/pods?watch=1");
    until("the watch is open", || (server.watches("pods") == 1).then_some(()));
    server.cut_watches();
    assert_eq!(watch.next(), None);
    until("the watch is over", || (server.watches("pods") == 0).then_some(()));
}

#[test]
fn many_objects_are_told_without_being_kept() {
    let server = ApiServer::start().unwrap();
    let crowd = bookend_testenv::apiserver::Crowd::new(10, 1_000);
    crowd.settle(&server);
    let (_, page) = get(&server, "/api/v1/pods?limit=10");
    assert_eq!(page.pointer("/metadata/remainingItemCount"), Some(&json!(990)));
    let revision = text(&page, "/metadata/resourceVersion").to_owned();
    let made = crowd.churn(&server, 100, Duration::from_millis(200)).unwrap();
    let mut watch = Watch::open(&server, &format!("/api/v1/pods?watch=1&resourceVersion={revision}"));
    for index in 0..made {
        let told = watch.next().unwrap();
        let member = crowd.member(index * 7_919 % 1_000);
        assert_eq!(text(&told, "/object/metadata/name"), member.name);
    }
    assert_eq!(server.list("nodes").len(), 10);
}
