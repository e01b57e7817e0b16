//! What a scanner finds is what the policy opens, port by port.

use crate::field::{Field, Role};
use crate::forge::Path;
use bookend_abi::packet::{ACK, FIN, RST, SYN};
use std::collections::BTreeSet;

/// Ranges that do not fall together with powers of two, and holes in them.
const POLICY: &str = "\
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: scans, namespace: default }
spec:
  isolate:
  - workloads: {}
  deny:
  - name: not-these
    from: [{ workloads: {} }, { cidr: 10.78.0.9/32 }]
    to: [{ workloads: { labels: { app: store } } }]
    ports: [8080, { port: 30001, endPort: 30003, protocol: UDP }]
  allow:
  - name: some
    from: [{ workloads: { labels: { app: web } } }, { cidr: 10.78.0.9/32 }]
    to: [{ workloads: { labels: { app: store } } }]
    ports: [1, 5432, { port: 7999, endPort: 8101 }, 65535, { port: 53, protocol: UDP }, { port: 30000, endPort: 32767, protocol: UDP }]
";

fn opened(tcp: bool, port: u16) -> bool {
    match port {
        8080 => false,
        1 | 5432 | 65535 | 7999..=8101 => tcp,
        30001..=30003 => false,
        53 | 30000..=32767 => !tcp,
        _ => false,
    }
}

/// Sends one packet to every `step`th port; the ports at which they arrived.
fn scan(field: &Field, path: Path, step: usize, packet: impl Fn(u16) -> Vec<u8>) -> BTreeSet<u16> {
    let mut found = BTreeSet::new();
    let (near, far) = (field.link(path.from), field.link(path.to));
    let place = 14 + path.header() + 2;
    let head = [&path.to.station()[..], &[2, 0x5c, 0, 0, 0, 0], &path.kind().to_be_bytes()].concat();
    let mut read = || {
        while let Some(frame) = far.receive() {
            if frame[6..8] == head[6..8] {
                found.insert(u16::from_be_bytes([frame[place], frame[place + 1]]));
            }
        }
    };
    for port in (0..=u16::MAX).step_by(step) {
        near.send(&[&head[..], &packet(port)].concat());
        if port % 0x2000 == 0x1fff {
            read();
        }
    }
    read();
    found
}

#[test]
fn a_scan_finds_what_the_policy_opens_and_nothing_else() {
    let Some(mut field) = Field::new() else { return };
    field.enforcer.write("policy.yaml", POLICY);
    let paths = [(Role::Web, Role::Store), (Role::Outside, Role::Store), (Role::Web, Role::Till)];
    let paths = paths.map(|(from, to)| Path { from, to, v6: false });
    let flags = [
        ("SYN", SYN),
        ("SYN-ACK", SYN | ACK),
        ("ACK", ACK),
        ("FIN", FIN),
        ("RST", RST),
        ("no flags", 0),
        ("Christmas tree", FIN | 0x28),
    ];
    for path in paths {
        let every: BTreeSet<u16> = (0..=u16::MAX).step_by(64).collect();
        for (name, flags) in flags {
            assert_eq!(
                scan(&field, path, 64, |port| path.tcp((40_000, port), flags)),
                every,
                "control: {name}"
            );
        }
        assert_eq!(scan(&field, path, 64, |port| path.udp((40_000, port))), every, "control: UDP");
    }
    field.enforcer.enforce();
    for path in paths {
        let nobody = path.to == Role::Till;
        let allowed =
            |tcp| (0..=u16::MAX).filter(|port| !nobody && opened(tcp, *port)).collect::<BTreeSet<u16>>();
        let (from, to) = (path.from.name(), path.to.name());
        // Those that open nothing first: what a SYN opens lets the others through.
        for (name, flags) in &flags[1..] {
            let found = scan(&field, path, 7, |port| path.tcp((40_001, port), *flags));
            assert_eq!(found, BTreeSet::new(), "{name} from {from} to {to}");
        }
        assert_eq!(
            scan(&field, path, 1, |port| path.tcp((40_002, port), SYN)),
            allowed(true),
            "SYN from {from} to {to}"
        );
        assert_eq!(
            scan(&field, path, 1, |port| path.udp((40_003, port))),
            allowed(false),
            "UDP from {from} to {to}"
        );
    }
}
