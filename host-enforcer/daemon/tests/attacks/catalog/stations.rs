//! Hardware addresses that do not go with the packet. What a switch does with them is its business; a workload gets what is for
//! its own addresses alone.

use crate::attack::{Fate, Shot};
use crate::field::Role;
use crate::forge::{List, Path};
use bookend_abi::packet::SYN;

pub(crate) fn attacks(path: Path, list: &mut List) {
    let allowed = path.tcp(list.allowed_tcp(), SYN);
    let forbidden = path.tcp(list.forbidden_tcp(), SYN);
    for (name, station) in [
        ("everybody", [0xff; 6]),
        ("a group", [0x33, 0x33, 0, 0, 0, 1]),
        ("another group", [1, 0, 0x5e, 0, 0, 1]),
        ("a station nobody knows", [2, 0, 0, 0, 0x99, 0x99]),
        ("no station", [0; 6]),
    ] {
        list.add(
            path,
            &format!("a forbidden SYN to {name}"),
            vec![Shot { station, ..path.stopped(&forbidden) }],
        );
        list.add(path, &format!("an allowed SYN to {name}"), vec![Shot { station, ..path.passes(&allowed) }]);
        // It is switched to the till as well, whose address it does not have.
        let shot = Shot { station, to: Role::Till, ..path.stopped(&allowed) };
        list.add(path, &format!("somebody else's SYN to {name}"), vec![shot]);
    }
    let shot = Shot { station: Role::Till.station(), to: Role::Till, ..path.shot(&allowed, Fate::Stopped) };
    list.add(path, "somebody else's SYN to the till", vec![shot]);
}
