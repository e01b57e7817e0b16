//! The guard behind the programs: what jumps over them gets no further.

use crate::namespace::Namespace;
use crate::traffic::{arrives, connects, never_connects, send, until};
use crate::world::{World, store4, store6};
use std::io::Write;
use std::net::{IpAddr, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

/// The host's addresses on the web workload's link.
const HOST: [&str; 2] = ["10.77.1.1", "fd77:1::1"];
/// Frames of one attack. The first leave with the filter still there, and are none.
const FRAMES: u32 = 8;

fn nft(namespace: &Namespace, script: &str) -> String {
    let mut command = namespace.command("nft");
    command.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{script}");
    String::from_utf8(output.stdout).unwrap()
}

/// Sums packets over the counters of this name, in all tables.
fn counted(namespace: &Namespace, name: &str) -> u64 {
    let listed = nft(namespace, "list counters");
    let of_name = listed.split("counter ").filter(|counter| counter.trim_start().starts_with(name));
    let packets = of_name
        .filter_map(|counter| counter.split("packets ").nth(1)?.split(' ').next()?.parse::<u64>().ok());
    packets.sum::<u64>()
}

fn tables(namespace: &Namespace) -> usize {
    nft(namespace, "list tables").lines().filter(|line| line.contains(" bookend_")).count()
}

/// Sends from the web workload as its root can where the kernel has `ifb`: redirected to it, and let go when the filter
/// that redirected is gone. The packets carry every mark that a sender can give them.
fn attack(web: &Namespace, host: IpAddr) {
    let tc = |arguments: &str| {
        let status = web.command("tc").args(arguments.split_whitespace()).status().unwrap();
        assert!(status.success(), "tc {arguments}");
    };
    let added = web.command("ip").args("link add ifb0 type ifb".split(' ')).status().unwrap();
    assert!(
        added.success(),
        "*** NOT TESTED: this kernel has no `ifb`, so the attack that the guard is for cannot be made; load it with \
         `modprobe ifb` ***"
    );
    web.ip("link set ifb0 up");
    tc("qdisc add dev ifb0 root tbf rate 8kbit burst 1600 latency 60s");
    tc("qdisc add dev eth0 clsact");
    tc("filter add dev eth0 egress protocol all u32 match u32 0 0 action mirred egress redirect dev ifb0");
    let family = if host.is_ipv4() { "socket.AF_INET" } else { "socket.AF_INET6" };
    let script = format!(
        "import socket\n\
         s = socket.socket({family}, socket.SOCK_DGRAM)\n\
         s.setsockopt(socket.SOL_SOCKET, 36, 0xffffffff - (1 << 32))\n\
         for i in range({FRAMES}): s.sendto(b'x' * 800, ('{host}', 54))\n"
    );
    assert!(web.command("python3").args(["-c", &script]).status().unwrap().success());
    tc("filter del dev eth0 egress");
}

fn attack_is_over(web: &Namespace) {
    web.ip("link del ifb0");
    let _ = web.command("tc").args("qdisc del dev eth0 clsact".split(' ')).status();
}

/// The attack, without the guard and with it.
fn must_stop_the_attack(world: &mut World, host: &str) {
    let host: IpAddr = host.parse().unwrap();
    let receiver = world.host.inside(|| UdpSocket::bind((host, 54)).unwrap());
    // The control: the guard's tables taken away, which a running enforcer would put up again, the programs are passed by.
    world.kill();
    let guard = nft(&world.host, "list tables");
    assert_eq!(tables(&world.host), 3, "{guard}");
    for table in guard.lines() {
        nft(&world.host, &format!("delete {table}\n"));
    }
    receiver.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    attack(&world.web, host);
    assert!(receiver.recv(&mut [0; 2048]).is_ok(), "control: the attack passes without the guard");
    attack_is_over(&world.web);
    world.enforce();
    receiver.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    while receiver.recv(&mut [0; 2048]).is_ok() {}
    assert_eq!(counted(&world.host, "unjudged"), 0);
    attack(&world.web, host);
    until("the guard drops the attack", || counted(&world.host, "unjudged") > 2);
    assert!(receiver.recv(&mut [0; 2048]).is_err(), "the attack got through");
    attack_is_over(&world.web);
}

fn allowed_traffic_flows(world: &World) {
    for store in [store4(), store6()] {
        assert!(connects(&world.web, &world.store, store, 5432), "{store}");
        assert!(never_connects(&world.web, &world.store, store, 80), "{store}");
        assert!(arrives(&world.store, store, 53, || send(&world.web, None, store, 53)), "{store}");
    }
}

/// Enforces, and attacks.
fn must_stop_every_attack(world: &mut World) {
    world.enforce();
    allowed_traffic_flows(world);
    for host in HOST {
        must_stop_the_attack(world, host);
    }
    allowed_traffic_flows(world);
}

#[test]
fn what_jumps_over_the_programs_is_dropped_behind_them() {
    let Some(mut world) = World::new() else { return };
    must_stop_every_attack(&mut world);
}

#[test]
fn what_jumps_over_the_programs_of_a_bridge_port_is_dropped_behind_them() {
    let Some(mut world) = World::new() else { return };
    world.host.ip("addr flush dev h-web");
    world.host.ip("link add br0 type bridge");
    world.host.ip("link set h-web master br0");
    world.host.ip("addr add 10.77.1.1/24 dev br0");
    world.host.ip("-6 addr add fd77:1::1/64 dev br0 nodad");
    world.host.ip("link set br0 up");
    must_stop_every_attack(&mut world);
}

#[test]
fn nobody_behind_the_guard_sees_the_mark_and_no_workload_can_set_one() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    let rule =
        |mask: &str, name: &str| format!("iifname \"h-web\" meta mark & {mask} != 0 counter name {name}");
    nft(
        &world.host,
        &format!(
            "table inet probe {{\n counter judged {{ }}\n counter own {{ }}\n counter marked {{ }}\n counter seen {{ }}\n\
             chain before {{ type filter hook prerouting priority -600; policy accept;\n {}\n {}\n }}\n\
             chain behind {{ type filter hook prerouting priority -450; policy accept;\n {}\n \
             iifname \"h-web\" counter name seen\n }}\n}}\n",
            rule("0x1000", "judged"),
            rule("0xffffefff", "own"),
            rule("0xffffffff", "marked"),
        ),
    );
    let script = "import socket\n\
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
        s.setsockopt(socket.SOL_SOCKET, 36, 0xffffffff - (1 << 32))\n\
        s.sendto(b'x', ('10.77.2.2', 53))\n";
    let mark = || assert!(world.web.command("python3").args(["-c", script]).status().unwrap().success());
    assert!(arrives(&world.store, store4(), 53, mark));
    allowed_traffic_flows(&world);
    let count = |name| counted(&world.host, name);
    assert!(
        count("seen") > 0 && count("judged") == count("seen"),
        "{} of {}",
        count("judged"),
        count("seen")
    );
    assert_eq!((count("own"), count("marked"), count("unjudged")), (0, 0, 0));
}

