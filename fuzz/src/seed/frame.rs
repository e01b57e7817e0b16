//! Frames at an interface.

use std::net::IpAddr;

use bookend_abi::craft;
use bookend_abi::packet::{ACK, FIN, RST, SYN};
use bookend_abi::table::{ICMP, ICMPV6, SCTP, TCP, UDP};

use crate::packets::{FRIENDS, OWN};

/// Sequences in the form of [`packets`](crate::packets).
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (own, friend) in OWN.into_iter().zip(FRIENDS) {
        let (own, friend): (IpAddr, IpAddr) =
            (own.parse().expect("an address"), friend.parse().expect("an address"));
        let out = |protocol, payload: &[u8]| record(0, &craft::frame(own, friend, protocol, payload));
        let back = |protocol, payload: &[u8]| record(1, &craft::frame(friend, own, protocol, payload));
        let (icmp, request, reply, unreachable) =
            if own.is_ipv4() { (ICMP, 8, 0, 3) } else { (ICMPV6, 128, 129, 1) };
        let quoted = craft::packet(own, friend, UDP, &craft::udp(5000, 53, b"question"));
        seeds.push(
            [
                out(TCP, &craft::tcp(5000, 80, SYN)),
                back(TCP, &craft::tcp(80, 5000, SYN | ACK)),
                out(TCP, &craft::tcp(5000, 80, ACK)),
                back(TCP, &craft::tcp(80, 5000, FIN | ACK)),
                out(TCP, &craft::tcp(5000, 80, RST)),
            ]
            .concat(),
        );
        seeds.push(
            [
                out(UDP, &craft::udp(5000, 53, b"question")),
                back(UDP, &craft::udp(53, 5000, b"answer")),
                back(icmp, &craft::icmp(unreachable, [0; 4], &quoted)),
                wait(70, back(UDP, &craft::udp(53, 5000, b"late"))),
            ]
            .concat(),
        );
        seeds.push(
            [
                out(icmp, &craft::icmp(request, [0, 1, 0, 1], b"data")),
                back(icmp, &craft::icmp(reply, [0, 1, 0, 1], b"data")),
                back(icmp, &craft::icmp(13, [0, 2, 0, 1], &[0; 12])),
                out(icmp, &craft::icmp(14, [0, 2, 0, 1], &[0; 12])),
                out(icmp, &craft::icmp(42, [0; 4], b"")),
            ]
            .concat(),
        );
        seeds.push(
            [
                out(SCTP, &craft::sctp_init(5000, 3868)),
                back(SCTP, &craft::sctp(3868, 5000, 1, 2, &[0; 16])),
                out(SCTP, &craft::sctp(5000, 3868, 1, 7, &[0; 4])),
                back(SCTP, &craft::sctp(3868, 5000, 1, 6, &[])),
            ]
            .concat(),
        );
        seeds.push(out(47, b"anything"));
    }
    seeds.push(record(0, &craft::arp(1, [10, 0, 0, 1], [10, 0, 0, 2])));
    seeds.push(record(1, &craft::arp(2, [10, 0, 0, 2], [10, 0, 0, 1])));
    seeds.extend(neighbors());
    seeds
}

/// Who has an address, and the answer.
fn neighbors() -> [Vec<u8>; 2] {
    let own: IpAddr = "fd00::1".parse().expect("an address");
    let other: IpAddr = "fd00::9".parse().expect("an address");
    let everybody: IpAddr = "ff02::1:ff00:9".parse().expect("an address");
    let target = |address: IpAddr| match address {
        IpAddr::V6(v6) => v6.octets().to_vec(),
        IpAddr::V4(v4) => v4.octets().to_vec(),
    };
    let solicitation = craft::icmp(135, [0; 4], &[target(other), vec![1, 1, 2, 0, 0, 0, 0, 1]].concat());
    let answer = craft::icmp(136, [0x60, 0, 0, 0], &[target(other), vec![2, 1, 2, 0, 0, 0, 0, 2]].concat());
    [
        [
            record(0, &craft::frame(own, everybody, ICMPV6, &solicitation)),
            record(1, &craft::frame(other, own, ICMPV6, &answer)),
            record(0, &craft::frame(own, other, ICMPV6, &solicitation)),
        ]
        .concat(),
        record(
            0,
            &craft::frame(
                own,
                "ff02::16".parse().expect("an address"),
                ICMPV6,
                &craft::icmp(143, [0; 4], &[]),
            ),
        ),
    ]
}

fn record(first: u8, frame: &[u8]) -> Vec<u8> {
    let length = u8::try_from(frame.len()).expect("a short frame");
    [&[first, length], frame].concat()
}

/// The same after some seconds.
fn wait(seconds: u8, mut record: Vec<u8>) -> Vec<u8> {
    record[0] |= seconds << 1;
    record
}
