//! What rules in audit mode do: nothing but tell.

use crate::traffic::{Echo, never_connects, until};
use crate::world::{POLICY, World, store4};

/// The world's policy, and an audit of what it allows.
fn audited() -> String {
    let deny = "  deny:\n  - name: no-database\n    mode: audit\n    ports: [5432]\n  allow:\n";
    POLICY.replace("  allow:\n", deny)
}

/// The verdicts in the journal that an audit disagrees with, as verdict and rule of the audit.
fn disagreements(world: &World) -> Vec<(String, String)> {
    let journal = world.journal();
    let lines = journal.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    lines
        .filter(|line| line["verdict"] == "allow" && line["audit"]["verdict"] == "deny")
        .map(|line| (text(&line["rule"]), text(&line["audit"]["rule"])))
        .collect()
}

fn expected() -> (String, String) {
    ("default/shop/web-asks-store".to_owned(), "default/shop/no-database".to_owned())
}

#[test]
fn what_is_only_audited_passes_and_is_told_at_both_ends() {
    let Some(mut world) = World::new() else { return };
    world.write("policy.yaml", &audited());
    world.enforce();
    let mut echo = Echo::new(&world.web, &world.store, store4(), 5432);
    assert!(echo.works());
    until("the audit is told at both ends", || disagreements(&world).len() >= 2);
    assert!(disagreements(&world).iter().all(|told| *told == expected()), "{:?}", disagreements(&world));
    let status: serde_json::Value = serde_json::from_str(&world.status("json")).unwrap();
    assert_eq!(status["audits"]["default/shop/no-database"], 2);
    assert!(world.status("text").contains("AUDITED BY"));
    // What is enforced is enforced all the same.
    assert!(never_connects(&world.web, &world.store, store4(), 80));
}

#[test]
fn an_audit_that_comes_later_tells_of_open_connections_too() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let mut echo = Echo::new(&world.web, &world.store, store4(), 5432);
    assert!(echo.works());
    assert_eq!(disagreements(&world), []);
    world.write("policy.yaml", &audited());
    until("the audit is told", || echo.works() && !disagreements(&world).is_empty());
    assert_eq!(disagreements(&world)[0], expected());
    assert!(echo.works());
}