#[test]
fn the_guard_stays_when_the_enforcer_is_killed_and_goes_with_detach() {
    let Some(mut world) = World::new() else { return };
    world.enforce();
    world.kill();
    assert_eq!(tables(&world.host), 3);
    allowed_traffic_flows(&world);
    world.plug_late();
    world.enforce();
    assert!(nft(&world.host, "list ruleset").contains("h-late"));
    world.host.ip("link del h-late");
    until("the guard forgets what is gone", || {
        let listed = nft(&world.host, "list ruleset");
        let mut elements = listed.lines().filter(|line| line.contains("elements ="));
        elements.all(|line| line.matches(',').count() == 1)
    });
    world.kill();
    world.detach();
    assert_eq!(tables(&world.host), 0);
    assert!(connects(&world.web, &world.store, store4(), 80));
}

#[test]
fn no_program_is_needed_to_put_the_guard_up() {
    let Some(mut world) = World::new() else { return };
    let program = ["env", "PATH=/nonexistent"];
    world.enforce_so(&program, &[]);
    assert_eq!(tables(&world.host), 3);
    allowed_traffic_flows(&world);
}

/// What `nft` makes of the guard of two interfaces, as text; `bookend` stands for the name of the tables.
const WRITTEN: &str = "\
add table inet bookend
add counter inet bookend unjudged
add counter inet bookend held
add set inet bookend policed { type iface_index; size 4096; }
add element inet bookend policed { h-web, h-store }
add set inet bookend waiting { type iface_index; size 4096; }
add chain inet bookend prerouting { type filter hook prerouting priority -500; policy accept; }
add rule inet bookend prerouting meta mark & 0x1000 == 0 iif @policed counter name unjudged drop
add rule inet bookend prerouting meta mark & 0x1000 != 0 iif @policed meta mark set meta mark & 0xffffefff
add table bridge bookend
add counter bridge bookend unjudged
add counter bridge bookend held
add set bridge bookend policed { type iface_index; size 4096; }
add element bridge bookend policed { h-web, h-store }
add set bridge bookend waiting { type iface_index; size 4096; }
add chain bridge bookend prerouting { type filter hook prerouting priority -500; policy accept; }
add rule bridge bookend prerouting meta mark & 0x1000 == 0 iif @policed counter name unjudged drop
add rule bridge bookend prerouting meta mark & 0x1000 != 0 iif @policed meta mark set meta mark & 0xffffefff
add chain bridge bookend input { type filter hook input priority -500; policy accept; }
add rule bridge bookend input meta mark & 0x1000 == 0 ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 iif @policed counter name unjudged drop
add table arp bookend
add counter arp bookend unjudged
add counter arp bookend held
add set arp bookend policed { type iface_index; size 4096; }
add element arp bookend policed { h-web, h-store }
add set arp bookend waiting { type iface_index; size 4096; }
add chain arp bookend input { type filter hook input priority -500; policy accept; }
add rule arp bookend input meta mark & 0x1000 == 0 iif @policed counter name unjudged drop
add rule arp bookend input meta mark & 0x1000 != 0 iif @policed meta mark set meta mark & 0xffffefff
";

/// The ruleset as nft lists it, without what changes: numbers of packets, and the name of the tables.
fn listed(namespace: &Namespace) -> String {
    let text = nft(namespace, "list ruleset");
    let name =
        text.split_whitespace().find(|word| word.starts_with("bookend")).unwrap_or("bookend").to_owned();
    let lines = text.lines().map(|line| if line.contains("packets ") { "packets" } else { line });
    lines.collect::<Vec<_>>().join("\n").replace(&name, "bookend")
}

#[test]
fn the_guard_is_to_the_letter_what_nft_would_make_of_it() {
    let Some(mut world) = World::new() else { return };
    nft(&world.host, WRITTEN);
    let wanted = listed(&world.host);
    nft(&world.host, "flush ruleset");
    world.enforce();
    assert_eq!(listed(&world.host), wanted);
    let raw = |namespace: &Namespace| nft(namespace, "list ruleset");
    assert!(raw(&world.host).contains("ff:ff:ff:ff:ff:f0"), "{}", raw(&world.host));
    // What is held, as well: both ways, in every family, while it lasts.
    world.kill();
    world.detach();
    assert_eq!(listed(&world.host), "");
}
