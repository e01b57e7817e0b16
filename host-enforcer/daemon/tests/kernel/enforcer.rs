//! What the enforcer promises, on a host of namespaces.

use crate::traffic::{Echo, arrives, connects, never_arrives, never_connects, send, until};
use crate::world::{POLICY, World, late4, store4, store6, web4};
use bookend_abi::craft;
use bookend_abi::table::UDP;
use std::net::IpAddr;

/// [`POLICY`] without the one thing it allows.
fn closed() -> String {
    POLICY.split("  allow:").next().unwrap().to_owned()
}

#[test]
fn what_a_rule_allows_passes_and_nothing_else_does() {
    let Some(mut world) = World::new() else { return };
    // The control: without an enforcer everything passes.
    assert!(connects(&world.web, &world.store, store4(), 80));
    world.enforce();
    for store in [store4(), store6()] {
        assert!(connects(&world.web, &world.store, store, 5432), "{store}");
        assert!(never_connects(&world.web, &world.store, store, 80), "{store}");
        assert!(arrives(&world.store, store, 53, || send(&world.web, None, store, 53)), "{store}");
        assert!(never_arrives(&world.store, store, 54, || send(&world.web, None, store, 54)), "{store}");
    }
    assert!(never_connects(&world.store, &world.web, web4(), 5432));
    until("the denial is told", || world.journal().contains(r#""rule":"default/shop/isolate[0]""#));
    let status = world.status("json");
    assert!(status.contains(r#""workload": "default/web""#), "{status}");
    assert!(status.contains("default/shop/web-asks-store"), "{status}");
    assert!(world.status("text").contains("h-web"));
}

#[test]
fn an_address_that_is_not_the_workloads_gets_nowhere() {
    let Some(mut world) = World::new() else { return };
    let forged: IpAddr = [10, 77, 1, 99].into();
    world.web.ip("addr add 10.77.1.99/24 dev eth0");
    let attempt =
        |world: &World| arrives(&world.store, store4(), 53, || send(&world.web, Some(forged), store4(), 53));
    assert!(attempt(&world), "control");
    world.enforce();
    assert!(!attempt(&world));
    until("the reason is told", || world.journal().contains(r#""reason":"spoofed-source""#));
}

#[test]
fn raw_frames_are_stopped_like_all_others() {
    let Some(mut world) = World::new() else { return };
    let packet = |port| craft::packet(web4(), store4(), UDP, &craft::udp(4000, port, b"raw"));
    let send = |world: &World, port| world.send_raw(&packet(port), craft::IPV4);
    assert!(arrives(&world.store, store4(), 54, || send(&world, 54)), "control");
    world.enforce();
    assert!(never_arrives(&world.store, store4(), 54, || send(&world, 54)));
    assert!(arrives(&world.store, store4(), 53, || send(&world, 53)));
}

#[test]
fn a_killed_enforcer_leaves_everything_as_it_was() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let mut echo = Echo::new(&world.web, &world.store, store4(), 5432);
    assert!(echo.works());
    world.kill();
    assert!(echo.works());
    drop(echo);
    assert!(connects(&world.web, &world.store, store4(), 5432));
    assert!(never_connects(&world.web, &world.store, store4(), 80));
    assert!(world.status("text").contains("default/web"));
}

#[test]
fn a_restart_opens_and_closes_nothing_for_a_moment() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let mut echo = Echo::new(&world.web, &world.store, store4(), 5432);
    let forbidden = world.store.inside(|| std::net::UdpSocket::bind((store4(), 54)).unwrap());
    forbidden.set_nonblocking(true).unwrap();
    let sender = world.web.inside(|| std::net::UdpSocket::bind(("0.0.0.0", 0)).unwrap());
    for _ in 0..3 {
        world.kill();
        world.launch();
        let mut attempts = 0;
        until("the enforcer is ready", || {
            for _ in 0..20 {
                let _ = sender.send_to(b"leak", (store4(), 54));
                attempts += 1;
            }
            assert!(echo.works(), "an allowed connection broke");
            world.path("ready").exists()
        });
        assert!(attempts > 20);
        assert!(forbidden.recv(&mut [0; 16]).is_err(), "a forbidden packet got through");
    }
}

#[test]
fn an_edit_stops_what_it_forbids_while_it_runs() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let mut echo = Echo::new(&world.web, &world.store, store4(), 5432);
    assert!(echo.works());
    world.write("policy.yaml", &closed());
    echo.must_stop();
    assert!(never_connects(&world.web, &world.store, store4(), 5432));
    world.write("policy.yaml", POLICY);
    until("the door is open again", || connects(&world.web, &world.store, store4(), 5432));
}

#[test]
fn a_malformed_edit_changes_nothing_and_is_reported_with_its_place() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let mut echo = Echo::new(&world.web, &world.store, store4(), 5432);
    let before = world.status("json");
    world.write("policy.yaml", &POLICY.replace("ports: [5432,", "ports: [70000,"));
    until("the edit is refused", || world.journal().contains(r#""outcome":"refused""#));
    assert!(world.said().contains("policy.yaml:11:13: error"), "{}", world.said());
    assert!(world.journal().contains(r#""line":11,"column":13"#), "{}", world.journal());
    assert!(echo.works());
    assert!(never_connects(&world.web, &world.store, store4(), 80));
    let handles = |status: &str| -> Vec<String> {
        status
            .lines()
            .filter(|line| line.contains("egress") || line.contains("epoch"))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(handles(&world.status("json")), handles(&before));
    // An emptied or removed file is no policy either.
    world.write("policy.yaml", "");
    until("the emptied file is refused", || world.said().contains("the source holds no document"));
    std::fs::remove_file(world.path("policy.yaml")).unwrap();
    until("the missing file is refused", || world.said().contains("cannot be read"));
    assert!(echo.works());
    // And a good one is taken again.
    world.write("policy.yaml", &closed());
    echo.must_stop();
}

#[test]
fn an_interface_that_appears_later_is_policed_at_once() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    world.plug_late();
    until("the interface is policed", || {
        world.journal().contains(r#""outcome":"policed","interface":"h-late""#)
    });
    assert!(never_connects(&world.late, &world.store, store4(), 5432));
    assert!(never_arrives(&world.late, late4(), 53, || send(&world.web, None, late4(), 53)));
    world.host.ip("link del h-late");
    until("it is gone", || world.journal().contains(r#""outcome":"gone","interface":"h-late""#));
}

#[test]
fn an_interface_without_ethernet_is_denied_everything_and_complained_about() {
    let Some(mut world) = World::new() else { return };
    let made = world.host.command("ip").args(["tuntap", "add", "dev", "h-late", "mode", "tun"]).status();
    if !made.unwrap().success() {
        eprintln!("skipped: no tun devices here");
        return;
    }
    world.launch();
    until("it is complained about", || world.said().contains("have no Ethernet header"));
    until("it is attached to", || world.status("text").contains("deny everything"));
    assert!(!world.path("ready").exists());
}

#[test]
fn a_step_that_failed_is_taken_again() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    world.fill_slots();
    world.plug_late();
    until("the step fails", || world.said().contains("a change was not completed"));
    until("it is taken again", || world.said().matches("policy in force").count() == 2);
    assert!(!world.status("text").contains("deny everything"));
    assert!(connects(&world.web, &world.store, store4(), 5432));
}

#[test]
fn an_invalid_policy_at_the_start_touches_nothing() {
    let Some(mut world) = World::new() else { return };
    world.write("policy.yaml", "kind: Policy\n");
    world.launch();
    assert_eq!(world.exit_code(), Some(4), "{}", world.said());
    assert!(world.said().contains("policy.yaml:1:"), "{}", world.said());
    assert!(connects(&world.web, &world.store, store4(), 80));
}

#[test]
fn an_invalid_policy_at_a_restart_leaves_the_pinned_one_in_force() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    world.kill();
    world.write("policy.yaml", "kind: Policy\n");
    world.enforce();
    assert!(world.said().contains("the last good policy stays in force"), "{}", world.said());
    assert!(connects(&world.web, &world.store, store4(), 5432));
    assert!(never_connects(&world.web, &world.store, store4(), 80));
    world.write("policy.yaml", &closed());
    until("the good policy is taken", || never_connects(&world.web, &world.store, store4(), 5432));
}

#[test]
fn an_enforcer_that_is_not_ready_does_not_leave_the_word_of_an_earlier_one() {
    let Some(world) = World::new() else { return };
    world.write("ready", "ready\n");
    assert_eq!(world.attempt(&[], "nowhere.o").0, Some(1));
    assert!(!world.path("ready").exists());
}

#[test]
fn only_one_enforcer_runs_on_the_same_pins() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let first = world.hold();
    world.launch();
    assert_eq!(world.exit_code(), Some(1));
    assert!(world.said().contains("another enforcer is running"), "{}", world.said());
    world.give_back(first);
}

#[test]
fn detach_opens_everything_and_leaves_nothing() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    assert!(never_connects(&world.web, &world.store, store4(), 80));
    world.kill();
    world.detach();
    assert!(!world.is_pinned());
    assert!(connects(&world.web, &world.store, store4(), 80));
    assert!(world.status("text").contains("nothing is enforced"));
    world.detach();
}

#[test]
fn what_the_enforcer_lacks_is_named_with_a_cure_and_nothing_is_left_behind() {
    let Some(world) = World::new() else { return };
    let (code, said) = world.attempt(&["--pin-dir", "/proc"], "nowhere.o");
    assert_eq!(code, Some(1));
    assert!(said.contains("is not on a BPF file system") && said.contains("mount -t bpf"), "{said}");
    let (code, said) = world.attempt(&[], "nowhere.o");
    assert_eq!(code, Some(1));
    assert!(said.contains("nowhere.o") && said.contains("scripts/build bpf"), "{said}");
    assert!(!world.is_pinned());
    world.write("junk.o", "junk");
    let (code, said) = world.attempt(&[], world.path("junk.o").to_str().unwrap());
    assert_eq!(code, Some(1));
    assert!(said.contains("does not take the BPF object"), "{said}");
    assert!(!world.is_pinned());
}
