//! Connections that outlive what allowed them: a policy, an address, an interface.

use crate::attack::{Shot, all_arrive, expect, holds};
use crate::field::{Field, POLICY, Role, TCP_PORT, UDP_PORT, inventory};
use crate::forge::Path;
use crate::traffic::until;
use bookend_abi::craft;
use bookend_abi::packet::{ACK, SYN};
use bookend_abi::table::{TCP, UDP};

const WEB: Path = Path { from: Role::Web, to: Role::Store, v6: false };
const OUTSIDE: Path = Path { from: Role::Outside, to: Role::Store, v6: false };

/// No packet of it passes, in either direction, over TCP and over UDP.
fn is_over(path: Path, ports: (u16, u16)) -> Vec<Shot> {
    let (back, answer) = (path.back(), (ports.1, ports.0));
    vec![
        back.stopped(&back.tcp(answer, ACK)),
        path.stopped(&path.tcp(ports, ACK)),
        back.stopped(&back.udp((UDP_PORT, ports.0))),
    ]
}

fn applied(field: &Field) -> usize {
    field.enforcer.journal().matches(r#""outcome":"applied""#).count()
}

/// Writes a file, and waits until it is in force.
fn change(field: &Field, name: &str, text: &str) {
    let before = applied(field);
    field.enforcer.write(name, text);
    until("the change is in force", || applied(field) > before);
}

#[test]
fn what_a_change_forbids_stops_with_the_next_packet_and_nothing_else_notices() {
    let Some(mut field) = Field::new() else { return };
    field.enforcer.enforce();
    let (one, other) = ((1000, TCP_PORT), (1001, TCP_PORT));
    let question = |path: Path| vec![path.passes(&path.udp((1000, UDP_PORT)))];
    let before = [WEB.opened(one), question(WEB), OUTSIDE.opened(other)].concat();
    expect(&field, "before", &before);
    // The store no longer answers the web; the web may still ask.
    let closed = POLICY.replace(
        "    from: [{ workloads: { labels: { app: web } } }, { cidr: 10.78.0.9/32 }",
        "    from: [{ cidr: 10.78.0.9/32 }",
    );
    assert_ne!(closed, POLICY);
    field.enforcer.write("policy.yaml", &closed);
    // While it changes, what is not concerned never misses a packet.
    let mut steps = 0;
    while applied(&field) < 2 {
        assert!(holds(&field, &OUTSIDE.goes_on(other)), "an allowed connection missed a packet");
        steps += 1;
        assert!(steps < 500, "the change never came into force");
    }
    expect(&field, "what is forbidden now", &is_over(WEB, one));
    expect(&field, "what is not", &OUTSIDE.goes_on(other));
    change(&field, "policy.yaml", POLICY);
    expect(&field, "opened again", &WEB.opened((1002, TCP_PORT)));
}

#[test]
fn an_address_that_gets_another_workload_brings_no_connection_along() {
    let Some(mut field) = Field::new() else { return };
    field.enforcer.enforce();
    let ports = (1100, TCP_PORT);
    expect(&field, "before", &[WEB.opened(ports), vec![WEB.passes(&WEB.udp((1100, UDP_PORT)))]].concat());
    // The web is gone, and the till has its addresses.
    let moved = inventory(&[(Role::Till, Role::Web), (Role::Store, Role::Store)]);
    change(&field, "inventory.yaml", &moved);
    let heir = |packet: &[u8]| Path { from: Role::Till, ..WEB }.stopped(packet);
    let shots = [
        heir(&WEB.tcp(ports, ACK)),
        heir(&WEB.udp((1100, UDP_PORT))),
        heir(&WEB.tcp((1101, TCP_PORT), SYN)),
        // Nor does the old interface have it any more.
        WEB.stopped(&WEB.tcp(ports, ACK)),
        WEB.stopped(&WEB.udp((1102, UDP_PORT))),
        // To whoever has the address now, the store says nothing more.
        Path { from: Role::Store, to: Role::Till, v6: false }
            .stopped(&WEB.back().tcp((ports.1, ports.0), ACK)),
    ];
    expect(&field, "after", &shots);
    change(&field, "inventory.yaml", &inventory(&crate::field::WORKLOADS.map(|role| (role, role))));
    expect(&field, "back again, but the connection is judged anew", &WEB.opened((1103, TCP_PORT)));
}

#[test]
fn an_interface_with_the_index_of_another_brings_no_connection_along() {
    let Some(mut field) = Field::new() else { return };
    let ports = (1200, TCP_PORT);
    let old = |packet: &[u8]| Path { from: Role::Till, ..WEB }.stopped(packet);
    let segment = craft::packet(WEB.source(), WEB.destination(), TCP, &craft::tcp(ports.0, ports.1, ACK));
    let datagram = craft::packet(WEB.source(), WEB.destination(), UDP, &craft::udp(1200, UDP_PORT, b"again"));
    all_arrive(&field, &[old(&segment), old(&datagram)]);
    field.enforcer.enforce();
    expect(&field, "before", &[WEB.opened(ports), vec![WEB.passes(&WEB.udp((1200, UDP_PORT)))]].concat());
    let index = field.index(Role::Web);
    let gone = |name: &str| format!(r#""outcome":"gone","interface":"h-{name}""#);
    field.unplug(Role::Till);
    until("the till is gone", || field.enforcer.journal().contains(&gone("till")));
    field.unplug(Role::Web);
    until("the web is gone", || field.enforcer.journal().contains(&gone("web")));
    field.plug(Role::Till, Some(index));
    field.listen(Role::Till);
    let policed = r#""outcome":"policed","interface":"h-till""#;
    until("the till is back", || field.enforcer.journal().matches(policed).count() == 2);
    expect(&field, "after", &[old(&segment), old(&datagram)]);
    let till = Path { from: Role::Till, to: Role::Store, v6: false };
    expect(
        &field,
        "and the till may do as little as ever",
        &[till.stopped(&till.tcp(ports, ACK)), till.stopped(&till.udp((1201, UDP_PORT)))],
    );
}

#[test]
fn an_interface_that_is_renamed_is_closed_and_one_that_comes_back_is_policed() {
    let Some(mut field) = Field::new() else { return };
    field.enforcer.enforce();
    let ports = (1300, TCP_PORT);
    expect(&field, "before", &WEB.opened(ports));
    field.enforcer.host.ip("link set h-web name h-other");
    until("it is noticed", || holds(&field, &[WEB.stopped(&WEB.tcp(ports, ACK))]));
    let closed = |port| {
        [
            WEB.stopped(&WEB.tcp((port, TCP_PORT), SYN)),
            WEB.stopped(&WEB.tcp((port, 80), SYN)),
            WEB.stopped(&WEB.udp((port, UDP_PORT))),
        ]
    };
    expect(&field, "under another name", &closed(1301));
    field.enforcer.host.ip("link set h-other name h-web");
    until("it is policed again", || holds(&field, &[WEB.passes(&WEB.udp((1302, UDP_PORT)))]));
    expect(&field, "under its own", &[WEB.stopped(&WEB.tcp((1303, 80), SYN))]);
    field.unplug(Role::Web);
    field.plug(Role::Web, None);
    field.listen(Role::Web);
    until("it is policed again", || {
        holds(&field, &[WEB.stopped(&WEB.tcp((1304, 80), SYN)), WEB.passes(&WEB.udp((1305, UDP_PORT)))])
    });
    expect(&field, "nothing is left of what was", &[WEB.stopped(&WEB.tcp(ports, ACK))]);
}
