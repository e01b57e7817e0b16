//! IPv4 options: those that name a route, those that lie, and ports behind honest ones.

use crate::forge::{List, Path, with_options};
use bookend_abi::craft;
use bookend_abi::packet::SYN;

pub(crate) fn attacks(path: Path, list: &mut List) {
    if path.v6 {
        return;
    }
    let [a, b, c, d] = [10, 78, 0, 3];
    let allowed = list.allowed_tcp();
    let syn = path.tcp(allowed, SYN);
    let routes: [(&str, &[u8]); 6] = [
        ("a loose source route", &[131, 7, 4, a, b, c, d]),
        ("a strict source route", &[137, 7, 4, a, b, c, d]),
        ("a source route that is used up", &[131, 7, 8, a, b, c, d]),
        ("a source route behind no operation", &[1, 1, 1, 131, 7, 4, a, b, c, d]),
        ("a source route behind a router alert", &[148, 4, 0, 0, 137, 7, 4, a, b, c, d]),
        ("a source route as the very last bytes", &[1; 37]),
    ];
    for (name, route) in routes {
        let mut route = route.to_vec();
        if route.len() == 37 {
            route.extend([131, 3, 4]);
        }
        list.stopped(path, name, &with_options(&syn, &route));
    }
    let lies: [(&str, &[u8]); 5] = [
        ("an option of length 0", &[7, 0, 0, 0]),
        ("an option of length 1", &[7, 1, 0, 0]),
        ("an option beyond the header", &[7, 9, 4, 0]),
        ("an option whose length is beyond the header", &[1, 1, 1, 7]),
        ("an unknown option beyond the header", &[0x5e, 255, 0, 0]),
    ];
    for (name, lie) in lies {
        list.stopped(path, name, &with_options(&syn, lie));
    }
    // Ports are where the header ends, whatever the options look like.
    let forbidden = list.forbidden_tcp();
    let decoy = &craft::tcp(allowed.0, allowed.1, SYN)[..4];
    let hidden = path.tcp(forbidden, SYN);
    let honest: [(&str, &[u8]); 5] = [
        ("no operation", &[1, 1, 1, 1]),
        ("a record of the route", &[7, 7, 4, 0, 0, 0, 0]),
        ("a timestamp", &[68, 12, 13, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("a router alert", &[148, 4, 0, 0]),
        ("the end of the list, and a source route behind it", &[0, 131, 3, 4]),
    ];
    for (name, options) in honest {
        list.stopped(path, &format!("a forbidden port behind {name}"), &with_options(&hidden, options));
        let allowed = list.allowed_tcp();
        list.passes(
            path,
            &format!("an allowed port behind {name}"),
            &with_options(&path.tcp(allowed, SYN), options),
        );
    }
    list.stopped(
        path,
        "a forbidden port behind options that look like allowed ones",
        &with_options(&hidden, &[&[0], &decoy[..3]].concat()),
    );
    list.stopped(
        path,
        "a forbidden port behind as many options as there can be",
        &with_options(&hidden, &[1; 40]),
    );
}
