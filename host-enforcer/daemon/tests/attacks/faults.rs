//! What happens to daemons and machines: it opens nothing.

use crate::attack::{Shot, all_arrive, expect, holds};
use crate::field::{Field, POLICY, Role, TCP_PORT, UDP_PORT};
use crate::forge::Path;
use crate::traffic::until;
use bookend_abi::packet::{ACK, SYN};
use std::process::Command;
use std::time::{Duration, Instant};

const WEB: Path = Path { from: Role::Web, to: Role::Store, v6: false };
const OUT: Path = Path { from: Role::Web, to: Role::Outside, v6: false };
const IN: Path = Path { from: Role::Outside, to: Role::Store, v6: false };

/// What must not pass, on every path.
fn forbidden(port: u16) -> Vec<Shot> {
    let shots = |path: Path| {
        let back = path.back();
        [
            path.stopped(&path.tcp((port, 80), SYN)),
            path.stopped(&path.udp((port, 54))),
            back.stopped(&back.udp((port, UDP_PORT))),
        ]
    };
    [WEB, OUT, IN].map(shots).concat()
}

/// What must.
fn allowed(port: u16) -> Vec<Shot> {
    [WEB, OUT, IN]
        .map(|path| [path.passes(&path.tcp((port, TCP_PORT), SYN)), path.passes(&path.udp((port, UDP_PORT)))])
        .concat()
}

#[track_caller]
fn enforced(field: &Field, what: &str, port: u16) {
    expect(field, what, &allowed(port));
    expect(field, what, &forbidden(port));
}

/// More denials than the ring of events has room for.
fn noise(field: &Field) {
    let head = [&Role::Store.station()[..], &[2, 0xf3, 0, 0, 0, 0], &WEB.kind().to_be_bytes()].concat();
    for port in 0..40_000 {
        field.link(Role::Web).send(&[&head[..], &WEB.udp((port, 54))].concat());
    }
}

#[test]
fn a_daemon_that_is_killed_or_stopped_opens_nothing_and_goes_on_where_it_was() {
    let Some(mut field) = Field::new() else { return };
    all_arrive(&field, &forbidden(4000));
    field.enforcer.enforce();
    let (ports, mut port) = ((4001, TCP_PORT), 4002);
    expect(&field, "before", &WEB.opened(ports));
    for _ in 0..2 {
        field.enforcer.kill();
        noise(&field);
        enforced(&field, "killed", port);
        expect(&field, "killed", &WEB.goes_on(ports));
        field.enforcer.launch();
        // While it starts, and takes over.
        while !field.enforcer.path("ready").exists() {
            port += 1;
            assert!(port < 5000, "it never became ready: {}", field.enforcer.said());
            expect(&field, "starting", &[forbidden(port), WEB.goes_on(ports)].concat());
        }
        port += 1;
        enforced(&field, "started again", port);
        port += 1;
    }
    let stopped = field.enforcer.signal("STOP");
    noise(&field);
    enforced(&field, "stopped", 5001);
    expect(&field, "stopped", &WEB.goes_on(ports));
    field.enforcer.write("policy.yaml", &POLICY.replace("ports: [5432, ", "ports: [5433, "));
    enforced(&field, "stopped, with an edit waiting", 5002);
    field.enforcer.signal("CONT");
    assert!(stopped);
    until("the edit is in force", || holds(&field, &[WEB.passes(&WEB.tcp((5003, 5433), SYN))]));
    expect(
        &field,
        "what it forbids is over",
        &[WEB.stopped(&WEB.tcp(ports, ACK)), WEB.stopped(&WEB.tcp((5004, TCP_PORT), SYN))],
    );
}

#[test]
fn a_second_daemon_changes_nothing() {
    let Some(mut field) = Field::new() else { return };
    field.enforcer.enforce();
    expect(&field, "before", &WEB.opened((5100, TCP_PORT)));
    let first = field.enforcer.hold();
    field.enforcer.launch();
    assert_eq!(field.enforcer.exit_code(), Some(1));
    field.enforcer.give_back(first);
    expect(&field, "after", &WEB.goes_on((5100, TCP_PORT)));
    enforced(&field, "after", 5101);
}

