//! Looking at what is enforced: `status`, `dump`, `trace`, and what the command tells of itself.

use crate::traffic::{Echo, never_connects, until};
use crate::world::{World, store4};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::time::{Duration, Instant};

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn status_tells_who_enforces_what_with_names_even_without_an_enforcer() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let mut echo = Echo::new(&world.web, &world.store, store4(), 5432);
    assert!(echo.works());
    let text = world.status("text");
    for part in [
        "an enforcer runs (process ",
        "revision ",
        "the guard behind the programs is in place",
        "default/web",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let status: Value = serde_json::from_str(&world.status("json")).unwrap();
    assert!(status["running"].is_u64() && status["guard"] == true && status["dryRun"] == false, "{status}");
    let web = status["interfaces"].as_array().unwrap().iter().find(|row| row["workload"] == "default/web");
    let web = web.unwrap();
    assert!(web["connections"].as_u64() >= Some(1) && web["quota"].as_u64() >= Some(256), "{web}");
    world.kill();
    let text = world.status("text");
    assert!(text.contains("no enforcer runs") && text.contains("default/web"), "{text}");
}

#[test]
fn dump_shows_connections_and_verdicts_by_names_and_rules_without_an_enforcer() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let mut echo = Echo::new(&world.web, &world.store, store4(), 5432);
    assert!(echo.works());
    world.kill();
    let (code, out, said) = world.ask("dump", &["--table", "flows", "--interface", "h-web", "-o", "json"]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let flows = rows(&out);
    let flow = flows.iter().find(|flow| flow["remotePort"] == 5432).unwrap();
    assert_eq!((&flow["table"], &flow["interface"]), (&"flows".into(), &"h-web".into()));
    assert_eq!((&flow["workload"], &flow["peer"]), (&"default/web".into(), &"default/store".into()));
    assert_eq!(
        (&flow["rule"], &flow["openedBy"]),
        (&"default/shop/web-asks-store".into(), &"workload".into())
    );
    assert_eq!((&flow["state"], &flow["stale"]), (&"established".into(), &false.into()));
    assert!(flow["age"].as_f64() < Some(60.0) && flow["expires"].as_f64() > Some(60.0), "{flow}");
    assert!(flow["packets"].as_u64() >= Some(4), "{flow}");
    let (_, out, _) = world.ask("dump", &["-o", "json"]);
    let all = rows(&out);
    let some = |table: &str, field: &str, value: Value| {
        assert!(all.iter().any(|row| row["table"] == table && row[field] == value), "{table} {field}: {out}");
    };
    some("interfaces", "workload", "default/store".into());
    some("policies", "rule", "default/shop/isolate[0]".into());
    some("verdicts", "peer", "default/store".into());
    some("verdicts", "ports", serde_json::json!({ "first": 5432, "last": 5432 }));
    some("identities", "name", "default/late".into());
    let (_, text, _) = world.ask("dump", &[]);
    assert!(text.contains("VERDICTS") && text.contains("default/shop/web-asks-store"), "{text}");
    let (code, _, said) = world.ask("dump", &["--interface", "nowhere"]);
    assert!(code == Some(1) && said.contains("`nowhere` is not policed"), "{said}");
}

fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                found.insert(key.clone());
                // Their keys are names of reasons and rules.
                if !["reasons", "rules", "audits"].contains(&key.as_str()) {
                    keys(value, found);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[test]
fn every_field_that_programs_get_is_described() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let mut echo = Echo::new(&world.web, &world.store, store4(), 5432);
    assert!(echo.works());
    let status = vec![serde_json::from_str(&world.status("json")).unwrap()];
    let (_, dumped, _) = world.ask("dump", &["-o", "json"]);
    let page =
        include_str!("../../../../docs/json.md").split("# What `bookend-enforcer` prints").nth(1).unwrap();
    for (name, values) in [("status", status), ("dump", rows(&dumped))] {
        let section = page.split(&format!("\n## `{name}`\n")).nth(1).unwrap().split("\n## ").next().unwrap();
        let described: BTreeSet<&str> = section.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let mut found = BTreeSet::new();
        values.iter().for_each(|value| keys(value, &mut found));
        assert!(found.len() > 10, "{found:?}");
        let missing: Vec<_> = found.iter().filter(|key| !described.contains(key.as_str())).collect();
        assert!(missing.is_empty(), "docs/json.md, `{name}` lacks {missing:?}");
    }
}

