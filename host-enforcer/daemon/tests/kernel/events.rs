//! Events in files: which are told, and what becomes of the files.

use crate::traffic::{Echo, connects, never_connects, until};
use crate::world::{POLICY, World, store4};
use serde_json::Value;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Lines of a kind in the journal.
fn told(world: &World, kind: &str) -> Vec<Value> {
    let journal = world.journal();
    // The last one may be half written.
    let whole = journal.rfind('\n').map_or("", |end| &journal[..end]);
    lines(whole).into_iter().filter(|line| line["kind"] == kind).collect()
}

#[test]
fn an_allowed_connection_is_told_of_when_it_opens_and_when_it_ends() {
    let Some(mut world) = World::new() else { return };
    world.enforce_so(&[], &["--sample", "1"]);
    let mut echo = Echo::new(&world.web, &world.store, store4(), 5432);
    assert!(echo.works());
    until("both ends tell of the opening", || {
        told(&world, "verdict").iter().filter(|line| line["verdict"] == "allow").count() >= 2
    });
    assert_eq!(told(&world, "closed"), Vec::<Value>::new());
    drop(echo);
    // What is closed makes room when it is swept out, or for another.
    until("both ends tell of the end", || told(&world, "closed").len() >= 2);
    for line in told(&world, "closed") {
        assert_eq!(line["rule"], "default/shop/web-asks-store", "{line}");
        assert!(line["packets"].as_u64() >= Some(6) && line["bytes"].as_u64() > Some(300), "{line}");
        assert!(line["seconds"].as_f64() >= Some(0.0), "{line}");
        let ends = [line["workload"].as_str().unwrap(), line["peer"].as_str().unwrap()];
        assert!(ends.contains(&"default/web") && ends.contains(&"default/store"), "{line}");
    }
}

#[test]
fn without_a_sample_only_denials_are_told() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    assert!(connects(&world.web, &world.store, store4(), 5432));
    assert!(never_connects(&world.web, &world.store, store4(), 80));
    until("the denial is told", || !told(&world, "verdict").is_empty());
    assert!(told(&world, "verdict").iter().all(|line| line["verdict"] == "deny"));
}

#[test]
fn a_file_that_somebody_renamed_is_opened_again_after_a_hangup() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    until("something is told", || !world.journal().is_empty());
    std::fs::rename(world.path("events.json"), world.path("taken.json")).unwrap();
    assert!(world.signal("HUP"));
    until("there is a new file", || world.path("events.json").exists());
    assert!(never_connects(&world.web, &world.store, store4(), 80));
    // The link's own messages are told whenever they come.
    until("the denial is told there", || {
        told(&world, "verdict").iter().any(|line| line["protocol"] == "tcp")
    });
    let taken = std::fs::read_to_string(world.path("taken.json")).unwrap();
    assert!(lines(&taken).iter().all(|line| line["kind"] != "verdict" || line["protocol"] != "tcp"));
}

#[test]
fn files_of_events_take_no_more_room_than_they_may() {
    let Some(mut world) = World::new() else { return };
    world.enforce_so(&[], &["--events-max-size", "2k", "--events-keep", "2"]);
    for edit in 0..30 {
        world.write("policy.yaml", &format!("{POLICY}# {edit}\nspec: [\n"));
        until("the edit is refused", || world.said().matches("the edit was refused").count() > edit);
    }
    until("two old files are kept", || world.path("events.json.2").exists());
    assert!(!world.path("events.json.3").exists());
    for name in ["events.json", "events.json.1", "events.json.2"] {
        let text = std::fs::read_to_string(world.path(name)).unwrap();
        assert!(text.len() <= 2048, "{name}: {} bytes", text.len());
        lines(&text);
    }
}

#[test]
fn a_hangup_has_the_files_read_again() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    assert!(world.signal("HUP"));
    until("the same is in force again", || told(&world, "policy").len() >= 2);
    assert!(told(&world, "policy").iter().all(|line| line["outcome"] == "applied"));
    let revisions: Vec<Value> = told(&world, "policy").iter().map(|line| line["revision"].clone()).collect();
    assert_eq!(revisions[0], revisions[1]);
}