/// The processor time that a process has used, in hundredths of a second.
fn worked(id: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
fn pins_that_are_wiped_open_nothing_a_workload_sends_and_are_made_again() {
    let Some(mut field) = Field::new() else { return };
    field.enforcer.enforce();
    enforced(&field, "before", 5200);
    // The enforcer may put pins back while others are still being removed, which `rm` takes for a failure.
    let pinned = field.enforcer.pin("links");
    let _ = Command::new("rm").arg("-rf").arg(field.enforcer.pin("")).output().unwrap();
    // At once, and for as long as the daemon has not noticed: what a workload sends lacks the mark that the guard demands.
    let sent = |port| {
        [
            OUT.stopped(&OUT.udp((port, 54))),
            OUT.stopped(&OUT.tcp((port, 80), SYN)),
            WEB.stopped(&WEB.udp((port, 54))),
        ]
    };
    expect(&field, "wiped", &sent(5201));
    let begin = Instant::now();
    until("everything is enforced again", || holds(&field, &[allowed(5202), forbidden(5202)].concat()));
    assert!(begin.elapsed() < Duration::from_secs(10));
    enforced(&field, "made again", 5203);
    until("what enforces is pinned", || std::fs::read_dir(&pinned).map_or(0, Iterator::count) == 6);
    // It goes on waiting: whoever is busy with one notice for ever hears of nothing else.
    until("there is nothing to do any more", || {
        let before = worked(field.enforcer.id());
        std::thread::sleep(Duration::from_secs(1));
        worked(field.enforcer.id()) - before < 50
    });
    let reloads = || field.enforcer.journal().matches("\"kind\":\"policy\"").count();
    let before = reloads();
    assert!(field.enforcer.signal("HUP"));
    until("a reload is heard of", || reloads() > before);
    field.enforcer.kill();
    enforced(&field, "killed afterwards", 5204);
}

#[test]
fn a_flushed_ruleset_opens_nothing_and_the_guard_comes_back() {
    let Some(mut field) = Field::new() else { return };
    field.enforcer.enforce();
    let tables = || {
        let output = field.enforcer.host.command("nft").args(["list", "tables"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().matches(" bookend_").count()
    };
    assert_eq!(tables(), 3);
    let flushed = field.enforcer.host.command("nft").args(["flush", "ruleset"]).status().unwrap();
    assert!(flushed.success());
    expect(&field, "flushed", &forbidden(5300));
    until("the guard is back", || tables() == 3);
    enforced(&field, "the guard is back", 5301);
}

#[test]
fn events_that_cannot_be_written_change_nothing() {
    let Some(mut field) = Field::new() else { return };
    // A device on which no byte finds room.
    std::os::unix::fs::symlink("/dev/full", field.enforcer.path("events.json")).unwrap();
    field.enforcer.enforce();
    noise(&field);
    enforced(&field, "without room for events", 5400);
    field.enforcer.write("policy.yaml", &POLICY.replace("ports: [5432, ", "ports: [5433, "));
    until("an edit is in force", || holds(&field, &[WEB.passes(&WEB.tcp((5401, 5433), SYN))]));
}

#[test]
fn a_daemon_whose_clock_is_another_forgets_no_connection() {
    let Some(mut field) = Field::new() else { return };
    field.enforcer.enforce();
    let ports = (5500, TCP_PORT);
    expect(&field, "before", &[WEB.opened(ports), vec![WEB.passes(&WEB.udp((5500, UDP_PORT)))]].concat());
    field.enforcer.kill();
    // The kernel's time is nobody's to change; that of a daemon in a namespace is ahead by a day.
    field.enforcer.launch_under(&[
        "unshare",
        "--time",
        "--monotonic",
        "86400",
        "--boottime",
        "86400",
        "--fork",
        "--kill-child",
    ]);
    until("it is ready", || field.enforcer.path("ready").exists());
    // Long enough for whatever it does now and then.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(5) {
        expect(&field, "a day ahead", &WEB.goes_on(ports));
    }
    let back = WEB.back();
    expect(&field, "a day ahead", &[back.passes(&back.udp((UDP_PORT, 5500)))]);
    enforced(&field, "a day ahead", 5501);
}

#[test]
fn nothing_is_left_of_what_was_enforced() {
    let Some(mut field) = Field::new() else { return };
    field.enforcer.enforce();
    expect(&field, "before", &WEB.opened((5600, TCP_PORT)));
    let index = field.index(Role::Web);
    let pinned = field.enforcer.pin("links");
    let links = || std::fs::read_dir(&pinned).map_or(0, Iterator::count);
    assert_eq!(links(), 6);
    // The namespace of a workload ends, and its interface with it.
    let web = Command::new("ip").args(["netns", "del", &field.station(Role::Web).0]).status().unwrap();
    assert!(web.success());
    field.close(Role::Web);
    until("its links are gone", || links() == 4);
    assert!(!field.enforcer.pin(&format!("links/{index}-from")).exists());
    field.enforcer.kill();
    field.enforcer.detach();
    assert!(!field.enforcer.is_pinned());
    let ruleset = field.enforcer.host.command("nft").args(["list", "ruleset"]).output().unwrap();
    assert!(!String::from_utf8(ruleset.stdout).unwrap().contains("bookend"));
    // The kernel takes programs away some time after their pins.
    until("everything is open", || holds(&field, &[IN.passes(&IN.udp((5601, 54)))]));
    let shown = field
        .enforcer
        .host
        .command("tc")
        .args(["filter", "show", "dev", "h-store", "ingress"])
        .output()
        .unwrap();
    assert!(shown.stdout.is_empty());
}