/// Waits until it traces.
fn traces(child: &mut Child) -> BufReader<std::process::ChildStderr> {
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("end with ctrl-C"), "{line}");
    said
}

/// What a tracer shows by the time it has seen enough; ends one that never does.
fn shown(mut tracer: Child) -> String {
    let end = Instant::now() + Duration::from_secs(20);
    while tracer.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            tracer.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut text = String::new();
    tracer.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(tracer.wait().unwrap().success(), "it has shown only {text}");
    text
}

#[test]
fn a_flow_is_traced_packet_by_packet_with_reason_and_rule() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let flow = ["--from", "default/web", "--to", "10.77.2.2", "--port", "5432", "--interface", "h-web"];
    let mut tracer = world.begin("trace", &[&flow[..], &["-o", "json", "--count", "20"]].concat());
    traces(&mut tracer);
    // One at a time.
    let (code, _, said) = world.ask("trace", &[&flow[..], &["--count", "1"]].concat());
    assert!(code == Some(1) && said.contains("somebody else is tracing"), "{said}");
    // An edit just before takes the wish away for a second at most.
    until("so many packets are shown", || {
        assert!(Echo::new(&world.web, &world.store, store4(), 5432).works());
        assert!(never_connects(&world.web, &world.store, store4(), 80));
        tracer.try_wait().unwrap().is_some()
    });
    let packets = rows(&shown(tracer));
    let some = |direction: &str, reason: &str| {
        packets.iter().any(|packet| packet["direction"] == direction && packet["reason"] == reason)
    };
    assert!(some("from-workload", "rule") && some("to-workload", "established"), "{packets:?}");
    for packet in &packets {
        assert_eq!(
            (&packet["verdict"], &packet["rule"]),
            (&"allow".into(), &"default/shop/web-asks-store".into())
        );
        assert_eq!((&packet["interface"], &packet["remotePort"]), (&"h-web".into(), &5432.into()));
    }
    // And now somebody else may; by packets, in words.
    let mut tracer = world.begin("trace", &["--interface", "h-web", "--port", "80", "--count", "1"]);
    traces(&mut tracer);
    assert!(never_connects(&world.web, &world.store, store4(), 80));
    let text = shown(tracer);
    assert!(
        text.contains("h-web out tcp 10.77.1.2:") && text.contains("deny isolation default/shop/isolate[0]"),
        "{text}"
    );
}

#[test]
fn a_flow_that_cannot_be_seen_here_is_refused() {
    let Some(mut world) = World::new() else { return };
    let (code, _, said) = world.ask("trace", &["--interface", "h-web"]);
    assert!(code == Some(1) && said.contains("nothing is enforced"), "{said}");
    world.enforce();
    let (code, _, said) = world.ask("trace", &[]);
    assert!(code == Some(1) && said.contains("say whose packets to show"), "{said}");
    let (code, _, said) = world.ask("trace", &["--from", "192.0.2.1", "--to", "192.0.2.2"]);
    assert!(code == Some(1) && said.contains("neither end is at an interface"), "{said}");
    let (code, _, said) = world.ask("trace", &["--from", "default/nobody"]);
    assert!(code == Some(1) && said.contains("no workload `default/nobody`"), "{said}");
}

#[test]
fn detach_returns_when_nothing_is_attached_any_more() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    world.kill();
    world.detach();
    // Not in a moment: now.
    let programs = world.host.command("bpftool").args(["net", "show"]).output();
    if let Ok(programs) = programs.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()) {
        assert!(!programs.contains("from_workload"), "{programs}");
    }
    assert!(crate::traffic::connects(&world.web, &world.store, store4(), 80));
    until("the kernel has let go", || !world.is_pinned());
}
