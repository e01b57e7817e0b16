//! IPv6 extension headers: chains, lies, and what hides behind them.

use crate::field::TCP_PORT;
use crate::forge::{List, Path, with_extensions};
use bookend_abi::packet::SYN;

type Header = (u8, &'static [u8]);

const HOP: Header = (0, &[0, 5, 2, 0, 0, 1, 0]);
const OPTIONS: Header = (60, &[0, 1, 4, 0, 0, 0, 0]);
const LONG_OPTIONS: Header = (60, &[1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
/// With 96 bits of proof, which is what there is in practice (RFC 4302, 2.2).
const AUTHENTICATION: Header = (51, &[4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
/// Routing headers: of type 0 (RFC 5095), of type 2 (mobility), a segment list (RFC 8754), and one nobody knows; with segments left.
const ROUTES: [(&str, Header); 4] = [
    ("type 0", (43, &[2, 0, 1, 0, 0, 0, 0, 0xfd, 0x78, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3])),
    ("type 2", (43, &[2, 2, 1, 0, 0, 0, 0, 0xfd, 0x78, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3])),
    ("type 4", (43, &[2, 4, 1, 0, 0, 0, 0, 0xfd, 0x78, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3])),
    ("type 253", (43, &[0, 253, 255, 0, 0, 0, 0])),
];
/// The same route at its end.
const ARRIVED: Header = (43, &[0, 4, 0, 0, 0, 0, 0]);

pub(crate) fn attacks(path: Path, list: &mut List) {
    if !path.v6 {
        return;
    }
    let forbidden = path.tcp(list.forbidden_tcp(), SYN);
    let syn = path.tcp(list.allowed_tcp(), SYN);
    let chains: [(&str, &[Header]); 7] = [
        ("a hop-by-hop header", &[HOP]),
        ("destination options", &[OPTIONS]),
        ("long destination options", &[LONG_OPTIONS]),
        ("an authentication header", &[AUTHENTICATION]),
        ("a route that is at its end", &[ARRIVED]),
        ("four headers", &[HOP, OPTIONS, ARRIVED, AUTHENTICATION]),
        ("six headers", &[HOP, OPTIONS, OPTIONS, LONG_OPTIONS, OPTIONS, OPTIONS]),
    ];
    for (name, chain) in chains {
        list.stopped(path, &format!("a forbidden port behind {name}"), &with_extensions(&forbidden, chain));
        let syn = path.tcp(list.allowed_tcp(), SYN);
        list.passes(path, &format!("an allowed port behind {name}"), &with_extensions(&syn, chain));
    }
    for (name, route) in ROUTES {
        list.stopped(path, &format!("a routing header of {name}"), &with_extensions(&syn, &[route]));
        let behind = with_extensions(&syn, &[HOP, OPTIONS, route]);
        list.stopped(path, &format!("a routing header of {name} behind others"), &behind);
    }
    for count in [7, 8, 30, 100] {
        let chain = vec![OPTIONS; count];
        list.stopped(path, &format!("{count} headers"), &with_extensions(&syn, &chain));
        list.stopped(
            path,
            &format!("{count} headers, and a forbidden port"),
            &with_extensions(&forbidden, &chain),
        );
    }
    list.stopped(path, "a hop-by-hop header that is not the first", &with_extensions(&syn, &[OPTIONS, HOP]));
    list.stopped(path, "two hop-by-hop headers", &with_extensions(&syn, &[HOP, HOP]));
    let lies: [(&str, Header); 5] = [
        ("an authentication header without a number", (51, &[0, 0, 0, 0, 0, 0, 1])),
        ("a header beyond the packet", (60, &[9, 1, 4, 0, 0, 0, 0])),
        ("a header far beyond the packet", (60, &[255, 1, 4, 0, 0, 0, 0])),
        ("an authentication header beyond the packet", (51, &[200, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1])),
        ("a header that ends in the transport's", (60, &[2, 1, 4, 0, 0, 0, 0])),
    ];
    for (name, lie) in lies {
        list.stopped(path, name, &with_extensions(&syn, &[lie]));
    }
    // What comes next is not known to mean the same to everybody.
    for number in [1_u8, 59, 135, 139, 140, 253, 254] {
        let mut packet = syn.clone();
        packet[6] = number;
        list.stopped(path, &format!("next header {number}"), &packet);
        let hidden: Header = (number, &[0, 1, 4, 0, 0, 0, 0]);
        list.stopped(
            path,
            &format!("an allowed port behind header {number}"),
            &with_extensions(&syn, &[hidden]),
        );
    }
    // Allowed ports where a reader looks who walks no headers.
    let [high, low] = TCP_PORT.to_be_bytes();
    let decoy = with_extensions(&forbidden, &[(60, &[0, high, low, 0, 0, 0, 0])]);
    list.stopped(path, "destination options that look like allowed ports", &decoy);
}
