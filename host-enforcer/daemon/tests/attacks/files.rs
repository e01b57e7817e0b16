//! Files that are not what they should be, under traffic: what was in force stays in force.

use crate::attack::{expect, holds};
use crate::field::{Field, POLICY, Role, TCP_PORT, UDP_PORT, inventory};
use crate::forge::Path;
use crate::traffic::until;
use bookend_abi::packet::SYN;
use bookend_abi::table::capacity;
use std::fmt::Write as _;

const WEB: Path = Path { from: Role::Web, to: Role::Store, v6: false };

fn stands(field: &Field, what: &str, port: u16) {
    let allowed = [WEB.passes(&WEB.tcp((port, TCP_PORT), SYN)), WEB.passes(&WEB.udp((port, UDP_PORT)))];
    expect(field, what, &allowed);
    expect(field, what, &[WEB.stopped(&WEB.tcp((port, 80), SYN)), WEB.stopped(&WEB.udp((port, 54)))]);
}

fn refused(field: &Field) -> usize {
    field.enforcer.journal().matches(r#""outcome":"refused""#).count()
}

#[test]
fn whatever_becomes_of_the_files_the_last_good_policy_stays_in_force() {
    let Some(mut field) = Field::new() else { return };
    field.enforcer.enforce();
    stands(&field, "at first", 3000);
    let half = &POLICY.as_bytes()[..POLICY.len() / 2];
    let long = format!("# {}\n", "x".repeat(100)).repeat(200_000);
    let odd: [(&str, &str, &[u8]); 8] = [
        ("an empty policy", "policy.yaml", b""),
        ("half a policy", "policy.yaml", half),
        ("zeroes", "policy.yaml", &[0; 4096]),
        ("noise", "policy.yaml", b"\xff\xfe\x00{{{{"),
        ("a policy of twenty megabytes", "policy.yaml", long.as_bytes()),
        ("a policy that says nothing", "policy.yaml", b"# nothing\n"),
        ("an empty inventory", "inventory.yaml", b""),
        (
            "half an inventory",
            "inventory.yaml",
            b"apiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: { name: f",
        ),
    ];
    for ((what, file, bytes), port) in odd.into_iter().zip(3001..) {
        let before = refused(&field);
        // In place, as somebody does who knows no better; it can be read half-written.
        let path = field.enforcer.path(file);
        let good = std::fs::read(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        until(what, || refused(&field) > before);
        stands(&field, what, port);
        std::fs::write(&path, good).unwrap();
    }
    until("the good one is read again", || {
        field.enforcer.write("policy.yaml", &POLICY.replace("ports: [5432, ", "ports: [5433, "));
        holds(
            &field,
            &[WEB.passes(&WEB.tcp((3050, 5433), SYN)), WEB.stopped(&WEB.tcp((3051, TCP_PORT), SYN))],
        )
    });
}

#[test]
fn what_does_not_fit_into_the_tables_is_refused_with_numbers() {
    let Some(mut field) = Field::new() else { return };
    field.enforcer.enforce();
    let mut large = inventory(&crate::field::WORKLOADS.map(|role| (role, role)));
    large.push_str("  - name: many\n    namespace: default\n    instances:\n");
    for n in 0..=capacity::INTERFACES {
        let (high, low) = (n / 256, n % 256);
        writeln!(large, "    - {{ addresses: [10.9.{high}.{low}], interface: none{n} }}").unwrap();
    }
    field.enforcer.write("inventory.yaml", &large);
    until("it is refused", || refused(&field) > 0);
    let said = field.enforcer.said();
    let (needed, there) = (capacity::INTERFACES + 4, capacity::INTERFACES);
    for number in [needed, there] {
        assert!(said.contains(&number.to_string()), "{number} is not in: {said}");
    }
    stands(&field, "after it", 3100);
    field.enforcer.write("inventory.yaml", &inventory(&[(Role::Web, Role::Web), (Role::Store, Role::Store)]));
    until("a smaller one is taken", || {
        field.enforcer.journal().matches(r#""outcome":"applied""#).count() == 2
    });
    stands(&field, "after the smaller one", 3101);
}
