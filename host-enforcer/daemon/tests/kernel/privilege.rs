//! What the enforcer may do, and how systemd runs it.

use crate::traffic::{connects, never_connects, until};
use crate::world::{World, store4};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// All that it needs.
const NEEDED: [&str; 3] = ["bpf", "perfmon", "net_admin"];

/// The words that run a program with these capabilities and no way to others.
fn with(capabilities: &[&str]) -> Vec<String> {
    let kept: String = capabilities.iter().map(|name| format!(",+{name}")).collect();
    let words = [
        "setpriv",
        "--no-new-privs",
        "--inh-caps",
        &format!("-all{kept}"),
        "--bounding-set",
        &format!("-all{kept}"),
    ];
    words.map(str::to_owned).to_vec()
}

fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

#[test]
fn three_capabilities_are_enough_to_enforce_and_to_detach() {
    let Some(mut world) = World::new() else { return };
    let words = with(&NEEDED);
    world.enforce_so(&borrowed(&words), &[]);
    assert!(connects(&world.web, &world.store, store4(), 5432));
    assert!(never_connects(&world.web, &world.store, store4(), 80));
    world.plug_late();
    until("an interface that appears is policed", || {
        world.journal().contains(r#""outcome":"policed","interface":"h-late""#)
    });
    world.kill();
    // Adopting what is there needs no more.
    world.enforce_so(&borrowed(&words), &[]);
    assert!(never_connects(&world.web, &world.store, store4(), 80));
}

#[test]
fn a_capability_that_is_missing_is_named() {
    let Some(mut world) = World::new() else { return };
    for missing in NEEDED {
        let rest: Vec<&str> = NEEDED.into_iter().filter(|name| *name != missing).collect();
        let before = world.said().len();
        world.launch_so(&borrowed(&with(&rest)), &[]);
        assert_eq!(world.exit_code(), Some(1));
        let said = world.said()[before..].to_owned();
        let named = format!("the enforcer lacks CAP_{}, which", missing.to_uppercase());
        assert!(said.contains(&named) && said.matches("which").count() == 1, "{said}");
        assert!(!world.is_pinned());
    }
}

/// The value of a setting of the unit.
fn setting(name: &str) -> String {
    let unit = include_str!("../../systemd/bookend-enforcer.service");
    let line = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {name} in the unit")).to_owned()
}

#[test]
fn the_unit_gives_what_is_needed_and_nothing_else() {
    let mut given: Vec<String> =
        setting("CapabilityBoundingSet").split(' ').map(|name| name.to_lowercase()).collect();
    given.sort();
    let mut needed = NEEDED.map(|name| format!("cap_{name}"));
    needed.sort();
    assert_eq!(given, needed);
    assert_eq!(setting("Type"), "notify");
    assert_eq!(setting("ExecReload"), "/bin/kill -HUP $MAINPID");
}

#[test]
fn systemd_is_told_when_it_is_ready_reloads_lives_and_ends() {
    let Some(mut world) = World::new() else { return };
    let path = world.path("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let variables =
        format!("NOTIFY_SOCKET={} WATCHDOG_USEC=4000000 WATCHDOG_PID=$$ exec \"$@\"", path.display());
    world.launch_so(&["sh", "-c", &variables, "sh"], &[]);
    let mut heard = String::new();
    let mut hear = |wanted: &str, world: &World| {
        let begin = heard.len();
        while !heard[begin..].contains(wanted) {
            let mut message = [0; 1024];
            let length = match socket.recv(&mut message) {
                Ok(length) => length,
                // A signal that another test's processes caused; a socket with a time limit does not go on by itself.
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => panic!("no {wanted} after {heard}: {error}\n{}", world.doing()),
            };
            heard.push_str(std::str::from_utf8(&message[..length]).unwrap());
            heard.push('\n');
        }
        heard[begin..].to_owned()
    };
    let begun = hear("READY=1", &world) + &hear("WATCHDOG=1", &world);
    assert!(begun.contains("STATUS=policy ") && !begun.contains("RELOADING"), "{begun}");
    assert!(world.signal("HUP"));
    hear("RELOADING=1\nMONOTONIC_USEC=", &world);
    hear("READY=1", &world);
    assert!(world.signal("TERM"));
    hear("STOPPING=1", &world);
    assert_eq!(world.exit_code(), Some(0));
    assert!(never_connects(&world.web, &world.store, store4(), 80), "what is enforced stays");
}
