//! The attacks that are frames.

mod connections;
mod extensions;
mod fragments;
mod lengths;
mod messages;
mod neighbors;
mod options;
mod peers;
mod spoofs;
mod stations;
mod strays;
mod tags;
mod tunnels;

use crate::attack::Attack;
use crate::field::Role::{Outside, Store, Till, Web};
use crate::forge::{List, Path};

/// What adds the attacks of one class on one path.
type Class = (&'static str, fn(Path, &mut List));

/// On paths where something is allowed: judged at the source alone, at the destination alone, and at both.
const ALONG: [Class; 11] = [
    ("lengths", lengths::attacks),
    ("options", options::attacks),
    ("extension headers", extensions::attacks),
    ("fragments", fragments::attacks),
    ("tags", tags::attacks),
    ("messages", messages::attacks),
    ("tunnels", tunnels::attacks),
    ("strays", strays::attacks),
    ("connections", connections::attacks),
    ("spoofs", spoofs::attacks),
    ("stations", stations::attacks),
];

/// Everything, in an order that does not matter.
pub(crate) fn attacks() -> Vec<Attack> {
    let mut list = List::default();
    for v6 in [false, true] {
        for (from, to) in [(Web, Outside), (Outside, Store), (Web, Store)] {
            for (class, add) in ALONG {
                list.class(class);
                add(Path { from, to, v6 }, &mut list);
            }
        }
        list.class("peers");
        for (from, to) in
            [(Web, Till), (Till, Outside), (Outside, Till), (Store, Web), (Outside, Web), (Store, Outside)]
        {
            peers::attacks(Path { from, to, v6 }, &mut list);
        }
        list.class("neighbors");
        neighbors::attacks(Path { from: Web, to: Outside, v6 }, &mut list);
        neighbors::hearing(Path { from: Outside, to: Store, v6 }, &mut list);
    }
    list.attacks
}
