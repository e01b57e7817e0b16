//! What the enforcer answers over HTTP.

use crate::traffic::{Echo, connects, never_connects, until};
use crate::world::{POLICY, World, store4};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

/// Where it answers if nothing else is said.
const ADDRESS: &str = "127.0.0.1:9466";
const PATIENCE: Duration = Duration::from_secs(10);

fn dial(world: &World) -> TcpStream {
    let stream = world.host.inside(|| TcpStream::connect(ADDRESS).unwrap());
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Asks with a whole request; status and body of the answer.
fn asked(world: &World, request: &str) -> (u16, String) {
    let mut stream = dial(world);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn get(world: &World, path: &str) -> (u16, String) {
    asked(world, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
}

/// Begins to listen. HTTP/1.0 is answered without chunks.
fn listen(world: &World, query: &str) -> BufReader<TcpStream> {
    let mut stream = dial(world);
    write!(stream, "GET /events{query} HTTP/1.0\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            return lines;
        }
    }
}

fn next(lines: &mut BufReader<TcpStream>) -> Value {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

/// The value of a series.
fn value(metrics: &str, series: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in {metrics}")).parse().unwrap()
}

#[test]
fn an_enforcer_tells_that_it_works_what_it_enforces_and_what_it_counts() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    assert_eq!(get(&world, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(get(&world, "/readyz"), (200, "ready\n".to_owned()));
    let mut echo = Echo::new(&world.web, &world.store, store4(), 5432);
    assert!(echo.works());
    assert!(never_connects(&world.web, &world.store, store4(), 80));
    let (code, metrics) = get(&world, "/metrics");
    assert_eq!(code, 200, "{metrics}");
    assert!(metrics.ends_with("# EOF\n"));
    let of = |name: &str| value(&metrics, &format!("bookend_enforcer_{name}"));
    assert!(of("rule_verdicts_total{rule=\"default/shop/web-asks-store\"}") >= 2.0);
    assert!(of("rule_verdicts_total{rule=\"default/shop/isolate[0]\"}") >= 1.0);
    assert!(of("packets_total{reason=\"established\"}") >= 4.0);
    assert!(of("bytes_total{reason=\"isolation\"}") + of("bytes_total{reason=\"rule\"}") > 60.0);
    assert_eq!(of("interfaces{state=\"policed\"}"), 2.0);
    assert_eq!(of("interfaces{state=\"unpoliced\"}"), 0.0);
    assert!(of("flows{interface=\"h-web\"}") >= 1.0);
    assert!(of("flow_quota{interface=\"h-web\"}") >= 256.0);
    assert_eq!((of("ready"), of("dry_run"), of("last_edit_successful")), (1.0, 0.0, 1.0));
    assert_eq!(of("edits_total{outcome=\"applied\"}"), 1.0);
    assert_eq!(of("table_entries{table=\"interfaces\"}"), 3.0);
    let (code, status) = get(&world, "/status");
    assert_eq!(code, 200, "{status}");
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!((&status["enforcing"], &status["enforcer"]["ready"]), (&true.into(), &true.into()));
    let revision = format!("policy_info{{revision={}}}", status["revision"]);
    assert_eq!(of(&revision), 1.0);
}

#[test]
fn every_metric_is_described_and_every_described_one_is_there() {
    let page = include_str!("../../../../docs/operations.md");
    // Name, kind, what it counts.
    let rows = page.lines().filter(|line| {
        line.split(" | ").nth(1).is_some_and(|kind| ["counter", "gauge", "info"].contains(&kind))
    });
    let described: BTreeSet<&str> = rows
        .filter_map(|line| line.strip_prefix("| `bookend_enforcer_"))
        .map(|line| line.split(['`', '{']).next().unwrap())
        .collect();
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let (_, metrics) = get(&world, "/metrics");
    let families: BTreeSet<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE bookend_enforcer_"))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let plain = |name: &&str| -> String {
        let name = name.strip_suffix("_total").or(name.strip_suffix("_info")).unwrap_or(name);
        name.to_owned()
    };
    assert_eq!(described.iter().map(plain).collect::<BTreeSet<_>>(), families.iter().map(plain).collect());
}

#[test]
fn nothing_can_be_changed_and_no_page_of_the_web_can_ask() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let (code, told) = asked(&world, "POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    assert!(code == 405 && told.contains("nothing can be changed"), "{code} {told}");
    let (code, told) = asked(&world, "GET /status HTTP/1.1\r\nHost: enforcer.example\r\n\r\n");
    assert!(code == 421 && !told.contains("default/web"), "{code} {told}");
    assert_eq!(get(&world, "/secrets").0, 404);
    let (code, told) = get(&world, "/events?verdict=maybe");
    assert!(code == 400 && told.contains("`maybe` is no verdict"), "{code} {told}");
    assert!(get(&world, "/").1.contains("/readyz"));
}

#[test]
fn what_is_not_enforced_is_told_with_its_reason() {
    let Some(mut world) = World::new() else { return };
    let made = world.host.command("ip").args(["tuntap", "add", "dev", "h-late", "mode", "tun"]).status();
    if !made.unwrap().success() {
        eprintln!("skipped: no tun devices here");
        return;
    }
    world.launch();
    until("it is complained about", || world.said().contains("have no Ethernet header"));
    let mut told = String::new();
    until("it is told", || {
        told = get(&world, "/readyz").1;
        told.contains("have no Ethernet header")
    });
    assert_eq!(get(&world, "/readyz").0, 503);
    assert_eq!(get(&world, "/healthz").0, 200);
    assert_eq!(value(&get(&world, "/metrics").1, "bookend_enforcer_ready"), 0.0);
}

#[test]
fn a_listener_hears_what_it_chose_and_nothing_else() {
    let Some(mut world) = World::new() else { return };
    world.enforce_so(&[], &["--sample", "1"]);
    let mut denied = listen(&world, "?verdict=deny&workload=default/web");
    let mut ruled = listen(&world, "?rule=default/shop/web-asks-store");
    let mut all = listen(&world, "");
    assert!(connects(&world.web, &world.store, store4(), 5432));
    assert!(never_connects(&world.web, &world.store, store4(), 80));
    let event = next(&mut denied);
    assert_eq!((&event["verdict"], &event["workload"]), (&"deny".into(), &"default/web".into()));
    assert_eq!((&event["peer"], &event["remotePort"]), (&"default/store".into(), &80.into()));
    let event = next(&mut ruled);
    assert_eq!((&event["verdict"], &event["rule"]), (&"allow".into(), &"default/shop/web-asks-store".into()));
    world.write("policy.yaml", &POLICY.replace("5432", "5433"));
    until("the edit is heard", || next(&mut all)["kind"] == "policy");
}

#[test]
fn a_listener_who_does_not_read_loses_events_and_stops_nothing() {
    let Some(mut world) = World::new() else { return };
    world.enforce_so(&[], &["--sample", "1"]);
    let mut slow = listen(&world, "");
    let mut echo = Echo::new(&world.web, &world.store, store4(), 5432);
    for edit in 0..40 {
        let comments = "# a comment that makes the file another one\n".repeat(edit + 1);
        world.write("policy.yaml", &format!("{POLICY}{comments}spec: [\n"));
        until("the edit is refused", || {
            world.said().matches("the edit was refused").count() > edit || !echo.works()
        });
    }
    assert!(echo.works());
    assert_eq!(get(&world, "/healthz").0, 200);
    until("it hears of the edits", || next(&mut slow)["outcome"] == "refused");
}

#[test]
fn whoever_sends_nothing_is_not_waited_for() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let idle: Vec<TcpStream> = (0..64).map(|_| dial(&world)).collect();
    let begin = Instant::now();
    let mut stream = dial(&world);
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("ok\n"), "{answer}");
    assert!(begin.elapsed() < Duration::from_secs(25));
    drop(idle);
}

#[test]
fn a_socket_is_for_its_owner_and_group() {
    let Some(mut world) = World::new() else { return };
    let path = world.path("enforcer.sock");
    // As an enforcer that was killed leaves it.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    world.enforce_so(&[], &["--listen", path.to_str().unwrap()]);
    let mut answer = String::new();
    until("it answers", || {
        let Ok(mut stream) = std::os::unix::net::UnixStream::connect(&path) else { return false };
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").unwrap();
        answer.clear();
        stream.read_to_string(&mut answer).unwrap();
        true
    });
    assert!(answer.ends_with("ready\n"), "{answer}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
}

#[test]
fn a_port_that_is_taken_keeps_nobody_from_being_policed() {
    let Some(mut world) = World::new() else { return };
    let squatter = world.host.inside(|| std::net::TcpListener::bind(ADDRESS).unwrap());
    world.enforce();
    assert!(never_connects(&world.web, &world.store, store4(), 80));
    until("it complains", || world.said().contains("cannot answer at `127.0.0.1:9466`"));
    drop(squatter);
    until("it is answered", || world.host.inside(|| TcpStream::connect(ADDRESS)).is_ok());
}
