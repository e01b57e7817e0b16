//! Taking over from tables of another version, and interfaces that nobody knows yet.

use crate::traffic::{Echo, connects, never_connects, until};
use crate::world::{World, store4};
use bookend_abi::table::ABI_VERSION;

/// Has the tables that are pinned be those of another version.
fn make_other(world: &World, version: u32) {
    std::fs::rename(world.pin(&format!("v{ABI_VERSION}")), world.pin(&format!("v{version}"))).unwrap();
}

/// Starts an enforcer over tables of another version, and sends all the while.
fn must_take_over_under_traffic(version: u32) {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let mut echo = Echo::new(&world.web, &world.store, store4(), 5432);
    assert!(echo.works());
    let forbidden = world.store.inside(|| std::net::UdpSocket::bind((store4(), 54)).unwrap());
    forbidden.set_nonblocking(true).unwrap();
    let sender = world.web.inside(|| std::net::UdpSocket::bind(("0.0.0.0", 0)).unwrap());
    world.kill();
    make_other(&world, version);
    world.launch();
    let mut attempts = 0;
    until("the enforcer is ready", || {
        for _ in 0..20 {
            let _ = sender.send_to(b"leak", (store4(), 54));
            attempts += 1;
        }
        assert!(echo.works(), "an established connection broke");
        world.path("ready").exists()
    });
    assert!(attempts > 20);
    assert!(forbidden.recv(&mut [0; 16]).is_err(), "a forbidden packet got through");
    assert!(world.said().contains("took over from tables of another version"), "{}", world.said());
    assert!(!world.pin(&format!("v{version}")).exists());
    for _ in 0..10 {
        assert!(echo.works(), "an established connection broke");
    }
    assert!(connects(&world.web, &world.store, store4(), 5432));
    assert!(never_connects(&world.web, &world.store, store4(), 80));
}

#[test]
fn an_upgrade_opens_nothing_and_keeps_what_is_open() {
    must_take_over_under_traffic(ABI_VERSION - 1);
}

#[test]
fn a_downgrade_opens_nothing_and_keeps_what_is_open() {
    must_take_over_under_traffic(ABI_VERSION + 5);
}

#[test]
fn an_upgrade_without_a_good_policy_leaves_the_other_version_in_force() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let mut echo = Echo::new(&world.web, &world.store, store4(), 5432);
    world.kill();
    make_other(&world, ABI_VERSION + 1);
    let good = std::fs::read_to_string(world.path("policy.yaml")).unwrap();
    world.write("policy.yaml", "kind: Policy\n");
    world.launch();
    assert_eq!(world.exit_code(), Some(4), "{}", world.said());
    assert!(world.said().contains("stay in force as they are"), "{}", world.said());
    assert!(echo.works());
    assert!(never_connects(&world.web, &world.store, store4(), 80));
    world.write("policy.yaml", &good);
    world.enforce();
    assert!(echo.works());
}

#[test]
fn an_interface_that_matches_is_denied_everything_until_somebody_is_known_behind_it() {
    let Some(mut world) = World::new() else { return };
    let inventory = std::fs::read_to_string(world.path("inventory.yaml")).unwrap();
    let stranger = inventory.replace("interface: h-late", "interface: elsewhere");
    world.write("inventory.yaml", &stranger);
    world.enforce_so(&[], &["--interfaces", "h-l*"]);
    world.plug_late();
    until("it is closed", || world.journal().contains(r#""outcome":"closed","interface":"h-late""#));
    let host = [10, 77, 3, 1].into();
    assert!(never_connects(&world.late, &world.host, host, 5432));
    assert!(never_connects(&world.host, &world.late, crate::world::late4(), 5432));
}
